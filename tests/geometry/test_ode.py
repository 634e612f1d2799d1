"""Geodesics from a velocity."""

from __future__ import annotations

import sys

import pytest
import torch

from tests.geometry.families import manifold


def test_without_the_library_that_solves_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchdiffeq", None)
    with pytest.raises(ImportError, match=r"pip install pyro-activeinf\[geometry\]"):
        manifold("Gamma").exp_map(torch.ones(2), torch.ones(2))


def test_derivatives_by_start_and_velocity() -> None:
    space = manifold("Beta")
    x, v = torch.tensor([2.0, 3.0]), torch.tensor([0.5, -1.0])
    for which in (0, 1):
        given = [x.clone(), v.clone()]
        given[which].requires_grad_()
        (slope,) = torch.autograd.grad(space.exp_map(*given).sum(), given[which])
        for i in range(2):
            step = 1e-5 * torch.eye(2)[i]
            ahead, back = [x, v], [x, v]
            ahead[which] = ahead[which] + step
            back[which] = back[which] - step
            found = (space.exp_map(*ahead) - space.exp_map(*back)).sum() / 2e-5
            assert slope[i].item() == pytest.approx(found.item(), rel=1e-4)
