"""The distribution of what a world does: every chance that it takes, played out in turn.

Numbers from 0 to 1 are drawn as the midpoints of equal parts. A probability that is a whole number
of parts comes out exactly; any other is off by at most half a part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import gymnasium as gym
import numpy as np

T = TypeVar("T", bound=Hashable)

PARTS = 20


class Chances:
    """Stands in for a world's random numbers: takes the choices that it was told, then stops."""

    def __init__(self, told: tuple[int, ...], parts: int) -> None:
        self.told, self.parts, self.used = told, parts, 0

    def random(self) -> float:
        return (self._choose(self.parts) + 0.5) / self.parts

    def integers(self, high: int, size: int | None = None) -> Any:
        if size is None:
            return self._choose(high)
        return np.array([self._choose(high) for _ in range(size)])

    def _choose(self, count: int) -> int:
        if self.used == len(self.told):
            raise Untold(count)
        self.used += 1
        return self.told[self.used - 1]


class Untold(Exception):
    """A choice among so many that no one has told."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count


def distribution(play: Callable[[Chances], T], parts: int = PARTS) -> dict[T, float]:
    """Probability of each result of ``play``, from one run for each course of chance."""
    found: dict[T, float] = defaultdict(float)
    courses: list[tuple[tuple[int, ...], float]] = [((), 1.0)]
    while courses:
        told, weight = courses.pop()
        try:
            found[play(Chances(told, parts))] += weight
        except Untold as chance:
            share = weight / chance.count
            courses += [((*told, choice), share) for choice in range(chance.count)]
    return dict(found)


def reset_distribution(env: gym.Env[Any, Any], told: Callable[[Any, Any], T]) -> dict[T, float]:
    """Distribution of ``told(observation, info)`` at a reset."""

    def play(chances: Chances) -> T:
        env.np_random = chances  # type: ignore[assignment]
        return told(*env.reset())

    return distribution(play)


def step_distribution(
    env: gym.Env[Any, Any],
    action: int,
    told: Callable[[Any, Any], T],
    options: dict[str, Any],
    before: tuple[int, ...] = (),
    parts: int = PARTS,
) -> dict[T, float]:
    """Distribution of ``told(observation, info)`` after a reset, some actions, and this one."""

    def play(chances: Chances) -> T:
        env.reset(seed=0, options=options)
        for earlier in before:
            env.step(earlier)
        env.np_random = chances  # type: ignore[assignment]
        observation, *_, info = env.step(action)
        return told(observation, info)

    return distribution(play, parts)


def assert_same_distribution(
    found: Mapping[Any, float], expected: Mapping[Any, float], off_by: float = 1e-12
) -> None:
    """Up to an error of the probabilities; what is impossible must be so exactly."""
    possible = {key: prob for key, prob in expected.items() if prob > 1e-12}
    assert found.keys() == possible.keys()
    for key, prob in possible.items():
        assert abs(found[key] - prob) <= off_by, (key, found[key], prob)
