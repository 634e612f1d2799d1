"""Costs against sizes."""

from pyro_activeinf.bench.problem import Problem
from pyro_activeinf.bench.scaling import Scaling
from pyro_activeinf.bench.worlds import grid
from tests.bench.sides import lab, twin

POINTS = tuple((n * n, Problem("scoring", grid(n), 1)) for n in (2, 3))


def test_a_point_for_each_size() -> None:
    with lab() as alone:
        curve = Scaling("a", "states", "all else", POINTS).run(alone)
    assert [point.size for point in curve.points] == [4, 9]
    assert all(point.ours.seconds.median > 0 for point in curve.points)
    assert all(point.peer is None for point in curve.points)


def test_beside_a_peer() -> None:
    with twin() as both:
        curve = Scaling("a", "states", "all else", POINTS[:1]).run(both)
    assert curve.points[0].peer is not None
    assert curve.points[0].peer.memory.unit == "bytes"


def test_shrunk_to_one_point() -> None:
    assert [size for size, _ in Scaling("a", "states", "", POINTS).shrunk().points] == [4]
