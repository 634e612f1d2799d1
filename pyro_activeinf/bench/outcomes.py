"""What agents earn, and what plans are worth, beside what is known of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist, mean, stdev
from typing import Any

from .experiment import Experiment, Lab
from .sample import readable_seconds

HEAD = ("world", "found", "95 % interval", "predicted", "bar", "verdict", "episodes", "time")
LEVEL = 0.95
EXACT = 1e-6  # a planner's prediction is as near as the six digits that are known


def interval(values: tuple[float, ...]) -> tuple[float, float] | None:
    """Confidence interval of a mean, from the normal distribution; None for a single value.

    Example:
        >>> [round(bound, 3) for bound in interval((0.0, 1.0, 0.0, 1.0))]
        [-0.066, 1.066]
    """
    if len(values) < 2:
        return None
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * stdev(values) / len(values) ** 0.5
    return mean(values) - half, mean(values) + half


@dataclass(frozen=True)
class Outcome:
    """What was found in a world: the returns of episodes, or the value of a plan."""

    name: str
    found: tuple[float, ...]
    seconds: float
    predicted: float | None = None
    bar: str = ""
    passed: bool | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def cells(self) -> tuple[str, ...]:
        """The outcome as text, in the columns of :data:`HEAD`."""
        bounds = interval(self.found)
        return (
            self.name,
            f"{mean(self.found):.7g}" if bounds is None else f"{mean(self.found):.4g}",
            "" if bounds is None else "{:.4g} to {:.4g}".format(*bounds),
            "" if self.predicted is None else f"{self.predicted:.6f}",
            self.bar,
            {True: "pass", False: "FAIL", None: ""}[self.passed],
            "" if bounds is None else str(len(self.found)),
            readable_seconds(self.seconds),
        )

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain values."""
        return {
            "name": self.name,
            "found": mean(self.found),
            "interval_95": interval(self.found),
            "predicted": self.predicted,
            "bar": self.bar or None,
            "passed": self.passed,
            "seconds": self.seconds,
            "each": list(self.found),
            **self.details,
        }


class Goal(ABC):
    """What the returns of many episodes have to be."""

    @abstractmethod
    def __str__(self) -> str:
        """The condition in a few signs."""

    @abstractmethod
    def reached(self, returns: tuple[float, ...], predicted: float | None) -> bool:
        """Whether it holds."""


@dataclass(frozen=True)
class MeanAtLeast(Goal):
    """The mean return is at least so much.

    Example:
        >>> goal = MeanAtLeast(0.5)
        >>> str(goal), goal.reached((0.0, 1.0), None)
        ('>= 0.5', True)
    """

    least: float

    def __str__(self) -> str:
        """The condition in a few signs."""
        return f">= {self.least:g}"

    def reached(self, returns: tuple[float, ...], predicted: float | None) -> bool:
        """Whether the mean is that high."""
        return mean(returns) >= self.least


@dataclass(frozen=True)
class Known(Goal):
    """The planner predicts the known optimum, and it lies in the interval of the returns.

    Example:
        >>> goal = Known(0.5)
        >>> str(goal), goal.reached((0.0, 1.0), 0.5), goal.reached((0.0, 1.0), 0.51)
        ('0.500000', True, False)
    """

    value: float

    def __str__(self) -> str:
        """The condition in a few signs."""
        return f"{self.value:.6f}"

    def reached(self, returns: tuple[float, ...], predicted: float | None) -> bool:
        """Whether prediction and returns agree with it."""
        bounds = interval(returns)
        if predicted is None or bounds is None:
            return False
        return abs(predicted - self.value) <= EXACT and bounds[0] <= self.value <= bounds[1]


@dataclass(frozen=True)
class Episodes(Experiment[Outcome]):
    """The returns of an agent over many episodes, each with random numbers of its own.

    Args:
        name: what it is called.
        game: a name in :data:`~pyro_activeinf.bench.games.GAMES`.
        episodes: their number.
        goal: what has to be reached.
        seed: of all random numbers.
    """

    name: str
    game: str
    episodes: int
    goal: Goal | None = None
    seed: int = 0

    def run(self, lab: Lab) -> Outcome:
        """Play in a process of its own; ours alone."""
        with lab.fresh() as (ours, _):
            told = ours.ask("play", name=self.game, episodes=self.episodes, seed=self.seed)
        returns, predicted = tuple(told["returns"]), told["predicted"]
        return Outcome(
            self.name,
            returns,
            told["seconds"],
            predicted,
            "" if self.goal is None else str(self.goal),
            None if self.goal is None else self.goal.reached(returns, predicted),
            {"seed": self.seed},
        )

    def shrunk(self) -> Episodes:
        """A few episodes of the smallest world, which no goal is meant for."""
        return replace(self, game="FrozenLake 4x4", episodes=3, goal=None)


@dataclass(frozen=True)
class TigerValues(Experiment[Outcome]):
    """Values of the tiger's problem at some horizons, beside what they are known to be.

    Args:
        name: what it is called.
        known: horizon and value.
        discount: delta.
        tolerance: the largest difference.
        seconds: the longest time.
    """

    name: str
    known: tuple[tuple[int, float], ...]
    discount: float
    tolerance: float
    seconds: float

    def run(self, lab: Lab) -> Outcome:
        """Plan in a process of its own, once before, which loads whatever the libraries load."""
        horizons = [horizon for horizon, _ in self.known]
        with lab.fresh() as (ours, _):
            ours.ask("tiger", horizons=[1], discount=self.discount)
            told = ours.ask("tiger", horizons=horizons, discount=self.discount)
        pairs = zip(told["values"], self.known, strict=True)
        error = max(abs(value - known) for value, (_, known) in pairs)
        return Outcome(
            self.name,
            (told["values"][-1],),
            told["seconds"],
            bar=str(self),
            passed=error <= self.tolerance and told["seconds"] <= self.seconds,
            details={"horizons": horizons, "values": told["values"], "largest_error": error},
        )

    def __str__(self) -> str:
        """The condition in a few signs."""
        last = self.known[-1][1]
        count = "" if len(self.known) == 1 else f" (and {len(self.known) - 1} more)"
        return f"{last:.7g}{count} to {self.tolerance:g}, < {self.seconds:g} s"

    def shrunk(self) -> TigerValues:
        """The shortest horizon alone."""
        return replace(self, known=self.known[:1] if len(self.known) > 1 else ((1, -1.0),))
