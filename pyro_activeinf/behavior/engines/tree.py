"""The No-U-Turn sampler for one chain, as a generator that asks for densities.

It yields points, and is sent their log-density and gradient, so that several chains can be
evaluated at once.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from .metric import Array, Metric

Value = TypeVar("Value")
Asking = Generator[Array, tuple[float, Array], Value]
DIVERGED = -1000.0  # nats of energy that a trajectory may lose at most


class Phase(NamedTuple):
    """A point with its momentum."""

    z: Array  # (dim,)
    momentum: Array  # (dim,)
    log_prob: float
    gradient: Array  # (dim,)


class Facts(NamedTuple):
    """How the trajectory to a draw went."""

    accept: float  # mean probability of acceptance along the trajectory
    steps: int  # leapfrog steps
    depth: int
    diverging: bool
    energy: float  # of the draw, in nats


class Moved(NamedTuple):
    """A draw, and how the trajectory to it went."""

    phase: Phase
    facts: Facts


@dataclass(frozen=True)
class Tree:
    """A piece of a trajectory."""

    left: Phase
    right: Phase
    momentum: Array  # (dim,), the sum of all
    proposal: Phase
    log_weight: float  # of all points, as log sum of exp(-energy)
    accept: float  # sums over points
    steps: int
    turning: bool = False
    diverging: bool = False

    @property
    def stopped(self) -> bool:
        """Whether it may not grow."""
        return self.turning or self.diverging


@dataclass(frozen=True)
class Walk:
    """Dynamics of one trajectory."""

    metric: Metric
    step: float
    rng: np.random.Generator
    origin: float  # energy at its begin

    def build(self, start: Phase, depth: int, direction: int) -> Asking[Tree]:
        """A tree of ``2**depth`` points next to a point."""
        if depth == 0:
            return (yield from self._leaf(start, direction))
        first = yield from self.build(start, depth - 1, direction)
        if first.stopped:
            return first
        second = yield from self.build(edge(first, direction), depth - 1, direction)
        total = np.logaddexp(first.log_weight, second.log_weight)
        return self.joined(first, second, direction, second.log_weight - total)

    def _leaf(self, start: Phase, direction: int) -> Asking[Tree]:
        new = yield from leapfrog(start, direction * self.step, self.metric)
        weight = self.origin - energy(new, self.metric)
        diverging = not weight > DIVERGED
        accept = 0.0 if math.isnan(weight) else math.exp(min(0.0, weight))
        weight = -math.inf if diverging else weight
        return Tree(new, new, new.momentum, new, weight, accept, 1, diverging=diverging)

    def joined(self, first: Tree, second: Tree, direction: int, log_odds: float) -> Tree:
        """A tree and the one that was built next to it, whose proposal has these odds."""
        left, right = (first, second) if direction > 0 else (second, first)
        take = not second.stopped and math.log(self.rng.random()) < log_odds
        return Tree(
            left.left,
            right.right,
            first.momentum + second.momentum,
            second.proposal if take else first.proposal,
            float(np.logaddexp(first.log_weight, second.log_weight)),
            first.accept + second.accept,
            first.steps + second.steps,
            second.turning or self._turns(left, right),
            second.diverging,
        )

    def _turns(self, left: Tree, right: Tree) -> bool:
        """Whether the ends come nearer: of both, and of each with the next point of the other."""
        first, last = left.left.momentum, right.right.momentum
        inner, outer = right.left.momentum, left.right.momentum
        return (
            self._u_turn(first, last, left.momentum + right.momentum)
            or self._u_turn(first, inner, left.momentum + inner)
            or self._u_turn(outer, last, right.momentum + outer)
        )

    def _u_turn(self, first: Array, last: Array, total: Array) -> bool:
        way = self.metric.velocity(total)
        return bool(first @ way <= 0 or last @ way <= 0)


def transition(
    phase: Phase, metric: Metric, step: float, rng: np.random.Generator, max_depth: int
) -> Asking[Moved]:
    """One draw after another, by multinomial sampling from a trajectory that does not turn."""
    start = phase._replace(momentum=metric.momentum(rng))
    walk = Walk(metric, step, rng, energy(start, metric))
    tree = Tree(start, start, start.momentum, start, 0.0, 0.0, 0)
    depth = 0
    while depth < max_depth and not tree.stopped:
        direction = 1 if rng.random() < 0.5 else -1
        new = yield from walk.build(edge(tree, direction), depth, direction)
        tree = walk.joined(tree, new, direction, new.log_weight - tree.log_weight)
        depth += 1
    drawn = tree.proposal
    accept = tree.accept / max(tree.steps, 1)
    facts = Facts(accept, tree.steps, depth, tree.diverging, energy(drawn, metric))
    return Moved(drawn, facts)


def edge(tree: Tree, direction: int) -> Phase:
    """The end of a tree."""
    return tree.right if direction > 0 else tree.left


def energy(phase: Phase, metric: Metric) -> float:
    """Potential and kinetic energy, in nats."""
    kinetic = float(phase.momentum @ metric.velocity(phase.momentum))
    return 0.5 * kinetic - phase.log_prob


def leapfrog(phase: Phase, step: float, metric: Metric) -> Asking[Phase]:
    """A step of the dynamics."""
    half = phase.momentum + 0.5 * step * phase.gradient
    z = phase.z + step * metric.velocity(half)
    log_prob, gradient = yield z
    return Phase(z, half + 0.5 * step * gradient, log_prob, gradient)


def at(z: Array) -> Asking[Phase]:
    """A point at rest."""
    log_prob, gradient = yield z
    return Phase(z, np.zeros_like(z), log_prob, gradient)


def reasonable_step(
    phase: Phase, metric: Metric, rng: np.random.Generator, step: float = 1.0
) -> Asking[float]:
    """A step that is accepted about every other time (Hoffman and Gelman 2014, algorithm 4)."""
    start = phase._replace(momentum=metric.momentum(rng))
    origin, direction = energy(start, metric), 0
    for _ in range(50):
        new = yield from leapfrog(start, step, metric)
        better = origin - energy(new, metric) > math.log(0.8)
        if direction and better != (direction > 0):
            break
        direction = 1 if better else -1
        step *= 2.0**direction
    return step
