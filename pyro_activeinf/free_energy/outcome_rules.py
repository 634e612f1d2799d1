"""How the outcomes of an observation site are listed: by quadrature, or by draws."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from .._checks import complain, positive_int
from ..compile.linear_sites import GaussianSite
from ..filters.gaussian_quadrature import rule

Listed = tuple[Tensor, Tensor]  # values (count, *batch, *event), log-weights (count, *batch)


class OutcomeRule(ABC):
    """A list of weighted outcomes that stands for the distribution of an observation site."""

    @abstractmethod
    def __call__(self, site: str, fn: Any) -> Listed:
        """Values ``(count, *batch, *event)``, and log-weights that broadcast over the batch.

        Raises:
            ValueError: for a distribution that the rule does not know.
        """


@dataclass(frozen=True)
class Draws(OutcomeRule):
    """As many independent draws of each outcome, for any distribution.

    Gradients flow through draws of distributions that are reparameterized; of others (a Poisson
    count, say) the outcomes are held fixed.

    Args:
        count: number of draws, for each state.

    Example:
        >>> values, log_weights = Draws(4)("o", dist.Normal(torch.zeros(3), 1.0))
        >>> tuple(values.shape), round(float(log_weights.exp().sum()), 6)
        ((4, 3), 1.0)
    """

    count: int = 1

    def __post_init__(self) -> None:
        positive_int("count", self.count)

    def __call__(self, site: str, fn: Any) -> Listed:
        """See :class:`OutcomeRule`."""
        values = (fn.rsample if fn.has_rsample else fn.sample)((self.count,))
        ones = torch.ones(self.count, *[1] * len(fn.batch_shape), device=values.device)
        return values, ones.to(_floating(values)).mul(-math.log(self.count))


@dataclass(frozen=True)
class Quadrature(OutcomeRule):
    r"""Gauss-Hermite nodes of a Gaussian outcome, a grid of them for a vector.

    .. math:: E_{N(\mu, L L^T)}[f(o)] \approx \sum_k w_k f(\mu + \sqrt 2 L x_k)

    Without noise, and exact for polynomials of a degree below ``2 * nodes`` in each number.

    Args:
        nodes: in each number of an outcome.
        most: number of nodes that a grid may have.

    Raises:
        ValueError: for a site that is not Gaussian, or a grid that is too large.

    Example:
        >>> values, log_weights = Quadrature(8)("o", dist.Normal(torch.tensor(1.0), 2.0))
        >>> round(float(log_weights.exp() @ values**2), 6)  # mean^2 + variance
        5.0
    """

    nodes: int = 16
    most: int = 4096

    def __post_init__(self) -> None:
        positive_int("nodes", self.nodes)
        positive_int("most", self.most)

    def __call__(self, site: str, fn: Any) -> Listed:
        """See :class:`OutcomeRule`."""
        parts = GaussianSite.of(fn)
        if parts is None or parts.scale is None:
            raise ValueError(
                complain(
                    f"site '{site}'",
                    "a Normal or MultivariateNormal outcome",
                    type(fn).__name__,
                    "Draw its outcomes: Mixed(Draws(4)), or Nested().",
                )
            )
        numbers = parts.event.numel()
        self._require_room(site, numbers)
        grid, weights = rule(numbers, self.nodes, parts.loc)
        lead = (-1, *[1] * len(fn.batch_shape))
        values = parts.value(grid.reshape(*lead, *parts.event))
        shape = (len(grid), *fn.batch_shape, *parts.event)
        return values.expand(shape), weights.log().reshape(lead)

    def _require_room(self, site: str, numbers: int) -> None:
        if self.nodes**numbers > self.most:
            raise ValueError(
                complain(
                    f"nodes of {site}",
                    f"a grid of at most {self.most} outcomes",
                    f"{self.nodes}^{numbers}",
                    "Use fewer nodes, or Mixed(Draws(4)).",
                )
            )


def finite_support(fn: Any) -> Tensor | None:
    """Every value ``(size, *event)`` of a distribution; ``None`` where they are not listed."""
    if isinstance(fn, dist.Delta) or not getattr(fn, "has_enumerate_support", False):
        return None
    try:
        support: Tensor = fn.enumerate_support(expand=False)
    except NotImplementedError:  # as of a binomial, whose values differ over the batch
        return None
    return support.reshape(len(support), *fn.event_shape)


def _floating(values: Tensor) -> torch.dtype:
    return values.dtype if values.is_floating_point() else torch.get_default_dtype()
