"""Agents with real-valued actions, that learn while they act."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pytest
import torch

from pyro_activeinf import Agent, Trajectory, plots, rollout, to_arviz
from pyro_activeinf.filters import ObservedFilter
from pyro_activeinf.learning import Experience, Learner, OnlineLearner
from pyro_activeinf.models import NeuralDynamics, TMaze
from pyro_activeinf.planning import CrossEntropy, OpenLoop


class Cart(gym.Env[Any, Any]):
    """A cart on a line; pushes add up, and an episode ends at the wall."""

    observation_space = gym.spaces.Box(-1.0, 1.0, (2,))
    action_space = gym.spaces.Box(-1.0, 1.0, (1,))

    def __init__(self, wall: float = 5.0) -> None:
        self.wall = wall

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.at = self.np_random.uniform(-0.1, 0.1, 2).astype(np.float32)
        return self.at, {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action)
        speed = 0.8 * self.at[1] + 0.2 * action[0]
        self.at = np.array([self.at[0] + 0.5 * speed, speed], np.float32)
        return self.at, -abs(float(self.at[0]) - 0.5), bool(abs(self.at[0]) > self.wall), False, {}


def agent_of(seed: int = 0, **options: Any) -> Agent:
    pyro.set_rng_seed(seed)
    model = NeuralDynamics(
        Cart.observation_space,
        Cart.action_space,
        (8,),
        preferences=lambda seen: -(12 * (seen[..., 0] - 0.5)).square(),
    )
    learner = OnlineLearner(model, steps=2)
    planner = CrossEntropy(4, samples=12, elites=4, iterations=2)
    return Agent(model, planner=planner, learner=learner, **options)


def worlds(count: int) -> gym.vector.VectorEnv[Any, Any, Any]:
    return gym.vector.SyncVectorEnv([lambda: Cart(wall=0.3)] * count)


@pytest.fixture(scope="module")
def run() -> Trajectory:
    torch.set_default_dtype(torch.float64)
    return rollout(agent_of(), Cart(), steps=15, progress=False)


def test_rows_hold_means_spreads_and_candidates(run: Trajectory) -> None:
    assert run.actions.shape == (16, 1)
    assert bool((run.actions[:-1].abs() <= 1).all())
    assert bool(run.actions[-1].isnan().all())
    assert run.real_actions
    assert run.beliefs["s"].shape == run.spread["s"].shape == (16, 2)
    seen = run.observations["o"].to(run.beliefs["s"])
    assert bool(((run.beliefs["s"] - seen).abs() <= 5 * run.spread["s"]).all())
    assert run.policies is not None
    assert run.policies.shape == (16, 4, 4, 1)
    first = run.policies[:-1, :, 0]
    assert bool((first == run.actions[:-1, None]).all(-1).any(-1).all())  # one of the candidates
    assert run.action_probs.shape == (16, 4)
    torch.testing.assert_close(run.action_probs[:-1].sum(-1), torch.ones(15))


def test_episodes_and_rows_carry_all_of_it(run: Trajectory) -> None:
    some = run.at(torch.tensor([3, 5]))
    assert some.policies is not None
    assert run.policies is not None
    assert torch.equal(some.policies, run.policies[[3, 5]])
    assert torch.equal(some.spread["s"], run.spread["s"][[3, 5]])


def test_a_vector_of_worlds_is_one_batch_that_learns_together() -> None:
    agent = agent_of(1)
    run = rollout(agent, worlds(3), steps=6, progress=False)
    rows = len(run.step)  # one more than steps for each episode
    assert run.actions.shape == (3, rows, 1)
    assert run.spread["s"].shape == (3, rows, 2)
    assert run.policies is not None
    assert run.policies.shape == (3, rows, 4, 4, 1)
    assert isinstance(agent.learner, OnlineLearner)
    known = ~run.observations["o"].isnan().any(-1)
    follows = known[:, 1:] & known[:, :-1] & (run.episode[1:] == run.episode[:-1])
    assert len(agent.learner.replay) == int(follows.sum())
    assert not bool(known.all())  # some were at the wall before the others
    alone = run.member(2)
    assert torch.equal(alone.beliefs["s"], run.beliefs["s"][2])


def test_action_precision_chooses_among_candidates() -> None:
    agent = agent_of(action_precision=math.inf)
    agent.reset((2,))
    agent.perceive({"o": torch.zeros(2, 2)})
    plan = agent.plan()
    best = plan.probs.argmax(-1)
    assert torch.equal(agent.act(), plan.policies[torch.arange(2), best, 0])


def test_a_learning_agent_improves() -> None:
    """From nothing: where the cart is in the end is where it is preferred."""
    agent = agent_of(2, action_precision=math.inf)
    agent.learner = OnlineLearner(agent.model, steps=12)
    agent.planner = CrossEntropy(6, samples=32, elites=6, iterations=3)
    run = rollout(agent, Cart(), steps=40, progress=False, keep_policies=False)
    off = (run.observations["o"][:, 0] - 0.5).abs()
    assert float(off[-10:].mean()) < 0.15


def test_exported_with_named_dims(run: Trajectory) -> None:
    data = to_arviz(run, draws=7)
    assert data["beliefs"]["s"].dims == data["beliefs"]["s_spread"].dims == ("time", "s_dim_0")
    assert data["posterior"]["s"].dims == ("chain", "draw", "time", "s_dim_0")
    assert data["observed_data"]["actions"].dims == ("time", "action_dim_0")
    assert data["policies"]["policy_actions"].dims == ("time", "policy", "horizon", "action_dim_0")
    draws = data["posterior"]["s"].values[0]
    scaled = (draws - run.beliefs["s"].numpy()) / run.spread["s"].numpy()
    assert abs(float(scaled.std()) - 1) < 0.15


def test_drawn_as_a_mean_in_a_band(run: Trajectory) -> None:
    figure = plots.beliefs(run)
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == ["belief q(s)", "observation: o", "action"]
    assert len(figure.axes[0].lines) == len(figure.axes[0].collections) == 2
    mean = np.asarray(figure.axes[0].lines[0].get_ydata())
    np.testing.assert_allclose(mean, run.beliefs["s"][:, 0].numpy())


class Diary(Learner):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def check(self, filter: Any) -> None:
        self.lines.append("begin")

    def experience(self, step: Experience) -> None:
        self.lines.append(None if step.action is None else int(step.action))

    def finish(self) -> None:
        self.lines.append("end")

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Any) -> None:
        pass


def test_learners_are_told_of_each_observation_and_of_each_end() -> None:
    diary = Diary()
    agent = Agent(TMaze(), planner=OpenLoop(2), learner=diary)
    run = rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=2, progress=False)
    first, second, *_ = run.actions[:2].tolist()
    third, fourth = run.actions[3:5].tolist()
    assert diary.lines == ["begin", None, first, second, "end", None, third, fourth, "end"]
    agent.reset()
    assert diary.lines[-2:] == [fourth, "end"]  # not told twice
    with pytest.raises(ValueError, match="`"):
        agent.perceive({"position": 17})
    assert diary.lines[-1] == "end"


def test_what_is_no_learner_is_refused() -> None:
    with pytest.raises(TypeError, match="`learner`"):
        Agent(TMaze(), planner=OpenLoop(1), learner=3)  # type: ignore[arg-type]


def test_the_filter_of_a_world_model_is_found() -> None:
    assert isinstance(agent_of().filter, ObservedFilter)
