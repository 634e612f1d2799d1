"""Agents living in Gymnasium worlds."""

from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pytest
import torch

from pyro_activeinf import Agent, Trajectory, rollout
from pyro_activeinf.models import POMDP, TMaze, from_gymnasium
from pyro_activeinf.planning import OpenLoop


def in_the_maze(episodes: int, **options: Any) -> Trajectory:
    agent = Agent(TMaze(), planner=OpenLoop(2, **options))
    return rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=episodes, progress=False)


def rewarded(run: Trajectory) -> float:
    return float((run.observations["reward"][run.step == 2] == 1).double().mean())


def test_the_epistemic_agent_visits_the_cue_and_is_rewarded() -> None:
    run = in_the_maze(400)
    assert (run.actions[run.step == 0] == 3).all()
    assert rewarded(run) >= 0.97


def test_the_reward_only_agent_gambles() -> None:
    agent = Agent(TMaze(loss=-2.9), planner=OpenLoop(2, terms={"pragmatic"}))
    env = gym.make("pyro_activeinf/TMaze-v0")
    run = rollout(agent, env, episodes=400, progress=False, keep_policies=False)
    assert (run.actions[run.step == 0] != 3).all()
    assert 0.4 < rewarded(run) < 0.6


def test_rows_tell_what_happened() -> None:
    run = in_the_maze(3)
    assert run.step.tolist() == [0, 1, 2] * 3
    assert run.episode.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert run.observations["position"][run.step == 0].tolist() == [0, 0, 0]
    ends = run.step == 2
    assert (run.actions[ends] == -1).all()
    assert run.rewards[ends].isnan().all()
    assert run.plan.total[ends].isnan().all()
    assert not run.plan.total[~ends].isnan().any()
    torch.testing.assert_close(run.beliefs["context"].sum(-1), torch.ones(9))
    torch.testing.assert_close(run.action_probs[~ends].sum(-1), torch.ones(6))
    torch.testing.assert_close(run.policy_probs[~ends].sum(-1), torch.ones(6))  # type: ignore[index]
    reached = run.beliefs["location"].argmax(-1)[1:][~ends[:-1]]
    assert torch.equal(reached, run.actions[~ends])


def test_the_plan_is_the_mean_over_policies() -> None:
    run = in_the_maze(1)
    assert run.policy_probs is not None
    assert run.policy_values is not None
    mean = (run.policy_probs * run.policy_values).sum(-1)[:2]
    torch.testing.assert_close(run.plan.total[:2], mean)


def test_policies_need_not_be_kept() -> None:
    agent = Agent(TMaze(), planner=OpenLoop(2))
    env = gym.make("pyro_activeinf/TMaze-v0")
    run = rollout(agent, env, episodes=1, progress=False, keep_policies=False)
    assert run.policies is run.policy_probs is run.policy_values is None
    assert run.plan.total.shape == (3,)


def test_a_seed_fixes_everything() -> None:
    runs = []
    for seed in (5, 5, 6):
        pyro.set_rng_seed(seed)
        runs.append(in_the_maze(20, terms={"pragmatic"}))
    assert torch.equal(runs[0].actions, runs[1].actions)
    assert torch.equal(runs[0].observations["reward"], runs[1].observations["reward"])
    assert not torch.equal(runs[0].actions, runs[2].actions)


def test_steps_count_actions_across_episodes() -> None:
    agent = Agent(TMaze(), planner=OpenLoop(1))
    run = rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), steps=5, progress=False)
    assert int((run.actions >= 0).sum()) == 5
    assert run.step.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert run.actions[-1] == -1


def test_episodes_split_the_record() -> None:
    run = in_the_maze(4)
    parts = run.episodes()
    assert len(parts) == 4
    for i, part in enumerate(parts):
        rows = run.episode == i
        assert torch.equal(part.actions, run.actions[rows])
        assert torch.equal(part.beliefs["context"], run.beliefs["context"][rows])
        torch.testing.assert_close(part.plan.values, run.plan.values[rows], equal_nan=True)


def test_frozen_lake_as_shipped() -> None:
    env = gym.make("FrozenLake-v1")
    agent = Agent(from_gymnasium(env, reward_scale=10.0), planner=OpenLoop(4))
    run = rollout(agent, env, episodes=3, progress=False, keep_policies=False)
    seen = run.observations["observation"]
    assert torch.equal(run.beliefs["state"].argmax(-1), seen)
    assert len(run.episodes()) == 3


def test_several_controls_reach_the_world() -> None:
    class Dials(gym.Env[Any, Any]):
        """Shows the two dials as they were turned."""

        observation_space = gym.spaces.MultiDiscrete([2, 3])
        action_space = gym.spaces.MultiDiscrete([2, 3])

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            super().reset(seed=seed)
            return np.array([0, 0]), {}

        def step(self, action: Any) -> Any:
            assert self.action_space.contains(action)
            return action, 0.0, False, False, {}

    def turned(n: int) -> Any:
        return np.broadcast_to(np.eye(n)[:, None, :], (n, n, n))

    model = POMDP(
        [np.eye(2), np.eye(3)],
        [turned(2), turned(3)],
        C=[np.array([0.0, 9.0]), np.array([0.0, 0.0, 9.0])],
        A_dependencies=[[0], [1]],
    )
    run = rollout(Agent(model, planner=OpenLoop(1)), Dials(), steps=2, progress=False)
    assert run.actions.tolist() == [[1, 2], [1, 2], [-1, -1]]
    assert run.observations["o1"].tolist() == [0, 2, 2]


def test_an_interrupt_keeps_what_was_recorded() -> None:
    class Interrupted(gym.Wrapper[Any, Any, Any, Any]):
        count = 0

        def step(self, action: Any) -> Any:
            self.count += 1
            if self.count == 4:
                raise KeyboardInterrupt
            return self.env.step(action)

    agent = Agent(TMaze(), planner=OpenLoop(1))
    env = Interrupted(gym.make("pyro_activeinf/TMaze-v0"))
    run = rollout(agent, env, episodes=10, progress=False)
    assert run.step.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("arguments", [{}, {"steps": 3, "episodes": 2}, {"steps": 0}])
def test_steps_or_episodes(arguments: dict[str, int]) -> None:
    agent = Agent(TMaze(), planner=OpenLoop(1))
    with pytest.raises(ValueError, match="steps"):
        rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), **arguments)


def test_a_vector_of_worlds_is_a_batch_of_agents() -> None:
    envs = gym.make_vec("pyro_activeinf/TMaze-v0", num_envs=50, vectorization_mode="sync")
    run = rollout(Agent(TMaze(), planner=OpenLoop(2)), envs, episodes=100, progress=False)
    assert run.actions.shape == run.rewards.shape == (50, 6)
    assert run.beliefs["context"].shape == (50, 6, 2)
    assert run.plan.total.shape == (50, 6)
    assert run.step.tolist() == [0, 1, 2] * 2
    assert (run.actions[:, [0, 3]] == 3).all()
    assert (run.actions[:, [2, 5]] == -1).all()
    rewarded = (run.observations["reward"][:, [2, 5]] == 1).double().mean()
    assert float(rewarded) > 0.9
    assert [part.actions.shape for part in run.episodes()] == [(50, 3), (50, 3)]
    single = run.member(7)
    assert torch.equal(single.actions, run.actions[7])
    assert single.plan.total.shape == (6,)
    assert single.step.tolist() == run.step.tolist()


def test_members_whose_episode_is_over_show_nothing_more() -> None:
    envs = gym.make_vec("FrozenLake-v1", num_envs=8, vectorization_mode="sync")
    agent = Agent(from_gymnasium(gym.make("FrozenLake-v1")), planner=OpenLoop(1))
    run = rollout(agent, envs, episodes=8, progress=False, keep_policies=False)
    assert len(set(run.step.tolist())) == len(run.step)
    for seen, acted, paid in zip(
        run.observations["observation"], run.actions, run.rewards, strict=True
    ):
        length = int((seen >= 0).sum())
        assert (seen[:length] >= 0).all()
        assert (seen[length:] == -1).all()
        assert (acted[: length - 1] >= 0).all()
        assert (acted[length - 1 :] == -1).all()
        assert paid[: length - 1].isfinite().all()
        assert paid[length - 1 :].isnan().all()
        assert int(seen[length - 1]) in {5, 7, 11, 12, 15}


def test_what_is_no_agent_or_world_is_refused() -> None:
    agent = Agent(TMaze(), planner=OpenLoop(1))
    for wrong in ((agent, 3), (TMaze(), gym.make("pyro_activeinf/TMaze-v0"))):
        with pytest.raises(TypeError, match="`agent, env`"):
            rollout(*wrong, steps=1)  # type: ignore[arg-type]
