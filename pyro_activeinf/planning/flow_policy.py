"""Guides over real-valued policies that are as rich as a normalizing flow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pyro.distributions as dist
import torch
from pyro.distributions.transforms import AffineTransform
from torch import Tensor, nn

from .._checks import complain, positive, positive_int
from ..filters import Filter
from ..flows import NormalizingFlow
from ..flows.kind import Kind
from .action_box import ActionBox, action_box
from .policy_guides import BoxGuide, GuideFamily, PolicyGuide
from .warm_start import one_step_on

CONTEXT = 4  # numbers by which a flow tells restarts and members of a batch apart
DRAWS = 64  # of which the most probable one stands for a restart


@dataclass(frozen=True)
class FlowPolicy(GuideFamily):
    r"""A normalizing flow over a whole policy: several ways to a goal, and how actions correlate.

    .. math::
        u = c + h \, \frac{x}{(1 + |x|^6)^{1/6}}, \qquad x = m + \sigma f(z), \quad
        z \sim N(0, 1)

    One flow f serves all restarts and members of the batch, each with its own m, :math:`\sigma`
    and a few numbers that the flow depends on.

    Args:
        length: number of steps of the flow.
        kind: what a step does; it needs an inverse.
        spread: :math:`\sigma` to begin with; 1 covers the space.

    Raises:
        ValueError: for a wrong argument, or a kind without an inverse; on a call, for a space that
            is no bounded Box.

    Reference: Rezende and Mohamed (2015), "Variational inference with normalizing flows".

    Example:
        >>> import pyro
        >>> from pyro_activeinf.filters import GaussianFilter
        >>> from pyro_activeinf.models import LinearGaussian
        >>> from pyro_activeinf.planning import Variational
        >>> pyro.set_rng_seed(0)
        >>> walk = LinearGaussian(torch.eye(1), B=torch.eye(1), goal=torch.ones(1), bound=2.0)
        >>> filter = GaussianFilter(walk)
        >>> guide = FlowPolicy(length=2, spread=0.3)
        >>> posterior = Variational(2, steps=40, guide=guide, precision=64.0)(
        ...     filter, filter.initial()
        ... )
        >>> bool((posterior.policies[0, 0] - 1.0).abs() < 0.2)  # to the goal
        True
    """

    length: int = 4
    kind: Kind | str = "affine_coupling"
    spread: float = 1.0

    def __post_init__(self) -> None:
        positive_int("length", self.length)
        positive("spread", self.spread)

    def __call__(
        self, filter: Filter, horizon: int, shape: tuple[int, ...], begin: Tensor | None
    ) -> PolicyGuide:
        """See :class:`GuideFamily`."""
        box = action_box(filter)
        numbers = horizon * math.prod(box.event)
        flow = NormalizingFlow(numbers, self.length, self.kind, CONTEXT).to(box.low)
        if not flow.invertible:
            raise ValueError(
                complain(
                    "kind",
                    "a kind of flow that has an inverse",
                    self.kind,
                    "Take affine_coupling or spline_coupling.",
                )
            )
        guide = FlowGuide(box, horizon, shape, flow)
        if begin is not None:
            guide.loc.data.copy_(guide.numbers_of(begin))
        guide.log_scale.data.fill_(math.log(self.spread))
        return guide


class FlowGuide(BoxGuide):
    """The guide: a flow, moved and scaled for each restart and member of the batch."""

    def __init__(
        self, box: ActionBox, horizon: int, shape: tuple[int, ...], flow: NormalizingFlow
    ) -> None:
        super().__init__(box, horizon, shape)
        self.flow = flow
        zeros = box.low.new_zeros(*shape, flow.dim)
        self.loc = nn.Parameter(zeros)  # (restarts, *batch, numbers)
        self.log_scale = nn.Parameter(zeros.clone())  # (restarts, *batch, numbers)
        self.context = nn.Parameter(torch.randn(*shape, CONTEXT).to(zeros))

    def numbers(self) -> dist.TorchDistribution:
        """See :class:`BoxGuide`."""
        shaped = self.flow.condition(self.context).distribution()
        moved = AffineTransform(self.loc, self.log_scale.exp(), event_dim=1)
        return dist.TransformedDistribution(shaped, [moved])

    def center_numbers(self) -> Tensor:
        """See :class:`BoxGuide`: the most probable of some draws."""
        with torch.no_grad():
            q = self.numbers()
            draws = q.sample((DRAWS,))
            best = q.log_prob(draws).argmax(0)
            index = best[None, ..., None].expand(1, *draws.shape[1:])
            return draws.gather(0, index).squeeze(0)

    def step_on(self) -> None:
        """See :class:`PolicyGuide`."""
        with torch.no_grad():
            for parameter in (self.loc, self.log_scale):
                steps = parameter.unflatten(-1, (self.horizon, -1))
                parameter.copy_(one_step_on(steps, steps.dim() - 2).flatten(-2))
