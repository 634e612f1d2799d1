"""q(u_1:H) as Pyro guides that are made for a belief, and handed on to the next step."""

from __future__ import annotations

from abc import ABC, ABCMeta, abstractmethod
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroModule
from torch import Tensor

from ..filters import Filter
from ..models.unroll import plates
from ..records import Belief
from .action_box import ActionBox

BEND = 6  # k: how late and how sharply numbers bend towards the bounds
NEAR = 0.02  # no closer to a bound, in half widths, does a guide begin: slopes are flat there


class GuideMeta(ABCMeta, type(PyroModule)):  # type: ignore[misc]
    """Lets a PyroModule have abstract methods."""


class PolicyGuide(PyroModule, metaclass=GuideMeta):  # type: ignore[metaclass]
    """A Pyro program for q(u_1:H): samples ``policy``, ``(restarts, *batch, time, *event)``."""

    @abstractmethod
    def forward(self, belief: Belief) -> Any:
        """Sample ``policy``, in plates for the restarts and for each batch dim of the belief."""

    @abstractmethod
    def centers(self) -> Tensor:
        """One policy that stands for each restart, ``(restarts, *batch, time, *event)``."""

    @abstractmethod
    def step_on(self) -> None:
        """Move what is known about later steps one step ahead: the first action was taken."""


class GuideFamily(ABC):
    """A kind of policy guide: what ``Variational(guide=)`` takes."""

    @abstractmethod
    def __call__(
        self, filter: Filter, horizon: int, shape: tuple[int, ...], begin: Tensor | None
    ) -> PolicyGuide:
        """A fresh guide.

        Args:
            filter: whose actions they are.
            horizon: number of steps.
            shape: ``(restarts, *batch)``.
            begin: the policies to begin at, ``(restarts, *batch, time, *event)``; ``None`` where
                actions are counted.
        """


class BoxGuide(PolicyGuide):
    r"""A guide over a box: real numbers, squashed into the bounds.

    .. math::
        x \sim q(x), \qquad u = c + h \, \frac{x}{(1 + |x|^k)^{1/k}}, \qquad
        \log q(u) = \log q(x) - \log |du / dx|

    With k = 6 the map is straight but for the last fifth before the bounds, so that what is simple
    in actions is simple in x.

    Args:
        box: bounds c - h and c + h.
        horizon: number of steps.
        shape: ``(restarts, *batch)``.
    """

    def __init__(self, box: ActionBox, horizon: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.box, self.horizon, self.shape = box, horizon, shape

    @abstractmethod
    def numbers(self) -> dist.TorchDistribution:
        """q(x) of batch shape ``(restarts, *batch)`` over flattened policies ``(numbers,)``."""

    @abstractmethod
    def center_numbers(self) -> Tensor:
        """x that stands for each restart, ``(restarts, *batch, numbers)``."""

    def forward(self, belief: Belief) -> Tensor:
        """Sample ``policy``; the numbers that it is made of are a site of their own."""
        with plates(torch.Size(self.shape)):
            x = pyro.sample("policy_numbers", self.numbers(), infer={"is_auxiliary": True})
            density = -self._log_slopes(x)
            u = self.squash(x)
            inside = dist.Delta(u, density, event_dim=1 + len(self.box.event))
            return pyro.sample("policy", inside)

    def centers(self) -> Tensor:
        """See :class:`PolicyGuide`."""
        return self.squash(self.center_numbers()).detach()

    def squash(self, x: Tensor) -> Tensor:
        """From numbers ``(.., numbers)`` to policies ``(.., time, *event)``."""
        steps = x.unflatten(-1, (self.horizon, *self.box.event))
        inside = steps * (1 + steps.abs() ** BEND) ** (-1 / BEND)
        return self.box.center + self.box.half_width * inside

    def numbers_of(self, policies: Tensor) -> Tensor:
        """From policies ``(.., time, *event)`` to numbers ``(.., numbers)``, not too far out."""
        inside = ((policies - self.box.center) / self.box.half_width).clamp(NEAR - 1, 1 - NEAR)
        x = inside * (1 - inside.abs() ** BEND) ** (-1 / BEND)
        return x.flatten(-1 - len(self.box.event))

    def _log_slopes(self, x: Tensor) -> Tensor:
        """log |du / dx|, ``(..)``."""
        slopes = -(1 + 1 / BEND) * (x.abs() ** BEND).log1p()
        return slopes.sum(-1) + self.horizon * self.box.half_width.log().sum()


class NaturalGuide(BoxGuide):
    """A guide over a box that knows the natural gradient of its own parameters."""

    @abstractmethod
    def natural_step(self, draws: Tensor, gradients: Tensor, rate: float) -> None:
        r"""Go down :math:`E_q[f(x)] - H[q]`, a step of size ``rate`` in (0, 1].

        Args:
            draws: x, ``(draws, restarts, *batch, numbers)``.
            gradients: of f at each of them, of the same shape.
        """
