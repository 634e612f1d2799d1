"""Timings of both sides."""

from dataclasses import replace

from pyro_activeinf.bench.bars import Ratio
from pyro_activeinf.bench.problem import Problem
from pyro_activeinf.bench.results import AGREE
from pyro_activeinf.bench.timing import Timing
from pyro_activeinf.bench.worlds import grid
from tests.bench.sides import lab, twin

PROBLEM = Problem("scoring", grid(3), 2)


def test_ours_alone() -> None:
    with lab() as alone:
        row = Timing("a", PROBLEM, Ratio(15)).run(alone)
    assert row.ours.unit == "seconds"
    assert row.ours.median > 0
    assert (row.peer, row.difference, row.compile_seconds, row.passed) == (None,) * 4


def test_both_compute_the_same() -> None:
    with twin() as both:
        row = Timing("a", PROBLEM).run(both)
    assert row.peer is not None
    assert row.difference == 0.0
    assert row.compile_seconds is not None


def test_a_peer_that_does_something_else_differs() -> None:
    with twin() as both:
        row = Timing("a", PROBLEM, peer=replace(PROBLEM, world=grid(3, noise=0.5))).run(both)
    assert row.verdict == "DIFFERS"


def test_rollouts_are_compared_by_a_replay() -> None:
    with twin() as both:
        row = Timing("a", Problem("rollout", grid(3), 1, 2, steps=2)).run(both)
    assert row.difference is not None
    assert row.difference < AGREE


def test_bare_products() -> None:
    with lab() as alone:
        row = Timing("a", PROBLEM, products=replace(PROBLEM, task="products")).run(alone)
    assert row.products is not None
    assert row.cells()[-1].endswith("x")


def test_sides_forget_earlier_problems() -> None:
    asked: list[str] = []
    with twin(asked) as both:
        asked.clear()
        Timing("a", PROBLEM).run(both)
    assert asked[:4] == ["clear", "peer clear", "prepare", "peer prepare"]


def test_shrunk() -> None:
    large = Problem("scoring", grid(5), 4, 64)
    small = Timing("a", large, Ratio(15), peer=large, products=large).shrunk()
    assert small.bar is None
    assert small.problem.batch == 2
    assert small.peer is not None
    assert small.products is not None
    assert small.peer.horizon == small.products.horizon == 2
    assert Timing("a", large).shrunk().peer is None
