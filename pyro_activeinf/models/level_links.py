"""Networks that link the levels of a hierarchical model: Gaussians, given the level above."""

from __future__ import annotations

import math
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from .._checks import complain, numbers

SMALLEST_SCALE = 1e-3
ONE = math.log(math.e - 1.0)  # softplus(ONE) = 1


def features(width: int, hidden_dim: int) -> nn.Module:
    """Two layers of hidden units; without any, what comes in."""
    if not hidden_dim:
        return nn.Identity()
    return nn.Sequential(
        nn.Linear(width, hidden_dim), nn.SiLU(), nn.Linear(hidden_dim, hidden_dim), nn.SiLU()
    )


class GaussianLink(nn.Module):
    r"""N(loc, scale) of some coordinates, given a vector.

    With hidden units both are made by a network. Without, it is linear with a learned scale that
    does not depend on what is given, so that a chain of them is linear-Gaussian.

    Args:
        inputs, outputs: lengths of the two vectors.
        hidden_dim: hidden units; 0 for a linear link.
    """

    def __init__(self, inputs: int, outputs: int, hidden_dim: int) -> None:
        super().__init__()
        self.features = features(inputs, hidden_dim)
        self.loc = nn.Linear(hidden_dim or inputs, outputs)
        self.raw = nn.Linear(hidden_dim, outputs) if hidden_dim else None
        if self.raw is None:
            self.constant = nn.Parameter(torch.full((outputs,), ONE))

    def forward(self, given: Tensor) -> tuple[Tensor, Tensor]:
        """loc and scale, ``(*batch, outputs)``, for ``(*batch, inputs)``."""
        inner = self.features(given)
        loc = self.loc(inner)
        raw = self.constant if self.raw is None else self.raw(inner) + ONE
        return loc, (softplus(raw) + SMALLEST_SCALE).expand_as(loc)


class BernoulliLink(nn.Module):
    """Probabilities of zeros and ones, given a vector."""

    def __init__(self, inputs: int, outputs: int, hidden_dim: int) -> None:
        super().__init__()
        self.features = features(inputs, hidden_dim)
        self.logits = nn.Linear(hidden_dim or inputs, outputs)

    def forward(self, given: Tensor) -> Tensor:
        """Logits ``(*batch, outputs)``, for ``(*batch, inputs)``."""
        return self.logits(self.features(given))


def shown(link: nn.Module, given: Tensor) -> Any:
    """What a link shows of a vector, as a distribution over vectors."""
    if isinstance(link, BernoulliLink):
        return dist.Bernoulli(logits=link(given), validate_args=False).to_event(1)
    loc, scale = link(given)
    return dist.Normal(loc, scale).to_event(1)


def vectors(name: str, values: Any, width: int, like: Tensor, *, rows: bool = True) -> Tensor:
    """Vectors as numbers of the kind that networks take: ``(n, width)``, or any ``(.., width)``.

    Raises:
        ValueError: for other shapes, or no row at all.
    """
    found = numbers(name, values)
    dims = found.dim() == 2 and len(found) > 0 if rows else found.dim() > 0
    if not dims or found.shape[-1] != width:
        what = f"rows of shape (n, {width})" if rows else f"vectors of length {width}"
        raise ValueError(complain(name, what, f"shape {tuple(found.shape)}"))
    return found.to(like)


def merged(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    r"""The product of two Gaussians, weighted by their precisions: loc and scale.

    .. math:: \sigma^{-2} = \sigma_1^{-2} + \sigma_2^{-2}, \qquad
              \mu = \sigma^2 (\sigma_1^{-2} \mu_1 + \sigma_2^{-2} \mu_2)

    Example:
        >>> two = torch.tensor(0.0), torch.tensor(1.0)
        >>> loc, scale = merged((torch.tensor(2.0), torch.tensor(1.0)), two)
        >>> loc.item(), round(scale.item() ** 2, 6)
        (1.0, 0.5)
    """
    (m1, s1), (m2, s2) = one, other
    p1, p2 = s1.square().reciprocal(), s2.square().reciprocal()
    return (p1 * m1 + p2 * m2) / (p1 + p2), (p1 + p2).rsqrt()
