"""Beliefs, observations and actions over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from pyro_activeinf import plots
from pyro_activeinf.plots._canvas import BLUE, GREEN
from tests.plots.trajectories import made

TITLES = [
    "belief q(place)",
    "belief q(mood)",
    "observation: sound",
    "observation: light",
    "action",
]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]


def events(axes: Axes, rows: int) -> np.ndarray[Any, Any]:
    """The value at each step as it is drawn: -1 where there is none."""
    found = np.full(rows, -1)
    for collection in axes.collections:
        for path in collection.get_paths():
            (left, low), (right, high) = path.get_extents().get_points()
            assert right - left == pytest.approx(1.0)
            found[round((left + right) / 2)] = round((low + high) / 2)
    return found


def names(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.get_yticklabels()]


def test_there_is_a_panel_for_each_site_and_the_action() -> None:
    assert titles(plots.beliefs(made())) == TITLES


def test_beliefs_are_drawn_as_they_are() -> None:
    run = made()
    figure = plots.beliefs(run)

    for axes, site in zip(figure.axes[:2], ("place", "mood"), strict=True):
        (image,) = axes.get_images()
        np.testing.assert_array_equal(image.get_array(), run.beliefs[site].T)
        assert image.get_clim() == (0.0, 1.0)
    assert figure.axes[5].get_ylabel() == "probability"


def test_observations_and_actions_are_drawn_where_there_are_any() -> None:
    run = made()
    figure = plots.beliefs(run)

    for axes, values in zip(
        figure.axes[2:5],
        (run.observations["sound"], run.observations["light"], run.actions),
        strict=True,
    ):
        np.testing.assert_array_equal(events(axes, 7), values)
    assert events(figure.axes[3], 7)[1] == -1  # a missing observation
    assert events(figure.axes[4], 7)[[3, 6]].tolist() == [-1, -1]  # the ends of episodes
    colors = [axes.collections[0].get_facecolor()[0].tolist() for axes in figure.axes[3:5]]
    assert colors == [list(to_rgba(BLUE)), list(to_rgba(GREEN))]


def test_counts_that_are_floats_are_drawn_as_counts() -> None:
    heard = torch.tensor([0.0, 1.0, torch.nan, 1.0, 0.0, 1.0, 1.0])
    figure = plots.beliefs(replace(made(), observations={"heard": heard}))

    assert events(figure.axes[2], 7).tolist() == [0, 1, -1, 1, 0, 1, 1]


def test_real_observations_are_drawn_as_dots() -> None:
    felt = torch.randn(7, 2)
    figure = plots.beliefs(replace(made(), observations={"felt": felt}))

    dots = [line for line in figure.axes[2].get_lines() if line.get_marker() == "."]
    for dot, expected in zip(dots, felt.T, strict=True):
        np.testing.assert_array_equal(dot.get_ydata(), expected)
        assert dot.get_linestyle() == "None"


def test_an_observation_that_is_never_made_leaves_its_panel_empty() -> None:
    figure = plots.beliefs(replace(made(), observations={"light": torch.full((7,), -1)}))

    assert events(figure.axes[2], 7).tolist() == [-1] * 7


def test_several_controls_have_a_panel_each() -> None:
    run = made(controls=(3, 2))
    figure = plots.beliefs(run, labels={"action_1": ["off", "on"]})

    assert titles(figure)[-2:] == ["action 0", "action 1"]
    np.testing.assert_array_equal(events(figure.axes[5], 7), run.actions[:, 1])
    assert names(figure.axes[5]) == ["off", "on"]


@pytest.mark.parametrize(
    ("sites", "expected"), [("mood", ["mood"]), (["mood", "place"], ["mood", "place"])]
)
def test_sites_are_chosen_in_order(sites: str | Sequence[str], expected: list[str]) -> None:
    figure = plots.beliefs(made(), sites=sites)

    assert titles(figure) == [f"belief q({site})" for site in expected] + TITLES[2:]


def test_values_are_named_by_labels_or_numbers() -> None:
    labels = {"mood": ["calm", "cross"], "sound": ["none", "hum", "roar", "bang"]}
    figure = plots.beliefs(made(), labels=labels)

    assert names(figure.axes[0]) == ["0", "1", "2", "3"]
    assert names(figure.axes[1]) == ["calm", "cross"]
    assert names(figure.axes[2]) == ["none", "hum", "roar", "bang"]  # those not seen as well
    assert names(figure.axes[4]) == ["0", "1", "2"]


def test_given_axes_are_used() -> None:
    figure = Figure()
    grid = figure.subplots(5)

    assert plots.beliefs(made(), axes=grid) is figure
    assert titles(figure) == TITLES


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sites": ["mud"]}, r"`sites`: expected names among \['place', 'mood'\], got \['mud'\]"),
        ({"sites": "sound"}, r"`sites`: expected names among .*got \['sound'\]"),
        ({"sites": []}, "`sites`: expected at least one of"),
        ({"labels": {"mud": ["a"]}}, r"`labels`: expected names among .*got \['mud'\]"),
        ({"labels": {"mood": ["calm"]}}, r"`labels\['mood'\]`: expected a label for each of 2"),
        ({"labels": {"action": ["go"]}}, r"`labels\['action'\]`: expected a label for each of 3"),
        ({"axes": [None]}, r"`axes`: expected 5 axes, for \['belief q\(place\)'.*got 1 of them"),
    ],
)
def test_wrong_arguments_are_refused(arguments: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plots.beliefs(made(), **arguments)


def test_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`trajectory`: expected the record of one agent"):
        plots.beliefs(made(batch=(2,)))
