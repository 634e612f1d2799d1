"""The worlds of the measurements are those that the recorded outputs are of."""

from collections.abc import Callable

import numpy as np
import pytest

from pyro_activeinf.bench.worlds import World, grid, tmaze
from tests.references import load_reference, reference_model

WORLDS = {"grid100": grid, "tmaze": tmaze}


@pytest.mark.parametrize("name", WORLDS)
def test_equals_the_recorded_model(name: str) -> None:
    world, model = WORLDS[name](), reference_model(load_reference(name))
    for letter in "ABCD":
        for ours, recorded in zip(getattr(world, letter), getattr(model, letter), strict=True):
            np.testing.assert_allclose(ours, recorded, atol=1e-15)
    assert [list(d) for d in world.A_dependencies] == model.A_dependencies
    assert [list(d) for d in world.B_dependencies] == model.B_dependencies


@pytest.mark.parametrize("world", [grid(4), tmaze()])
def test_survives_json(world: World) -> None:
    read = World.from_json(world.to_json(batch=3))
    for letter in "ABCD":
        for ours, again in zip(getattr(world, letter), getattr(read, letter), strict=True):
            np.testing.assert_array_equal(ours, again)
    assert read.A_dependencies == world.A_dependencies
    np.testing.assert_array_equal(read.second, world.second[np.arange(3) % len(world.second)])


@pytest.mark.parametrize("make", WORLDS.values())
def test_what_is_seen_is_possible(make: Callable[[], World]) -> None:
    world = make()
    for step in (world.first, world.second):
        for m, a in enumerate(world.A):
            assert (a.reshape(len(a), -1).max(-1)[step[:, m]] > 0).all()
    assert (world.action < np.array(world.actions)).all()


def test_counts() -> None:
    assert (grid(4).states, grid(4).actions, grid(4).controlled) == (16, (5,), (0,))
    assert (tmaze().states, tmaze().actions, tmaze().controlled) == (10, (5, 1), (0,))
