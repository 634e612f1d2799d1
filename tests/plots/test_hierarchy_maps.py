"""Levels over time, and what passes between them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pytest
import torch
from matplotlib.axes import Axes

from pyro_activeinf import HierarchicalAgent, plots, rollout
from pyro_activeinf.agents import Highest, Level
from pyro_activeinf.models import ReadingPage, ReadingSentence
from pyro_activeinf.records import Trajectory
from tests.plots.trajectories import made

WORDS = ["flee", "feed", "wait"]


@cache
def run(episodes: int = 2) -> Trajectory:
    """Some pieces of reading, a page every three looks."""
    pyro.set_rng_seed(0)
    agent = HierarchicalAgent(
        [Level(ReadingPage(), steps_per_update=3), ReadingSentence()], Highest()
    )
    world = gym.make("pyro_activeinf/Reading-v0", limit=7)
    return rollout(agent, world, episodes=episodes, progress=False)


def panels(**arguments: Any) -> dict[str, Axes]:
    figure = plots.hierarchy(run(), **arguments)
    return {axes.get_title(loc="left"): axes for axes in figure.axes}


def image(axes: Axes) -> np.ndarray:
    return np.asarray(axes.get_images()[0].get_array())


def test_the_highest_level_is_on_top_and_messages_are_between() -> None:
    assert list(panels())[:-1] == [
        *(f"level 2: q({site})" for site in ("sentence", "leaf", "verdict")),
        "down: prediction p(word)",
        "up: evidence p(o|word)",
        *(f"level 1: q({site})" for site in ("word", "flip", "gaze")),
    ]


def test_the_maps_hold_beliefs_and_messages() -> None:
    drawn, passed = panels(), run().messages[1]
    np.testing.assert_allclose(
        image(drawn["level 2: q(sentence)"]), run().beliefs["level2/sentence"].T
    )
    np.testing.assert_allclose(
        image(drawn["down: prediction p(word)"]), passed.down.exp().T, atol=1e-6
    )
    np.testing.assert_allclose(
        image(drawn["up: evidence p(o|word)"]), passed.up.softmax(-1).T, atol=1e-6
    )


def test_down_and_up_make_the_belief_about_what_links_the_levels() -> None:
    passed = run().messages[1]
    both = (passed.down + passed.up).softmax(-1)
    torch.testing.assert_close(run().beliefs["level1/word"], both)


def test_each_level_has_its_own_clock() -> None:
    drawn = panels()
    upper, lower = drawn["level 2: q(verdict)"], drawn["level 1: q(gaze)"]
    reset = np.flatnonzero(run().messages[1].ticks == 1)
    np.testing.assert_array_equal(upper.get_xticks(), reset)
    assert upper.get_xlabel() == "own time step of level 2"
    assert lower.get_xlabel().startswith("time step")
    lines = {float(np.asarray(line.get_xdata())[0]) for line in lower.lines}
    assert lines >= {row - 0.5 for row in reset}


def test_arrows_stand_where_messages_count_and_tell_something() -> None:
    drawn, passed = panels(), run().messages[1]
    arrows = drawn["up: evidence p(o|word)"].lines[0]
    assert arrows.get_marker() == "^"
    rows, values = (np.asarray(part).astype(int).tolist() for part in arrows.get_data())
    assert rows
    for row, value in zip(rows, values, strict=True):
        assert passed.up[row].argmax() == value
        assert row == len(passed.ticks) - 1 or passed.ticks[row + 1] == 1
        assert float(passed.up[row].max() - passed.up[row].min()) > 0


def test_names_of_a_linked_site_are_written_at_its_messages() -> None:
    drawn = panels(labels={"level1/word": WORDS})
    for title in ("level 1: q(word)", "down: prediction p(word)", "up: evidence p(o|word)"):
        assert [text.get_text() for text in drawn[title].get_yticklabels()] == WORDS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": {"word": WORDS}}, "`labels`: expected names among"),
        ({"labels": {"level1/word": ["flee"]}}, "expected a label for each of 3 values"),
        ({"axes": [None]}, r"`axes`: expected 8 axes"),
    ],
)
def test_wrong_arguments_are_refused(arguments: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plots.hierarchy(run(), **arguments)


def test_what_has_no_levels_or_many_agents_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`trajectory`: expected the record of levels"):
        plots.hierarchy(made())
    agent = HierarchicalAgent([Level(ReadingPage()), ReadingSentence()], Highest())
    world = gym.make_vec("pyro_activeinf/Reading-v0", num_envs=2)
    with pytest.raises(ValueError, match=r"`trajectory`: expected the record of one agent"):
        plots.hierarchy(rollout(agent, world, steps=2, progress=False))
