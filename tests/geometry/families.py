"""Families, and points of them for tests."""

from __future__ import annotations

import pyro.distributions as dist
import torch
from torch import Tensor

from pyro_activeinf.geometry import (
    Binomial,
    ExponentialFamily,
    MultivariateNormal,
    Normal,
    Product,
    StatisticalManifold,
    family_of,
)

FAMILIES: dict[str, ExponentialFamily] = {
    "Normal": Normal(),
    "diagonal Normal": Product(Normal(), (2,)),
    "MultivariateNormal": MultivariateNormal(),
    "Categorical": family_of(dist.Categorical),
    "Bernoulli": family_of(dist.Bernoulli),
    "Binomial": Binomial(7),
    "Beta": family_of(dist.Beta),
    "Dirichlet": family_of(dist.Dirichlet),
    "Gamma": family_of(dist.Gamma),
    "Exponential": family_of(dist.Exponential),
    "Poisson": family_of(dist.Poisson),
}
SIZES = {
    "Normal": 2,
    "diagonal Normal": 4,
    "MultivariateNormal": 5,
    "Categorical": 2,
    "Bernoulli": 1,
    "Binomial": 1,
    "Beta": 2,
    "Dirichlet": 3,
    "Gamma": 2,
    "Exponential": 1,
    "Poisson": 1,
}
CURVED = [name for name, size in SIZES.items() if size > 1]


def manifold(name: str) -> StatisticalManifold:
    return StatisticalManifold(FAMILIES[name])


def points(name: str, *batch: int, spread: float = 0.5) -> Tensor:
    """Random points, in usual coordinates."""
    free = spread * torch.randn(*batch, SIZES[name], dtype=torch.float64)
    return FAMILIES[name].from_free(free)


def vectors(name: str, *batch: int) -> Tensor:
    return torch.randn(*batch, SIZES[name], dtype=torch.float64)
