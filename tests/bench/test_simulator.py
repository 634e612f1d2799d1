"""Worlds drawn from a model's own tables."""

import numpy as np
import pytest

from pyro_activeinf.bench.simulator import Simulator
from pyro_activeinf.bench.worlds import grid, tmaze

MANY = 20_000


def frequencies(values: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(values, minlength=size) / len(values)


def test_first_observations() -> None:
    world = grid(3)
    seen, _ = Simulator(world, MANY).reset(seed=0)
    expected = world.A[0] @ world.D[0]
    np.testing.assert_allclose(frequencies(seen["o0"], 9), expected, atol=5 * 0.5 / MANY**0.5)


def test_a_step_follows_the_tables() -> None:
    world = grid(3)
    worlds = Simulator(world, MANY)
    worlds.reset(seed=0)
    seen, *_ = worlds.step(np.full(MANY, 1))
    expected = world.A[0] @ world.B[0][:, :, 1] @ world.D[0]
    np.testing.assert_allclose(frequencies(seen["o0"], 9), expected, atol=5 * 0.5 / MANY**0.5)


def test_factors_depend_on_each_other() -> None:
    world = tmaze(validity=1.0)
    worlds = Simulator(world, 50)
    worlds.reset(seed=3)
    seen, *_ = worlds.step(np.full(50, 3))
    assert (seen["o0"] == 3).all()
    assert set(seen["o2"]) == {1, 2}
    cue = seen["o2"]
    for place in (0, 4):
        worlds.step(np.full(50, place))
    seen, rewards, terminated, truncated, _ = worlds.step(cue)  # to the arm that the cue names
    assert (seen["o0"] == cue).all()
    assert (seen["o1"] == 1).all()
    assert not np.concatenate([rewards, terminated, truncated]).any()


def test_a_seed_fixes_everything() -> None:
    worlds = Simulator(grid(3), 5)
    runs = []
    for _ in range(2):
        first, _ = worlds.reset(seed=7)
        second, *_ = worlds.step(np.zeros(5, dtype=int))
        runs.append([*first["o0"], *second["o0"]])
    assert runs[0] == runs[1]


@pytest.mark.parametrize(("world", "sites"), [(grid(3), ["o0"]), (tmaze(), ["o0", "o1", "o2"])])
def test_spaces(world: object, sites: list[str]) -> None:
    worlds = Simulator(world, 2)  # type: ignore[arg-type]
    assert list(worlds.single_observation_space) == sites
    assert worlds.single_action_space.n == 5
    assert worlds.reset(seed=0)[0] in worlds.observation_space
    assert worlds.action_space.shape == (2,)
