"""The figure of time and memory against sizes."""

from pyro_activeinf.bench.figure import scaling_figure
from pyro_activeinf.bench.results import Cost, Curve, Point
from pyro_activeinf.bench.sample import Sample


def cost(seconds: float, memory: float) -> Cost:
    return Cost(Sample("seconds", (seconds,)), Sample("bytes", (memory,)))


def curve(peer: Cost | None) -> Curve:
    points = (Point(4, cost(0.002, 2**20), peer), Point(16, cost(0.004, 0.0), peer))
    return Curve("a", "states", "all else", points)


def test_a_column_for_each_curve() -> None:
    figure = scaling_figure([curve(None), curve(None)], ("ours", "peer"))
    assert len(figure.axes) == 4
    assert figure.axes[0].get_title() == "all else"
    assert figure.axes[2].get_xlabel() == "states"
    assert figure.axes[0].get_ylabel() == "time of a call (ms)"
    assert figure.axes[2].get_ylabel() == "memory (MiB)"


def test_lines_are_what_was_measured() -> None:
    above, below = scaling_figure([curve(cost(0.1, 2**24))], ("ours", "peer")).axes
    ours, peer = above.get_lines()
    assert (ours.get_label(), peer.get_label()) == ("ours", "peer")
    assert list(ours.get_xdata()) == [4, 16]
    assert list(ours.get_ydata()) == [2.0, 4.0]
    assert list(peer.get_ydata()) == [100.0, 100.0]
    assert list(below.get_lines()[1].get_ydata()) == [16.0, 16.0]


def test_what_cannot_be_measured_lies_on_the_floor() -> None:
    below = scaling_figure([curve(None)], ("ours", "peer")).axes[1]
    assert list(below.get_lines()[0].get_ydata()) == [1.0, 2**16 / 2**20]


def test_without_a_peer() -> None:
    above = scaling_figure([curve(None)], ("ours", "peer")).axes[0]
    assert [line.get_label() for line in above.get_lines()] == ["ours"]


def test_it_can_be_drawn() -> None:
    scaling_figure([curve(cost(0.1, 2**24))], ("ours", "peer")).draw_without_rendering()
