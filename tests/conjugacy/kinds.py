"""One of each family, for tests that hold for all."""

import pytest
import torch
from torch import Tensor

from pyro_activeinf import conjugacy as c

FAMILIES: list[c.Family] = [
    c.Gaussian(),
    c.MultivariateGaussian(3),
    c.Gamma(),
    c.Wishart(2),
    c.Dirichlet(4),
    c.Beta(),
    c.Categorical(3),
    c.Bernoulli(),
    c.Poisson(),
    c.Listed(torch.tensor([0.0, 2.0, 5.0])),
    c.DiscreteChain(4, 3),
    c.GaussianChain(3, 2),
]
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda f: type(f).__name__)
each_marginal_family = pytest.mark.parametrize(
    "family", FAMILIES[:-2], ids=lambda f: type(f).__name__
)


def naturals(family: c.Family, batch: int = 5) -> Tensor:
    """Random points of the domain."""
    near = family.neutral() * (1 + 0.2 * torch.rand(batch, family.size))
    if isinstance(family, c.Categorical | c.Bernoulli | c.Listed | c.Poisson | c.DiscreteChain):
        return near + 0.5 * torch.randn(batch, family.size)
    parts = list(family.split(near))
    if len(parts) > 1 and parts[-1].dim() > 2 and not isinstance(family, c.GaussianChain):
        parts[-1] = (parts[-1] + parts[-1].mT) / 2
    if isinstance(family, c.GaussianChain):
        parts[0] = torch.randn_like(parts[0]) * 0.01
        parts[2] = torch.randn_like(parts[2]) * 0.001
    return family.join(*parts)
