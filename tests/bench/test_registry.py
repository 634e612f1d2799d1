"""What is measured, and what has to be reached."""

import pytest

from pyro_activeinf.bench.behavior import LEARNERS
from pyro_activeinf.bench.games import GAMES
from pyro_activeinf.bench.outcomes import Episodes
from pyro_activeinf.bench.peer_cpomdp import TASKS as CPOMDP_TASKS
from pyro_activeinf.bench.peer_pymdp import TASKS as PEER_TASKS
from pyro_activeinf.bench.registry import curves, matching, names, outcomes, rows
from pyro_activeinf.bench.tasks import TASKS
from pyro_activeinf.bench.timing import NOBODY, Timing

BARS = {
    "policy scoring, H=4, batch 1": ">= 15x",
    "policy scoring, H=4, batch 64": ">= 15x",
    "policy scoring, H=5, batch 1": ">= 15x",
    "policy scoring, H=5, batch 16": ">= 15x",
    "belief update, batch 1": ">= 5x",
    "belief update, batch 64": ">= 20x",
    "belief update, batch 1024": ">= 50x",
    "T-maze step, H=2": ">= 1x",
    "T-maze step, H=4": ">= 1x",
    "rollout of 100 steps, H=3, batch 64": ">= 20x",
    "policy scoring, linear-Gaussian, H=7, float64 (peer: cpomdp)": ">= 3x",
    "planning step, 256 policies x 64 particles, H=10, real actions": "<= 60 ms",
    "planning step, 256 policies x 64 particles, H=10, 3 actions": "<= 60 ms",
    "step of two levels, each 10 states x 3 actions, H=3, by SVI": "<= 3 ms",
    "step of two levels, each 10 states x 3 actions, H=3, one by one": "<= 3 ms",
    **{
        f"gradient of a population's likelihood, 50 persons x 200 trials, {learner}": "<= 500 ms"
        for learner in LEARNERS
    },
    "peak memory, H=5, batch 16": ">= 2x",
    "growth of memory over 100,000 steps": "<= 1.0 MiB",
}


def test_bars() -> None:
    found = {row.name: str(row.bar) for row in rows() if row.bar is not None}  # type: ignore[attr-defined]
    assert found == BARS


def test_names_are_unique() -> None:
    count = len(rows()) + len(outcomes()) + len(curves())
    assert len(set(names())) == len(list(names())) == count


def test_both_sides_know_their_tasks() -> None:
    timings = [row for row in rows() if isinstance(row, Timing)]
    assert {row.problem.task for row in timings} <= TASKS.keys()
    known = {None: PEER_TASKS, "cpomdp": CPOMDP_TASKS}
    shared = [row for row in timings if row.rival != NOBODY]
    assert all((row.peer or row.problem).task in known[row.rival] for row in shared)


@pytest.mark.parametrize("experiment", [*rows(), *curves()], ids=lambda e: e.name)
def test_every_experiment_can_be_tried_out(experiment: object) -> None:
    small = experiment.shrunk()  # type: ignore[attr-defined]
    problems = [small.problem] if hasattr(small, "problem") else [p for _, p in small.points]
    assert all(p.world.states <= 10 and p.batch <= 2 and p.horizon <= 2 for p in problems)
    assert small.name == experiment.name  # type: ignore[attr-defined]


def test_matching() -> None:
    found, grown, played = matching("POLICY scoring")
    assert len(found) == 5
    assert grown == played == []
    assert [curve.name for curve in matching("with batch")[1]] == ["scaling with batch"]
    assert [world.name for world in matching("8x8")[2]] == ["FrozenLake 8x8, 200 steps"]
    assert matching("no such thing") == ([], [], [])
    assert [len(part) for part in matching("")] == [len(rows()), len(curves()), len(outcomes())]


def test_what_is_known_may_be_left_out() -> None:
    found, *_ = matching("belief update", without={"belief update, batch 64"})
    assert len(found) == len(matching("belief update")[0]) - 1


def test_what_agents_have_to_earn() -> None:
    bars = {world.name: str(getattr(world, "goal", world)) for world in outcomes()}
    assert bars == {
        "Tiger, horizon 200": "19.37137 to 0.001, < 2 s",
        "Tiger, horizons 1 to 8": "7.09662 (and 7 more) to 1e-05, < 2 s",
        "FrozenLake 4x4, 100 steps": "0.744190",
        "FrozenLake 8x8, 200 steps": "0.913220",
        "RockSample(4,4), discount .95": ">= 17.5",
    }
    assert {world.game for world in outcomes() if isinstance(world, Episodes)} == GAMES.keys()
