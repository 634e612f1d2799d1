r"""Values and weights that give exact expectations of whatever is linear in T(x).

.. math:: f(x) = c \cdot (1, T(x)) \quad\Rightarrow\quad E_q[f(x)] = \sum_j w_j(\mu) f(x_j), \qquad
          \sum_j w_j (1, T(x_j)) = (1, \mu)

Weights are linear in the mean coordinates and may be negative: they interpolate. So a log density
that can only be evaluated becomes a function of mean coordinates, and one more value tells whether
it is linear at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import torch
from torch import Tensor

from .counts import Bernoulli, Beta, Categorical, Dirichlet, Poisson
from .family import DTYPE, Family
from .gaussian import Gaussian, MultivariateGaussian
from .listed import Listed
from .precision import Gamma, Wishart
from .transformed import Transformed


@dataclass(frozen=True)
class Nodes:
    """Values for interpolation, and how their weights follow from mean coordinates."""

    values: Tensor  # (nodes, *event), or (nodes, *batch, *event) where bounds are in a batch
    basis: Tensor | None  # (size + 1, nodes): weights = (1, mean) @ basis; None for mean itself
    extra: Tensor | None  # (*event): a value to try it on; None where it cannot fail

    def weights(self, mean: Tensor) -> Tensor:
        """Weights ``(*batch, nodes)`` at mean coordinates ``(*batch, size)``."""
        if self.basis is None:
            return mean
        one = torch.ones_like(mean[..., :1])
        return torch.cat([one, mean], -1) @ self.basis


def nodes_of(family: Family) -> Nodes:
    """Nodes of a family."""
    if isinstance(family, Categorical):
        return Nodes(torch.arange(family.dim), None, None)
    if isinstance(family, Listed):
        return Nodes(family.values, None, None)
    values, extra = values_of(family)
    statistics = family.statistics(values)
    statistics = statistics.reshape(len(values), -1, family.size)[:, 0]  # all alike
    rows = torch.cat([torch.ones_like(statistics[..., :1]), statistics], -1)
    certain = isinstance(family, Bernoulli)
    return Nodes(values, torch.linalg.pinv(rows), None if certain else extra)


@singledispatch
def values_of(family: Family) -> tuple[Tensor, Tensor]:
    """Values at which (1, T(x)) span all they can, and another one."""
    raise NotImplementedError(type(family).__name__)


@values_of.register
def _(family: Gaussian) -> tuple[Tensor, Tensor]:
    return torch.tensor([-1.0, 0.0, 1.0], dtype=DTYPE), torch.tensor(0.6, dtype=DTYPE)


@values_of.register
def _(family: MultivariateGaussian) -> tuple[Tensor, Tensor]:
    unit = torch.eye(family.dim, dtype=DTYPE)
    first, second = torch.triu_indices(family.dim, family.dim, 1)
    values = torch.cat(
        [torch.zeros(1, family.dim, dtype=DTYPE), unit, -unit, unit[first] + unit[second]]
    )
    return values, _uneven(family.dim)


@values_of.register
def _(family: Gamma) -> tuple[Tensor, Tensor]:
    return torch.tensor([0.5, 1.0, 2.0], dtype=DTYPE), torch.tensor(1.4, dtype=DTYPE)


@values_of.register
def _(family: Wishart) -> tuple[Tensor, Tensor]:
    one = torch.eye(family.dim, dtype=DTYPE)
    first, second = torch.triu_indices(family.dim, family.dim)
    added = one[first].unsqueeze(-1) * one[second].unsqueeze(-2)
    added = (added + added.mT) / 2
    u = _uneven(family.dim)
    return torch.cat([torch.stack([one, 4 * one]), one + added]), one + torch.outer(u, u)


@values_of.register
def _(family: Dirichlet) -> tuple[Tensor, Tensor]:
    even = torch.ones(1, family.dim, dtype=DTYPE)
    values = torch.cat([even, even + family.dim * torch.eye(family.dim, dtype=DTYPE)])
    other = 1 + _uneven(family.dim).abs()
    return values / values.sum(-1, keepdim=True), other / other.sum()


@values_of.register
def _(family: Beta) -> tuple[Tensor, Tensor]:
    return torch.tensor([0.3, 0.5, 0.8], dtype=DTYPE), torch.tensor(0.62, dtype=DTYPE)


@values_of.register
def _(family: Bernoulli) -> tuple[Tensor, Tensor]:
    return torch.tensor([0.0, 1.0], dtype=DTYPE), torch.tensor(1.0, dtype=DTYPE)


@values_of.register
def _(family: Poisson) -> tuple[Tensor, Tensor]:
    return torch.tensor([0.0, 1.0], dtype=DTYPE), torch.tensor(3.0, dtype=DTYPE)


@values_of.register
def _(family: Transformed) -> tuple[Tensor, Tensor]:
    values, extra = values_of(family.base)
    if not family.bounds:
        return family.into(values), family.into(extra)
    wide = values.reshape(len(values), *[1] * len(family.bounds))
    return family.into(wide.expand(-1, *family.bounds)), family.into(extra.expand(family.bounds))


def _uneven(dim: int) -> Tensor:
    """A vector without symmetries."""
    return (1.0 + torch.arange(dim, dtype=DTYPE)).cos()
