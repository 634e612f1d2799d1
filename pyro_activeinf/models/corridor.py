"""A corridor with a beacon: a goal that is hidden, and a place that shows where it is."""

from __future__ import annotations

from collections.abc import Sequence

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .._checks import positive
from .base import GenerativeModel

State = tuple[Tensor, Tensor]


class Corridor(GenerativeModel):
    r"""A walk to a goal that is out of sight, with a beacon on the other side that tells of it.

    .. math::
        x_t = x_{t-1} + u_{t-1} + w_x, \quad d_t = d_{t-1} + u_{t-1} + w_d, \qquad
        place_t \sim N(x_t, \sigma^2), \quad
        cue_t \sim N\left(d_t, \left(r + k (x_t - b)^2\right)^2\right)

    State sites ``place`` x and ``gap`` d, the distance to the goal; observation sites ``here``
    and ``cue``. The cue is sharp at the beacon b alone. Preferred is no gap,
    :math:`\tilde p(d) = N(0, width^2)`: a preference over states. An agent either commits to where
    it believes the goal to be, or senses first: it walks away from the goal to the beacon, and
    commits then. Which of both is the better one depends on how far it looks ahead, where the
    information of one step counts at the next (``GaussianFilter(model, anticipate=True)``).

    Args:
        pushes: the actions, in a ``Discrete`` space; ``None`` for a ``Box`` of one real number
            of up to ``reach``.
        beacon: where the cue is sharp, b.
        gap: the expected gap at the start, which is at x = 0; minus where the goal is expected.
        doubt: standard deviation of that gap.
        width: standard deviation of the preferred gap.
        blur: k, how fast the cue blurs with the distance to the beacon.
        reach: the largest real action.

    Reference: Corva (2026), "State-dependent observation noise reintroduces epistemic value in
    linear-Gaussian active inference", for the idea that noise which depends on the state makes
    the information in an outcome depend on the policy.

    Example:
        >>> model = Corridor()
        >>> model.actions
        Discrete(5)
    """

    noise = 0.1  # standard deviation of a move, and of what is seen of the place
    sharp = 0.1  # standard deviation of the cue at the beacon

    def __init__(
        self,
        pushes: Sequence[float] | None = (-2.0, -1.0, 0.0, 1.0, 2.0),
        *,
        beacon: float = -2.0,
        gap: float = -3.0,
        doubt: float = 2.0,
        width: float = 2.0,
        blur: float = 1.0,
        reach: float = 2.0,
    ) -> None:
        super().__init__()
        self.beacon, self.gap = float(beacon), float(gap)
        self.doubt, self.width = positive("doubt", doubt), positive("width", width)
        self.blur, self.reach = positive("blur", blur), positive("reach", reach)
        self.register_buffer("pushes", None if pushes is None else torch.tensor(list(pushes)))
        self.actions = (
            gym.spaces.Box(-self.reach, self.reach, (), np.float32)
            if pushes is None
            else gym.spaces.Discrete(len(pushes))
        )

    def initial(self) -> State:
        """At 0, with a guess of the gap."""
        place = pyro.sample("place", dist.Normal(torch.tensor(0.0), self.noise))
        gap = pyro.sample("gap", dist.Normal(torch.tensor(self.gap), self.doubt))
        return place, gap

    def transition(self, state: State, action: Tensor) -> State:
        """A step along the corridor."""
        push = action if self.pushes is None else self.pushes[action]
        place, gap = state
        return (
            pyro.sample("place", dist.Normal(place + push, self.noise)),
            pyro.sample("gap", dist.Normal(gap + push, self.noise)),
        )

    def observe(self, state: State) -> None:
        """Where one is, and what the beacon tells from here."""
        place, gap = state
        blurred = self.sharp + self.blur * (place - self.beacon).square()
        pyro.sample("here", dist.Normal(place, self.noise))
        pyro.sample("cue", dist.Normal(gap, blurred))

    def prefer(self) -> None:
        """To be at the goal."""
        pyro.sample("gap", dist.Normal(torch.tensor(0.0), self.width))
