"""Memory of a task, and of a long life."""

from pyro_activeinf.bench.bars import AtMost, Ratio
from pyro_activeinf.bench.memory import MemoryGrowth, PeakMemory, prepared_in
from pyro_activeinf.bench.problem import Problem
from pyro_activeinf.bench.worlds import grid, tmaze
from tests.bench.sides import Local, lab, twin

PROBLEM = Problem("scoring", grid(3), 2, 2)


def test_peak_of_both_sides() -> None:
    with twin() as both:
        row = PeakMemory("a", PROBLEM, Ratio(2)).run(both)
    assert row.ours.unit == "bytes"
    assert row.ours.median >= 0
    assert row.peer is not None


def test_memory_is_measured_from_the_warm_up_on() -> None:
    side = Local()
    task, memory = prepared_in(side, PROBLEM)
    assert side.asked == ["prepare", "settle", "prepare", "peak"]
    assert list(side.worker.tasks) == ["warm-up", "task"]
    assert task.key == "task"
    assert memory.unit == "bytes"


def test_a_large_task_is_seen() -> None:
    policies, batch = 5**5, 1024  # more than memory that was freed before could hold
    with lab() as alone:
        row = PeakMemory("a", Problem("scoring", grid(3), 5, batch)).run(alone)
    assert row.ours.median > policies * batch * 4  # at least G of every policy


def test_growth_looks_again_at_the_end() -> None:
    asked: list[str] = []
    with twin(asked) as both:
        asked.clear()
        problem = Problem("living", tmaze(), 1, steps=2)
        row = MemoryGrowth("a", problem, 20, AtMost(2**30)).run(both)
    assert asked == ["prepare", "settle", "run", "peak", *["run"] * 9, "peak"]
    assert row.peer is None
    assert row.passed is True


def test_shrunk() -> None:
    assert PeakMemory("a", Problem("scoring", grid(5), 5, 16), Ratio(2)).shrunk().bar is None
    life = MemoryGrowth("a", Problem("living", tmaze(), 1, steps=2), 50_000, AtMost(1)).shrunk()
    assert (life.episodes, life.bar) == (20, None)
