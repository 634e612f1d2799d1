"""The ids under which Gymnasium knows the worlds."""

from __future__ import annotations

import gymnasium as gym
import pytest

from pyro_activeinf.envs import (
    GridWorld,
    ReversalLearning,
    RockSample,
    Tiger,
    TMaze,
    read_map,
    register,
)
from pyro_activeinf.envs.registration import ENTRY_POINTS


@pytest.fixture
def empty_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENTRY_POINTS:
        monkeypatch.delitem(gym.registry, name, raising=False)


@pytest.mark.usefixtures("empty_registry")
def test_registers_every_world_by_its_entry_point() -> None:
    register()

    assert {name: gym.registry[name].entry_point for name in ENTRY_POINTS} == ENTRY_POINTS
    for world in (GridWorld, ReversalLearning, RockSample, TMaze, Tiger):
        env = gym.make(f"pyro_activeinf/{world.__name__}-v0")
        assert isinstance(env.unwrapped, world)


@pytest.mark.usefixtures("empty_registry")
def test_a_second_call_leaves_the_registry_as_it_is() -> None:
    register()
    first = dict(gym.registry)
    register()

    assert all(gym.registry[name] is spec for name, spec in first.items())
    assert len(gym.registry) == len(first)


@pytest.mark.usefixtures("empty_registry")
def test_an_id_that_is_taken_is_respected() -> None:
    name = "pyro_activeinf/TMaze-v0"
    gym.register(name, entry_point="elsewhere:World")
    register()

    assert gym.registry[name].entry_point == "elsewhere:World"


@pytest.mark.usefixtures("empty_registry")
def test_the_time_limit_is_the_worlds_own() -> None:
    register()

    assert all(gym.registry[name].max_episode_steps is None for name in ENTRY_POINTS)


def test_arguments_reach_the_world() -> None:
    register()
    env = gym.make("pyro_activeinf/TMaze-v0", validity=0.7, moves=5, render_mode="ansi").unwrapped

    assert isinstance(env, TMaze)
    assert (env.validity, env.moves, env.render_mode) == (0.7, 5, "ansi")


def test_a_map_reaches_the_world() -> None:
    register()
    cells = read_map("SG#\n..S")
    env = gym.make("pyro_activeinf/GridWorld-v0", **cells, noise=0.1).unwrapped

    assert isinstance(env, GridWorld)
    assert (env.starts, env.goals, env.walls) == (((0, 0), (1, 2)), ((0, 1),), ((0, 2),))
