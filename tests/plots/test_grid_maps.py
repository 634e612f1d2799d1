"""Small multiples of a belief over a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from pyro_activeinf import plots
from tests.plots.trajectories import made


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def test_there_is_a_panel_for_each_step() -> None:
    run = made((5,), controls=(4,))
    figure = plots.grid_beliefs(run, (2, 2))

    assert titles(figure) == [f"step {t}" for t in range(5)]
    for axes, belief in zip(figure.axes, run.beliefs["place"], strict=False):
        np.testing.assert_array_equal(axes.get_images()[0].get_array(), belief.reshape(2, 2))
    assert figure.axes[-1].get_ylabel() == "probability q(place)"


def test_episodes_are_named_where_there_are_several() -> None:
    figure = plots.grid_beliefs(made((2, 1), controls=(4,)), (2, 2))

    assert titles(figure) == ["episode 0\nstep 0", "episode 0\nstep 1", "episode 1\nstep 0"]


def test_some_steps_and_the_last_of_each_episode_are_drawn() -> None:
    figure = plots.grid_beliefs(made((6, 4), controls=(4,)), (2, 2), every=2)

    steps = [title.split("step ")[1] for title in titles(figure)]
    assert steps == ["0", "2", "4", "5", "0", "2", "3"]


def test_of_many_steps_as_many_are_drawn_as_fit() -> None:
    figure = plots.grid_beliefs(made((100,), controls=(4,)), (2, 2))

    assert titles(figure)[:3] == ["step 0", "step 5", "step 10"]
    assert len(titles(figure)) == 21


def test_wide_grids_have_fewer_panels_side_by_side() -> None:
    wide = replace(made((7,), controls=(4,)), beliefs={"cell": torch.rand(7, 2 * 20).softmax(-1)})
    for run, shape, across in ((made((7,), controls=(4,)), (2, 2), 6), (wide, (2, 20), 1)):
        axes = plots.grid_beliefs(run, shape).axes[:7]
        rows = {panel.get_subplotspec().rowspan.start for panel in axes}
        assert len(rows) == -(-7 // across)


def test_the_legend_is_above_and_only_where_it_is_needed() -> None:
    run = made((5,), controls=(4,))

    (legend,) = plots.grid_beliefs(run, (2, 2), observed="sound", walls=[(0, 0)]).legends
    assert legend.get_texts()[0].get_text() == "observed"
    assert plots.grid_beliefs(run, (2, 2), moves=()).legends == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every": 0}, "`every`: expected an integer of at least 1, got 0"),
        ({"every": 1}, "`every`: expected at most 120 panels, got 300. Draw fewer"),
        ({"shape": (3, 3)}, "`site`: expected one state site of 9 values"),
        ({"walls": [(2, 0)]}, "`walls`: expected cells"),
        ({"moves": [(0, 1)]}, "`moves`: expected"),
    ],
)
def test_wrong_arguments_are_refused(arguments: Mapping[str, Any], message: str) -> None:
    run = made((300,), controls=(4,))
    with pytest.raises(ValueError, match=message):
        plots.grid_beliefs(run, **({"shape": (2, 2)} | dict(arguments)))


def test_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`trajectory`: .*a batch of shape \(2,\)"):
        plots.grid_beliefs(made((3,), batch=(2,), controls=(4,)), (2, 2))


def test_a_size_may_be_asked_for() -> None:
    figure = plots.grid_beliefs(made((3,), controls=(4,)), (2, 2), figsize=(5.0, 3.0))

    assert figure.get_size_inches().tolist() == [5.0, 3.0]
