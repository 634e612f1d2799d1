"""All experiments by name: a new one is added here."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from .bars import AtMost, Ratio, Within
from .behavior import LEARNERS, Learner
from .cart import cart
from .experiment import Experiment
from .levels import Levels
from .memory import MemoryGrowth, PeakMemory
from .outcomes import Episodes, Known, MeanAtLeast, Outcome, TigerValues
from .problem import Problem, some_policies
from .results import Curve, Row
from .scaling import Scaling
from .swing import Swing
from .timing import NOBODY, Timing
from .worlds import World, grid, tmaze

STEPS = 100_000  # of a long life
MOVES = 2  # in a trial of the T-maze
NO_GROWTH = AtMost(2**20)  # over so many steps: less than one object kept at each


@cache
def rows() -> tuple[Experiment[Row], ...]:
    """The measurements of the table, in its order."""
    world, maze = grid(), tmaze()
    return (
        _scoring(world, 4, 1),
        _scoring(world, 4, 64),
        _scoring(world, 5, 1),
        _scoring(world, 5, 16),
        _updating(world, 1, Ratio(5)),
        _updating(world, 64, Ratio(20)),
        _updating(world, 1024, Ratio(50)),
        *(_updating_fixed(world, batch) for batch in (1, 64, 1024)),
        Timing("T-maze step, H=2", Problem("stepping", maze, 2), Ratio(1)),
        Timing("T-maze step, H=4", Problem("stepping", maze, 4), Ratio(1)),
        Timing(
            "rollout of 100 steps, H=3, batch 64",
            Problem("rollout", world, 3, 64, steps=100),
            Ratio(20),
        ),
        Timing(
            "policy scoring, linear-Gaussian, H=7, float64 (peer: cpomdp)",
            Problem("gaussian scoring", cart(), 7),
            Ratio(3),
            rival="cpomdp",
            agree=1e-9,
        ),
        *(_planning_by_particles(real) for real in (True, False)),
        *(_stepping_of_levels(svi) for svi in (True, False)),
        *map(_fitting, LEARNERS),
        PeakMemory("peak memory, H=5, batch 16", Problem("scoring", world, 5, 16), Ratio(2)),
        MemoryGrowth(
            f"growth of memory over {STEPS:,} steps",
            Problem("living", maze, 2, steps=MOVES),
            STEPS // MOVES,
            NO_GROWTH,
        ),
    )


def _planning_by_particles(real: bool) -> Timing:
    swing = Swing(real=real)
    kind = "real actions" if real else "3 actions"
    return Timing(
        f"planning step, {swing.policies} policies x {swing.particles} particles, H=10, {kind}",
        Problem("particle planning", swing, 10),
        Within(0.06),
        rival=NOBODY,
    )


def _stepping_of_levels(svi: bool) -> Timing:
    size = Levels(svi=svi)
    how = "by SVI" if svi else "one by one"
    return Timing(
        f"step of two levels, each {size.states} states x {size.actions} actions, H=3, {how}",
        Problem("stepping of levels", size, 3),
        Within(0.003),
        rival=NOBODY,
    )


def _fitting(learner: str) -> Timing:
    return Timing(
        f"gradient of a population's likelihood, 50 persons x 200 trials, {learner}",
        Problem("gradient of a population", Learner(learner), batch=50, steps=200),
        Within(0.5),
        rival=NOBODY,
    )


def _scoring(world: World, horizon: int, batch: int) -> Timing:
    problem = Problem("scoring", world, horizon, batch)
    return Timing(
        f"policy scoring, H={horizon}, batch {batch}",
        problem,
        Ratio(15),
        products=replace(problem, task="products"),
    )


def _updating(world: World, batch: int, bar: Ratio) -> Timing:
    name = f"belief update, batch {batch}"
    return Timing(name, Problem("updating", world, batch=batch), bar)


def _updating_fixed(world: World, batch: int) -> Timing:
    problem = Problem("updating", world, batch=batch)
    name = f"belief update, batch {batch}, peer's model compiled in"
    return Timing(name, problem, peer=replace(problem, task="updating fixed"))


@cache
def outcomes() -> tuple[Experiment[Outcome], ...]:
    """What agents earn in worlds, and what plans are worth, beside what is known of it."""
    early = (-1.0, -2.0, 2.72, 2.42125, 3.60915, 5.61882, 6.24635, 7.09662)
    return (
        TigerValues("Tiger, horizon 200", ((200, 19.3713684),), 0.95, 1e-3, 2.0),
        TigerValues("Tiger, horizons 1 to 8", tuple(enumerate(early, 1)), 1.0, 1e-5, 2.0),
        Episodes("FrozenLake 4x4, 100 steps", "FrozenLake 4x4", 1000, Known(0.744190)),
        Episodes("FrozenLake 8x8, 200 steps", "FrozenLake 8x8", 1000, Known(0.913220)),
        Episodes("RockSample(4,4), discount .95", "RockSample(4,4)", 2000, MeanAtLeast(17.5)),
    )


@cache
def curves() -> tuple[Experiment[Curve], ...]:
    """The measurements of the figure, one for each of its columns."""
    world = grid()
    sides, batches, horizons = (3, 5, 7, 10, 14, 20), (1, 4, 16, 64, 256), (1, 2, 3, 4, 5)
    counts = (5, 25, 125, 625, 3125)
    return (
        Scaling(
            "scaling with states",
            "states",
            "125 policies of 3 steps, 1 agent",
            tuple((side**2, Problem("scoring", grid(side), 3)) for side in sides),
        ),
        Scaling(
            "scaling with policies",
            "policies",
            "random ones of 6 steps, 100 states, 1 agent",
            tuple(
                (n, Problem("scoring", world, 6, policies=some_policies(world, n, 6)))
                for n in counts
            ),
        ),
        Scaling(
            "scaling with horizon",
            "horizon",
            "every policy of 5 actions, 100 states, 1 agent",
            tuple((h, Problem("scoring", world, h)) for h in horizons),
        ),
        Scaling(
            "scaling with batch",
            "batch",
            "125 policies of 3 steps, 100 states",
            tuple((b, Problem("scoring", world, 3, b)) for b in batches),
        ),
    )


def matching(
    pattern: str, without: Collection[str] = ()
) -> tuple[list[Experiment[Row]], list[Experiment[Curve]], list[Experiment[Outcome]]]:
    """The rows, curves and outcomes whose names contain a text, upper and lower case alike.

    Args:
        pattern: the text.
        without: names that are left out.

    Example:
        >>> [experiment.name for experiment in matching("step, h=2")[0]]
        ['T-maze step, H=2']
    """
    part = pattern.casefold()

    def wanted(experiment: Experiment[Any]) -> bool:
        return part in experiment.name.casefold() and experiment.name not in without

    return (
        list(filter(wanted, rows())),
        list(filter(wanted, curves())),
        list(filter(wanted, outcomes())),
    )


def names() -> Iterator[str]:
    """The name of every experiment."""
    for experiments in (rows(), outcomes(), curves()):
        yield from (experiment.name for experiment in experiments)
