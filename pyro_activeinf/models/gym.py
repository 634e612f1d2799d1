"""Models read from the transition tables that Gymnasium's toy-text worlds carry."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .._checks import complain
from .base import GenerativeModel
from .pomdp import looked_up
from .preferences import LogPreferences


class GymnasiumModel(GenerativeModel):
    r"""A fully observed world with rewards, as a generative model.

    State sites: ``state`` and ``received`` (which of the world's rewards came last);
    observation sites: ``observation`` (the state) and ``reward``. Rewards are preferred in
    proportion to their size, :math:`\log \tilde p(r) = \beta r`, so that the pragmatic value of a
    policy is its expected return times ``reward_scale``.

    Args:
        transition_table: p(s' | s, u), ``(states, actions, next states)``.
        reward_table: p(r | s, u, s'), ``(states, actions, next states, rewards)``.
        initial_probs: p(s_0), ``(states,)``.
        rewards: the values that a reward can take, ``(rewards,)``.
        reward_scale: nats per unit of reward.
    """

    def __init__(
        self,
        transition_table: Tensor,
        reward_table: Tensor,
        initial_probs: Tensor,
        rewards: Tensor,
        reward_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.actions = gym.spaces.Discrete(transition_table.shape[1])
        self.register_buffer("transition_table", transition_table)
        self.register_buffer("reward_table", reward_table)
        self.register_buffer("initial_probs", initial_probs)
        self.register_buffer("rewards", rewards)
        self.register_buffer("start", (rewards == 0).to(rewards))
        self.reward_scale = reward_scale

    def initial(self) -> tuple[Tensor, Tensor]:
        """The world's distribution of first states; no reward yet."""
        state = pyro.sample("state", dist.Categorical(probs=self.initial_probs))
        return state, pyro.sample("received", dist.Categorical(probs=self.start))

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        """The world's own transition table."""
        before, _ = state
        after = pyro.sample("state", dist.Categorical(probs=self.transition_table[before, action]))
        reward = dist.Categorical(probs=self.reward_table[before, action, after])
        return after, pyro.sample("received", reward)

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        """Everything is seen."""
        where, reward = state
        states, rewards = len(self.initial_probs), len(self.rewards)
        eye = torch.eye(states).to(self.initial_probs)
        pyro.sample("observation", dist.Categorical(probs=looked_up(eye, [where])))
        eye = torch.eye(rewards).to(self.initial_probs)
        pyro.sample("reward", dist.Categorical(probs=looked_up(eye, [reward])))

    def prefer(self) -> None:
        """Rewards, in proportion to their size."""
        pyro.sample("reward", LogPreferences(self.reward_scale * self.rewards))


def from_gymnasium(env: gym.Env[Any, Any], reward_scale: float = 1.0) -> GymnasiumModel:
    """Read a generative model from a world that carries its transition table.

    Args:
        env: a Gymnasium world with Discrete spaces and a table ``env.unwrapped.P[state][action]``
            of ``(probability, next state, reward, terminated)``: FrozenLake, Taxi, CliffWalking.
        reward_scale: nats per unit of reward.

    Raises:
        ValueError: for a world without such a table.

    Example:
        >>> model = from_gymnasium(gym.make("FrozenLake-v1"))
        >>> model.actions, model.rewards.tolist()
        (Discrete(4), [0.0, 1.0])
    """
    world = getattr(env, "unwrapped", None)
    table = getattr(world, "P", None)
    if not isinstance(table, dict) or not isinstance(env.action_space, gym.spaces.Discrete):
        raise ValueError(
            complain(
                "env",
                "a world with Discrete actions and a transition table `P`",
                env,
                "Write its model as a program, or learn it.",
            )
        )
    rewards = sorted(
        {0.0}
        | {
            float(r)
            for row in table.values()
            for outcomes in row.values()
            for _, _, r, _ in outcomes
        }
    )
    transition, reward = _read(table, rewards)
    start = getattr(world, "initial_state_distrib", None)
    states = transition.shape[0]
    initial = torch.full((states,), 1.0 / states) if start is None else torch.as_tensor(start)
    return GymnasiumModel(
        transition, reward, initial.to(transition), torch.tensor(rewards), reward_scale
    )


def _read(table: dict[int, Any], rewards: list[float]) -> tuple[Tensor, Tensor]:
    """Tables of p(s' | s, u) and p(r | s, u, s'); a terminal state is left by no action."""
    states, actions = len(table), len(table[0])
    joint = torch.zeros(states, actions, states, len(rewards))
    ends = terminal_states(table)
    for state, row in table.items():
        for action, outcomes in row.items():
            if state in ends:
                joint[state, action, state, rewards.index(0.0)] = 1.0
                continue
            for probability, after, reward, _ in outcomes:
                joint[state, action, int(after), rewards.index(float(reward))] += probability
    transition = joint.sum(-1)
    reached = transition.unsqueeze(-1) > 0
    nothing = torch.tensor(rewards).eq(0.0).to(joint)
    return transition, torch.where(reached, joint / transition.unsqueeze(-1).clamp(1e-30), nothing)


def terminal_states(table: dict[int, Any]) -> set[int]:
    """States in which an episode of a Gymnasium table ends."""
    return {
        int(after)
        for row in table.values()
        for outcomes in row.values()
        for _, after, _, terminated in outcomes
        if terminated
    }
