from __future__ import annotations

import gymnasium as gym
import pytest
import torch

from pyro_activeinf.behavior.tasks import World
from pyro_activeinf.envs import GridWorld, TMaze, read_map

SITES = ["position", "reward"]


def mazes(count: int) -> gym.vector.SyncVectorEnv:
    return gym.vector.SyncVectorEnv([TMaze] * count)


def test_a_vector_of_worlds_is_a_world_for_each_subject() -> None:
    task = World(mazes(3), SITES)
    trial = task.begin(3)
    assert trial.cue["position"].tolist() == [0, 0, 0]
    seen, trial = task.step(trial, torch.tensor([1, 2, 3]))
    assert seen["position"][:2].tolist() == [1, 2]
    assert int(seen["position"][2]) in (3, 4)
    assert trial.cue["position"].tolist() == [-1, -1, -1]
    assert not bool(trial.starts.any())
    _, trial = task.step(trial, torch.tensor([1, 2, 3]))
    assert bool(trial.starts.all())
    assert trial.cue["position"].tolist() == [0, 0, 0]


def test_the_seed_is_drawn_from_torch() -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(3)
        task = World(mazes(8), SITES)
        found.append(task.step(task.begin(8), torch.full((8,), 3))[0]["position"].tolist())
    assert found[0] == found[1]
    assert set(found[0]) == {3, 4}


def test_whose_episode_is_over_waits_for_the_others() -> None:
    """One goal is near, the other far."""
    envs = [lambda text=text: GridWorld(**read_map(text)) for text in ("SG..", "S..G")]
    env = gym.vector.SyncVectorEnv(envs)
    task = World(env, ["position"])
    trial, right = task.begin(2), torch.tensor([2, 2])
    present = []
    for _ in range(4):
        present.append(trial.present.tolist())
        _, trial = task.step(trial, right)
    assert present == [[True, True], [False, True], [False, True], [True, True]]


def test_rewards_can_be_outcomes() -> None:
    task = World(TMaze(validity=1.0), SITES, reward="points")
    seen, _ = task.step(task.begin(1), torch.tensor([1]))
    assert float(seen["points"]) == {1: 1.0, 2: -1.0}[int(seen["reward"])]


def test_worlds_and_subjects_are_as_many() -> None:
    with pytest.raises(ValueError, match="`subjects`: expected 2, as many as worlds, got 3"):
        World(mazes(2), SITES).begin(3)


def test_actions_are_discrete() -> None:
    with pytest.raises(ValueError, match="`env`: expected a world with Discrete actions"):
        World(gym.make("Pendulum-v1"), ["observation"])
