"""The laboratory: its two sides, and taking turns."""

from functools import partial

from pyro_activeinf.bench.experiment import Effort, Lab
from pyro_activeinf.bench.problem import Problem
from pyro_activeinf.bench.worlds import grid
from tests.bench.sides import BRIEFLY, Absent, Local, lab, twin

PROBLEM = Problem("updating", grid(3))


def test_without_a_peer_it_says_how_to_get_one() -> None:
    with lab() as alone:
        assert alone.peer is None
        assert alone.facts["peer"] is None
        assert alone.absence.startswith("The peer is absent (none was named): only our own")
        assert "pip install inferactively-pymdp jax" in alone.absence


def test_a_peer_that_does_not_answer_is_absent() -> None:
    with lab(Absent) as alone:
        assert alone.peer is None
        assert "absent (there is nobody here):" in alone.absence


def test_with_a_peer() -> None:
    with twin() as both:
        assert both.absence == ""
        assert both.facts["peer"]["name"] == "pyro_activeinf"


def test_measurements_alternate() -> None:
    asked: list[str] = []
    start = partial(Local, asked)
    with Lab(start, partial(Local, asked, "peer "), Effort(turns=3, seconds=0.0)) as both:
        assert both.peer is not None
        tasks = [both.ours.prepare("a", PROBLEM), both.peer.prepare("a", PROBLEM)]
        asked.clear()
        durations = both.in_turns(tasks)
    assert asked == ["run", "peer run"] * 3
    assert [len(values) for values in durations] == [3, 3]


def test_tasks_that_take_long_have_fewer_turns() -> None:
    with Lab(Local, None, Effort(turns=5, seconds=0.0, few=2, long=0.0)) as alone:
        durations = alone.in_turns([alone.ours.prepare("a", PROBLEM)])
    assert len(durations[0]) == 2


def test_fresh_sides_are_new_and_closed_afterwards() -> None:
    with twin() as both, both.fresh() as (ours, peer):
        assert ours is not both.ours
        assert peer is not None
        assert peer is not both.peer
        ours.prepare("a", PROBLEM)
    assert isinstance(ours, Local)
    assert not ours.worker.tasks


def test_fresh_without_a_peer() -> None:
    with lab() as alone, alone.fresh() as (_, peer):
        assert peer is None


def test_further_peers_are_started_when_first_needed() -> None:
    asked: list[str] = []
    with Lab(Local, None, BRIEFLY, {"other": partial(Local, asked)}) as several:
        assert not asked
        other = several.rival("other")
        assert isinstance(other, Local)
        assert several.rival("other") is other
        assert asked == ["hello"]
        assert several.facts["other"]["name"] == "pyro_activeinf"
        assert several.rival("unknown") is several.rival(None) is None
