"""The tree of a closed-loop plan as it is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from matplotlib.figure import Figure

from pyro_activeinf import plots
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning import OpenLoop, Sophisticated
from tests.planning.worlds import Tiger

LABELS = {
    "tiger": ["left", "right"],
    "door": ["closed", "left open", "right open"],
    "action": ["listen", "open left", "open right"],
    "growl": ["of an observation: left aside"],
}


def tiger(depth: int = 3, **given: Any) -> Figure:
    exact = ExactFilter(Tiger())
    planner = Sophisticated(3, precision=math.inf, terms={"pragmatic"})
    return plots.plan(planner, exact, exact.initial(), depth, **given)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_listen_listen_open() -> None:
    figure = tiger(labels=LABELS)
    written = texts(figure)

    first = [text.split("\n")[0] for text in written if "G = " in text]
    assert first[:3] == ["listen"] * 3
    assert sorted(first[3:]) == ["listen", "open left", "open right"]
    heard = sorted(float(text) for text in written if text.startswith("0.") and " " not in text)
    once, twice = [0.5] * 4, [0.255, 0.255, 0.745, 0.745]  # of hearing the same, or the other
    assert heard == pytest.approx([0.03, 0.03, *sorted(once + twice), 0.97, 0.97], abs=0.006)
    assert {"left 0.85", "right 0.85", "left 0.97", "right 0.97"} <= set(written)
    assert written.count("closed") == 1 + 2 + 3 + 2
    axes = figure.axes[0]
    assert axes.get_xlabel() == "time step"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1", "2", "3"]


def test_steps_are_counted_from_that_of_the_belief() -> None:
    exact = ExactFilter(Tiger())
    heard = exact.update(exact.predict(exact.initial(), 0), {"growl": 0, "outcome": 0})
    figure = plots.plan(Sophisticated(2), exact, heard, depth=5)

    ticks = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert ticks == ["1", "2", "3"]  # as far as is planned


def test_some_sites_may_be_left_out() -> None:
    written = texts(tiger(sites="tiger", labels=LABELS))

    assert "closed" not in written
    assert "left 0.85" in written


def test_the_filter_and_the_planner_stay_as_they_are() -> None:
    exact = ExactFilter(TMaze())
    belief = exact.update(exact.initial(), {"position": 0, "reward": 0})
    planner = Sophisticated(2)
    before = planner(exact, belief).probs
    plots.plan(planner, exact, belief)

    assert (planner(exact, belief).probs == before).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 0}, "`depth`: expected an integer of at least 1, got 0"),
        ({"threshold": -0.1}, "`threshold`: expected a number >= 0"),
        ({"sites": "lion"}, r"`sites`: expected names among \['tiger', 'door'\]"),
        ({"sites": []}, r"`sites`: expected at least one of \['tiger', 'door'\]"),
        ({"labels": {"tiger": ["left"]}}, r"`labels\['tiger'\]`: expected a label for each of 2"),
        ({"labels": {"action": ["a"]}}, r"`labels\['action'\]`: expected a label for each of 3"),
        ({"labels": {"lion": ["a"]}}, r"`labels`: expected names among \['action', 'door', 'ti"),
        ({"axes": []}, "`axes`: expected 1 axes"),
    ],
)
def test_wrong_arguments_are_refused(arguments: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiger(**arguments)


def test_a_batch_is_refused() -> None:
    exact = ExactFilter(Tiger())
    with pytest.raises(ValueError, match=r"`belief`: .*a batch of shape \(2,\)"):
        plots.plan(Sophisticated(2), exact, exact.initial((2,)))


def test_a_planner_without_a_closed_loop_is_refused() -> None:
    exact = ExactFilter(Tiger())
    with pytest.raises(TypeError, match=r"`planner, filter`: expected a Sophisticated .*OpenLoop"):
        plots.plan(OpenLoop(2), exact, exact.initial())  # type: ignore[arg-type]


def test_it_may_be_drawn_on_given_axes_or_in_a_size() -> None:
    panel = Figure().subplots()

    assert tiger(axes=panel) is panel.figure
    assert panel.texts
    assert tiger(figsize=(9.0, 4.0)).get_size_inches().tolist() == [9.0, 4.0]
