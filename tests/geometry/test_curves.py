"""Curves over times from 0 to 1."""

from __future__ import annotations

import torch

from pyro_activeinf.geometry.chebyshev import nodes
from pyro_activeinf.geometry.curves import Formula, Polyline, Polynomial


def test_straight_pieces() -> None:
    way = Polyline(torch.tensor([[0.0], [1.0], [5.0]]))
    assert way(0.75).tolist() == [3.0]
    assert way(torch.tensor([0.0, 1.0])).tolist() == [[0.0], [5.0]]
    assert way.velocity(0.2).tolist() == [2.0]
    assert way.velocity(0.9).tolist() == [8.0]


def test_polynomials_and_formulas_agree() -> None:
    t = nodes(16)[:, None, None]
    values = torch.cat([t.exp(), t.sin()], -1).expand(-1, 3, 2)
    way = Polynomial(values, torch.exp)
    other = Formula(lambda s: torch.cat([s.exp(), s.sin()], -1).exp().expand(-1, 3, 2), 2)
    times = torch.linspace(0, 1, 5)
    assert way(times).shape == (5, 3, 2)
    assert torch.allclose(way(times), other(times), atol=1e-12)
    assert torch.allclose(way.velocity(times), other.velocity(times), atol=1e-10)
    assert way(0.5).shape == (3, 2)
