"""The equation of geodesics in closed form, against automatic differentiation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pyro_activeinf.geometry.equation import AutodiffEquation
from pyro_activeinf.geometry.local import Local
from tests.geometry.families import FAMILIES, SIZES


@pytest.mark.parametrize("name", ["Dirichlet", "Gamma"])
def test_closed_derivatives(name: str) -> None:
    family, d = FAMILIES[name], SIZES[name]
    z, v, a = torch.randn(3, 10, d)

    def near(free: Tensor) -> Local:
        return family.local(family.from_free(free)).through(family.from_free)

    closed, found = family.closed.equation, AutodiffEquation(near, 0.0)
    for name_ in ("value", "by_place", "by_velocity", "by_acceleration"):
        ours = getattr(closed.linearized(z, v, a), name_)
        assert torch.allclose(ours, getattr(found.linearized(z, v, a), name_), atol=1e-10), name_
    assert torch.allclose(closed.value(z, v, a), found.value(z, v, a), atol=1e-10)
    assert torch.allclose(closed.acceleration(z, v), found.acceleration(z, v), atol=1e-8)
