"""What an animation shows of a time step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes

from pyro_activeinf.plots import Grid
from pyro_activeinf.plots._grid_view import GridView
from pyro_activeinf.plots._scenes import GridScene, MarginalScene, Scene, one_hot
from pyro_activeinf.records import Trajectory
from tests.plots.trajectories import made


@pytest.fixture
def run() -> Trajectory:
    return made(controls=(4,))


def bars(axes: Axes) -> list[float]:
    (container,) = axes.containers
    return [bar.get_width() for bar in container]


def panels(scene: Scene) -> dict[str, Axes]:
    return {axes.get_title(loc="left"): axes for axes in scene.figure.axes}


def test_there_are_bars_for_beliefs_observations_and_actions(run: Trajectory) -> None:
    scene = MarginalScene(run, {"mood": ["good", "bad"]})
    for row in (0, 2, 1):  # in any order, each anew
        scene.draw(row)
        found = panels(scene)
        np.testing.assert_array_equal(bars(found["belief q(place)"]), run.beliefs["place"][row])
        np.testing.assert_array_equal(bars(found["action"]), run.action_probs[row])
        heard = bars(found["observation: sound"])
        assert heard == [float(k == int(run.observations["sound"][row])) for k in range(len(heard))]
        (taken,) = found["action"].get_lines()
        assert list(taken.get_ydata()) == [int(run.actions[row])]
        assert list(taken.get_xdata()) == [float(run.action_probs[row, run.actions[row]])]
    names = [text.get_text() for text in found["belief q(mood)"].get_yticklabels()]
    assert names == ["good", "bad"]
    assert scene.figure.get_suptitle().strip() == "episode 0, step 1"
    assert sum(bars(found["observation: light"])) == 0  # missing at this step


def test_the_end_of_an_episode_has_no_plan(run: Trajectory) -> None:
    scene = MarginalScene(run, {})
    scene.draw(3)
    axes = panels(scene)["action: no plan"]

    assert not any(bars(axes))
    assert not axes.get_lines()


def test_several_controls_have_a_panel_each() -> None:
    run = made(controls=(3, 2))
    scene = MarginalScene(run, {})
    scene.draw(0)

    np.testing.assert_allclose(bars(panels(scene)["action 1"]), run.action_probs[0].sum(0))


def test_only_the_last_panel_has_numbers_below(run: Trajectory) -> None:
    scene = MarginalScene(run, {})
    scene.draw(0)
    scene.draw(1)

    *others, last = scene.figure.axes
    assert last.get_xlabel() == "probability"
    for axes in others:
        assert not any(label.get_visible() for label in axes.get_xticklabels())


def test_a_grid_is_drawn_beside_the_actions(run: Trajectory) -> None:
    grid = Grid((2, 2), observed="sound", walls=[(0, 0)])
    scene = GridScene(run, {"action": ["a", "b", "c", "d"]}, GridView.of(grid, run))
    for row in (0, 2):
        scene.draw(row)
        (image,) = scene.map.get_images()
        np.testing.assert_array_equal(image.get_array(), run.beliefs["place"][row].reshape(2, 2))
        np.testing.assert_array_equal(bars(panels(scene)["action"]), run.action_probs[row])
    assert len(scene.figure.legends) == 1
    bar = [axes for axes in scene.figure.axes if axes.get_ylabel() == "probability q(place)"]
    assert len(bar) == 1


def test_values_become_rows_of_one_1() -> None:
    found = one_hot(np.array([2, -1, 0]), ["a", "b", "c", "never seen"])

    assert found.tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert one_hot(np.array([-1, -1]), None).shape == (2, 1)
    assert torch.as_tensor(one_hot(np.array([1]), None)).tolist() == [[0, 1]]
