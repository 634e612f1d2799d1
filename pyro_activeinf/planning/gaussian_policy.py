"""Gaussian guides over real-valued policies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from .._checks import positive
from ..filters import Filter
from .action_box import ActionBox, action_box
from .newton import Moments, newton_step
from .orthogonal import OrthogonalNormal
from .policy_guides import GuideFamily, NaturalGuide
from .warm_start import one_step_on


@dataclass(frozen=True)
class GaussianPolicy(GuideFamily):
    r"""A Gaussian over whole policies, squashed into the bounds of the space.

    .. math:: u = c + h \, \frac{x}{(1 + |x|^6)^{1/6}}, \qquad x \sim N(m, S)

    Args:
        spread: standard deviation to begin with; with the bounds at 1.

    Raises:
        ValueError: for a spread that is not above 0; on a call, for a space that is no bounded Box.

    Example:
        >>> import pyro
        >>> from pyro_activeinf.filters import GaussianFilter
        >>> from pyro_activeinf.models import LinearGaussian
        >>> from pyro_activeinf.planning import Variational
        >>> pyro.set_rng_seed(0)
        >>> walk = LinearGaussian(torch.eye(1), B=torch.eye(1), goal=torch.ones(1), bound=2.0)
        >>> filter = GaussianFilter(walk)
        >>> planner = Variational(2, steps=10, guide=GaussianPolicy(), precision=16.0)
        >>> posterior = planner(filter, filter.initial())
        >>> posterior.policies[0, 0].round(decimals=1).tolist()  # to the goal
        [1.0]
    """

    spread: float = 0.1

    def __post_init__(self) -> None:
        positive("spread", self.spread)

    def __call__(
        self, filter: Filter, horizon: int, shape: tuple[int, ...], begin: Tensor | None
    ) -> GaussianGuide:
        """See :class:`GuideFamily`."""
        guide = GaussianGuide(action_box(filter), horizon, shape)
        if begin is not None:
            guide.loc.data.copy_(guide.numbers_of(begin))
        guide.log_scale.data.fill_(math.log(self.spread))
        return guide


class GaussianGuide(NaturalGuide):
    """The guide; its covariance is L L^T, with L = diag(exp(log_scale)) (1 + strict lower part)."""

    def __init__(self, box: ActionBox, horizon: int, shape: tuple[int, ...]) -> None:
        super().__init__(box, horizon, shape)
        zeros = box.low.new_zeros(*shape, horizon * box.low.numel())
        self.loc = nn.Parameter(zeros)  # (restarts, *batch, numbers)
        self.log_scale = nn.Parameter(zeros.clone())  # (restarts, *batch, numbers)
        self.mixing = nn.Parameter(zeros.diag_embed())  # (restarts, *batch, numbers, numbers)

    def numbers(self) -> TorchDistribution:
        """See :class:`BoxGuide`."""
        return OrthogonalNormal(self.loc, self._root())

    def center_numbers(self) -> Tensor:
        """See :class:`BoxGuide`."""
        return self.loc

    def natural_step(self, draws: Tensor, gradients: Tensor, rate: float) -> None:
        """See :class:`NaturalGuide`."""
        with torch.no_grad():
            self._set(newton_step(Moments(self.loc, self._root()), draws, gradients, rate))

    def step_on(self) -> None:
        """See :class:`PolicyGuide`; the last step keeps its variance, and nothing else."""
        with torch.no_grad():
            steps = self.loc.unflatten(-1, (self.horizon, -1))
            loc = one_step_on(steps, steps.dim() - 2).flatten(-2)
            each = steps.shape[-1]
            cov = self._root() @ self._root().mT
            moved = torch.zeros_like(cov)
            moved[..., :-each, :-each] = cov[..., each:, each:]
            moved[..., -each:, -each:] = cov[..., -each:, -each:]
            self._set(Moments(loc, torch.linalg.cholesky(moved)))

    def _root(self) -> Tensor:
        unit = torch.eye(self.mixing.shape[-1], dtype=self.loc.dtype, device=self.loc.device)
        return self.log_scale.exp().unsqueeze(-1) * (unit + self.mixing.tril(-1))

    def _set(self, found: Moments) -> None:
        scale = found.root.diagonal(dim1=-2, dim2=-1)
        self.loc.copy_(found.loc)
        self.log_scale.copy_(scale.log())
        self.mixing.copy_((found.root / scale.unsqueeze(-1)).tril(-1))
