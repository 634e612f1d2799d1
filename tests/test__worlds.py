"""Matching worlds with models."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from pyro_activeinf._worlds import World, blank_out, named_observation

TWO = gym.spaces.MultiDiscrete([2, 2])
DICT = gym.spaces.Dict({"a": gym.spaces.Discrete(2), "x": gym.spaces.Discrete(2)})
TUPLE = gym.spaces.Tuple([gym.spaces.Discrete(2), gym.spaces.Discrete(3)])
SINGLE = gym.spaces.Discrete(3)


@pytest.mark.parametrize(
    ("seen", "space", "sites", "names", "expected"),
    [
        (np.array([1, 0]), TWO, ("a", "b"), None, {"a": 1, "b": 0}),
        ((1, 2), TUPLE, ("a", "b"), None, {"a": 1, "b": 2}),
        ((1, 2), TUPLE, ("a", "b"), {1: "a"}, {"a": 2}),
        ({"a": 1, "x": 0}, DICT, ("a", "b"), None, {"a": 1}),
        ({"a": 1, "x": 0}, DICT, ("b", "c"), {"x": "b"}, {"b": 0}),
        (2, SINGLE, ("only",), None, {"only": 2}),
        (2, SINGLE, ("observation", "reward"), None, {"observation": 2}),
        (2, SINGLE, ("place", "reward"), {0: "place"}, {"place": 2}),
    ],
)
def test_observations_are_matched(
    seen: Any, space: Any, sites: tuple[str, ...], names: Any, expected: dict[str, int]
) -> None:
    assert named_observation(seen, space, sites, names) == expected


@pytest.mark.parametrize(
    ("seen", "space", "sites", "names"),
    [
        ({"x": 0}, DICT, ("a",), None),
        (np.array([1, 0]), TWO, ("a", "b", "c"), None),
        (2, SINGLE, ("a", "b"), None),
    ],
)
def test_what_does_not_fit_is_explained(
    seen: Any, space: Any, sites: tuple[str, ...], names: Any
) -> None:
    with pytest.raises(ValueError, match=r"`env\.observation_space`.*names=\{entry: site\}"):
        named_observation(seen, space, sites, names)


@pytest.mark.parametrize(
    ("sites", "names"),
    [(("a",), {"a": "typo"}), (("a", "b"), {"a": "a", "x": "typo"}), (("a",), {"typo": "a"})],
)
def test_mistyped_names_are_told(sites: tuple[str, ...], names: Any) -> None:
    with pytest.raises(ValueError, match=r"`names`.*among \['a', 'x'\].*typo"):
        named_observation({"a": 1, "x": 0}, DICT, sites, names)


def test_names_are_a_mapping() -> None:
    with pytest.raises(TypeError, match=r"`names`.*\{entry: site\}"):
        named_observation({"a": 1, "x": 0}, DICT, ("a", "b"), ["a", "b"])  # type: ignore[arg-type]


def test_a_vector_of_multidiscrete_worlds_goes_by_columns() -> None:
    found = named_observation(np.array([[1, 0], [0, 1], [1, 1]]), TWO, ("a", "b"))
    assert found["a"].tolist() == [1, 0, 1]


def test_blank_out_knows_the_type() -> None:
    over = torch.tensor([False, True])
    assert blank_out(torch.tensor([1, 2]), over).tolist() == [1, -1]
    real = blank_out(torch.ones(2, 3), over)
    assert real[0].tolist() == [1.0] * 3
    assert real[1].isnan().all()


def test_a_world_takes_actions_in_its_own_form() -> None:
    world = World(gym.make("pyro_activeinf/TMaze-v0"), ("position", "reward"), None)
    assert world.reset(3)["position"] == 0
    seen, reward = world.step(torch.tensor(3))
    assert int(seen["position"]) in {3, 4}
    assert reward.shape == ()
    assert not bool(world.over)
