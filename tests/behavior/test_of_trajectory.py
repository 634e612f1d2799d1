"""What agents did as choices: the agent's own log-probabilities are the likelihood's."""

from dataclasses import replace
from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import pytest
import torch

import pyro_activeinf as aif
from pyro_activeinf.behavior import ChoiceModel, from_trajectory
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning import OpenLoop


def test_episodes_are_sessions_and_observations_are_cues() -> None:
    agent = aif.Agent(TMaze(), planner=OpenLoop(2))
    run = aif.rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=3, progress=False)
    choices = from_trajectory(run)
    assert choices.actions.tolist() == [run.actions.tolist()]
    assert choices.starts[0].tolist() == (run.step == 0).tolist()
    for site, value in run.observations.items():
        assert torch.equal(choices.cues[site][0], value)
    assert choices.counted[0].tolist() == (run.actions >= 0).tolist()


def test_members_are_subjects() -> None:
    env = gym.make_vec("pyro_activeinf/TMaze-v0", num_envs=3)
    agent = aif.Agent(TMaze(), planner=OpenLoop(2))
    run = aif.rollout(agent, env, episodes=3, progress=False)
    choices = from_trajectory(run)
    assert torch.equal(choices.actions, run.actions)
    assert choices.num_subjects == 3


def test_likelihood_is_that_with_which_the_agent_acted() -> None:
    def agent(precision: Any) -> aif.Agent:
        return aif.Agent(TMaze(), planner=OpenLoop(2), action_precision=precision)

    env = gym.make_vec("pyro_activeinf/TMaze-v0", num_envs=4)
    run = aif.rollout(agent(0.3), env, episodes=8, progress=False)
    taken = run.actions.clamp(min=0).unsqueeze(-1)
    log_probs = run.action_probs.gather(-1, taken).squeeze(-1).log()
    model = ChoiceModel(
        lambda: pyro.sample("precision", dist.Gamma(2.0, 1.0)), lambda p: agent(p["precision"])
    )
    found = model.log_likelihood({"precision": torch.full((4,), 0.3)}, from_trajectory(run))
    expected = torch.where(run.actions >= 0, log_probs, 0.0)
    assert expected.unique().numel() > 4
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0.0)


def test_several_controls_are_counted_as_policies_are() -> None:
    agent = aif.Agent(TMaze(), planner=OpenLoop(2))
    run = aif.rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=1, progress=False)
    time = len(run.step)
    controls = torch.randint(2, (time, 2)) * torch.tensor([1, 2])
    controls[-1] = -1
    several = replace(run, actions=controls, action_probs=torch.full((time, 2, 3), 1 / 6))
    expected = [3 * a + b for a, b in controls[:-1].tolist()]
    assert from_trajectory(several).actions.tolist() == [[*expected, -1]]


def test_real_actions_are_refused() -> None:
    agent = aif.Agent(TMaze(), planner=OpenLoop(2))
    run = aif.rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=1, progress=False)
    real = replace(run, actions=run.actions.double())
    with pytest.raises(ValueError, match="real-valued"):
        from_trajectory(real)
