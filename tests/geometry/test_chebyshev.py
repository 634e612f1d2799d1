"""Polynomials by their values at Chebyshev's nodes."""

from __future__ import annotations

import torch

from pyro_activeinf.geometry import chebyshev


def test_derivatives_and_values() -> None:
    t = chebyshev.nodes(20)
    assert torch.allclose(chebyshev.differentiation(20) @ t.exp(), t.exp(), atol=1e-12)
    between = torch.linspace(0, 1, 11)
    found = chebyshev.interpolation(between, 20) @ t.exp()
    assert torch.allclose(found, between.exp(), atol=1e-13)
    finer = chebyshev.refinement(20, 40) @ t.exp()
    assert torch.allclose(finer, chebyshev.nodes(40).exp(), atol=1e-13)


def test_what_is_not_resolved_is_told() -> None:
    t = chebyshev.nodes(12)[:, None]
    assert chebyshev.unresolved(t.exp()) < 1e-9
    assert chebyshev.unresolved((60 * t).sin()) > 1e-2
