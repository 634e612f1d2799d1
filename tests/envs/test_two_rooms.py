"""The world of two rooms."""

import gymnasium as gym
from gymnasium.utils.env_checker import check_env

from pyro_activeinf.envs import GridWorld, two_rooms


def test_it_is_a_gymnasium_world() -> None:
    env = gym.make("pyro_activeinf/TwoRooms-v0").unwrapped
    assert isinstance(env, GridWorld)
    assert env.noise == 0.1
    check_env(env)


def test_there_is_one_way_through_the_door() -> None:
    env = two_rooms(noise=0.0)
    env.reset(seed=0, options={"start": (0, 0)})
    down, right = 1, 2
    for move in [down, *[right] * 8]:
        observation, reward, terminated, *_ = env.step(move)
    assert (observation["position"], reward, terminated) == (17, 1.0, True)
    env.reset(seed=0, options={"start": (0, 3)})
    assert env.step(right)[0]["position"] == 3  # a wall
