"""Schedules: a number for every step of learning."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from .._checks import complain, nonnegative, positive, positive_int

Schedule = Callable[[Any], Any]  # a step, counted from 0 -> a number


def _clipped(progress: Any) -> Any:
    """Into [0, 1]; a tensor without a look at its values."""
    if isinstance(progress, Tensor):
        return progress.clamp(0.0, 1.0)
    return min(max(progress, 0.0), 1.0)


class Annealing(ABC):
    r"""A schedule from one number to another.

    .. math:: \beta(t) = start + (stop - start) \, \min(\max(r(t), 0), 1)

    A step t is an ``int``, which gives a ``float``, or a tensor ``(*any)``, which gives a tensor
    of the same shape.
    """

    start: float
    stop: float

    @abstractmethod
    def progress(self, step: Any) -> Any:
        """r(t) in arithmetic that numbers and tensors share; it may leave [0, 1]."""

    def __call__(self, step: Any) -> Any:
        """The number at a step, counted from 0."""
        return self.start + (self.stop - self.start) * _clipped(self.progress(step))

    def _require_bounds(self) -> None:
        nonnegative("start", self.start)
        nonnegative("stop", self.stop)


@dataclass(frozen=True)
class Linear(Annealing):
    r"""A straight line.

    .. math:: r(t) = t / steps

    Args:
        steps: after which it stays at ``stop``.
        start, stop: the two numbers, at least 0.

    Raises:
        ValueError: for a number of steps below 1, or bounds below 0.

    Reference: Bowman et al. (2016), "Generating sentences from a continuous space", CoNLL.

    Example:
        >>> beta = Linear(10)
        >>> beta(0), beta(5), beta(99)
        (0.0, 0.5, 1.0)
    """

    steps: int
    start: float = 0.0
    stop: float = 1.0

    def __post_init__(self) -> None:
        positive_int("steps", self.steps)
        self._require_bounds()

    def progress(self, step: Any) -> Any:
        """r(t)."""
        return step / self.steps


@dataclass(frozen=True)
class WarmUp(Annealing):
    r"""A straight line after a delay, in which it stays at ``start``.

    .. math:: r(t) = (t - delay) / steps

    Args:
        delay: steps at ``start``.
        steps: of the line.
        start, stop: the two numbers, at least 0.

    Raises:
        ValueError: for a delay below 0, a number of steps below 1, or bounds below 0.

    Reference: Sønderby et al. (2016), "Ladder variational autoencoders", NeurIPS, section 3.

    Example:
        >>> beta = WarmUp(delay=10, steps=10)
        >>> beta(10), beta(15), beta(20)
        (0.0, 0.5, 1.0)
    """

    delay: int
    steps: int
    start: float = 0.0
    stop: float = 1.0

    def __post_init__(self) -> None:
        nonnegative("delay", self.delay)
        positive_int("steps", self.steps)
        self._require_bounds()

    def progress(self, step: Any) -> Any:
        """r(t)."""
        return (step - self.delay) / self.steps


@dataclass(frozen=True)
class Cyclical(Annealing):
    r"""A straight line, then a plateau, again and again.

    .. math:: r(t) = \frac{t \bmod period}{ratio \cdot period}

    Args:
        period: steps from one start to the next.
        ratio: the part of a period in which the number rises, in (0, 1].
        start, stop: the two numbers, at least 0.

    Raises:
        ValueError: for a period below 1, a ratio out of (0, 1], or bounds below 0.

    Reference: Fu et al. (2019), "Cyclical annealing schedule: a simple approach to mitigating KL
    vanishing", NAACL, eqs. 6 and 7.

    Example:
        >>> beta = Cyclical(period=10, ratio=0.5)
        >>> [beta(t) for t in (0, 4, 5, 9, 10)]
        [0.0, 0.8, 1.0, 1.0, 0.0]
    """

    period: int
    ratio: float = 0.5
    start: float = 0.0
    stop: float = 1.0

    def __post_init__(self) -> None:
        positive_int("period", self.period)
        if not 0 < self.ratio <= 1:
            raise ValueError(complain("ratio", "a number in (0, 1]", self.ratio))
        self._require_bounds()

    def progress(self, step: Any) -> Any:
        """r(t)."""
        return (step % self.period) / (self.ratio * self.period)


@dataclass(frozen=True)
class RobbinsMonro:
    r"""Steps that shrink slowly enough to get anywhere and quickly enough to stay there.

    .. math:: \rho_t = (t + \tau)^{-\kappa}, \qquad
        \sum_t \rho_t = \infty, \quad \sum_t \rho_t^2 < \infty

    Args:
        tau: delay, which damps the first steps; above 0.
        kappa: forgetting rate, in (0.5, 1].

    Raises:
        ValueError: for numbers out of these ranges.

    Reference: Robbins and Monro (1951), "A stochastic approximation method"; Hoffman et al.
    (2013), "Stochastic variational inference", JMLR, eq. 26.

    Example:
        >>> rho = RobbinsMonro(tau=1.0, kappa=1.0)
        >>> rho(0), rho(1), rho(3)
        (1.0, 0.5, 0.25)
    """

    tau: float = 1.0
    kappa: float = 0.7

    def __post_init__(self) -> None:
        positive("tau", self.tau)
        if not isinstance(self.kappa, Real) or not 0.5 < self.kappa <= 1:
            raise ValueError(
                complain(
                    "kappa",
                    "a number in (0.5, 1]",
                    repr(self.kappa),
                    "Others shrink the steps too slowly to settle, or too quickly to arrive.",
                )
            )

    def __call__(self, step: Any) -> Any:
        """The size of a step, counted from 0: an ``int``, or a tensor ``(*any)``."""
        return (step + self.tau) ** -self.kappa


@dataclass(frozen=True)
class LearningRate:
    r"""A learning rate that follows a schedule, for ``fit(.., learning_rate=)``.

    .. math:: \eta_t = \eta \, schedule(t)

    Args:
        schedule: by which the optimizer's own learning rate is multiplied.

    Raises:
        TypeError: for a schedule that is no function of the step.

    Example:
        >>> import torch
        >>> adam = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> LearningRate(RobbinsMonro(tau=2.0, kappa=1.0))(adam).get_last_lr()
        [0.05]
    """

    schedule: Schedule

    def __post_init__(self) -> None:
        if not callable(self.schedule):
            expected = "a function from steps to numbers"
            raise TypeError(complain("schedule", expected, repr(self.schedule)))

    def __call__(self, optimizer: Optimizer) -> LambdaLR:
        """The scheduler of an optimizer."""
        return LambdaLR(optimizer, self.schedule)
