"""Choices of agents that lived in a world."""

from __future__ import annotations

import torch
from torch import Tensor

from .._checks import complain, instance
from ..records import Trajectory
from .choices import Choices


def from_trajectory(trajectory: Trajectory) -> Choices:
    r"""Read what a :func:`~pyro_activeinf.rollout` has recorded as behavior.

    Members of a batch are subjects, episodes are sessions, and what was observed at a step is
    the cue of its action. Several controls are one action, as the planners count: the last one
    varies fastest,

    .. math:: u = \sum_f u_f \prod_{g > f} n_g

    for controls f with :math:`n_f` values. The last step of an episode has a cue only.

    Args:
        trajectory: actions and observations ``(*batch, time, *event)``.

    Returns:
        Choices of ``prod(batch)`` subjects and ``time`` trials.

    Raises:
        TypeError: for what is no trajectory.
        ValueError: for real-valued actions.

    Example:
        >>> import gymnasium as gym, pyro
        >>> from pyro_activeinf import Agent, rollout
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop
        >>> pyro.set_rng_seed(0)
        >>> agent, env = Agent(TMaze(), planner=OpenLoop(2)), gym.make("pyro_activeinf/TMaze-v0")
        >>> choices = from_trajectory(rollout(agent, env, episodes=2, progress=False))
        >>> choices.actions.shape, choices.starts.sum().item(), sorted(choices.cues)
        (torch.Size([1, 6]), 2, ['position', 'reward'])
    """
    instance("trajectory", trajectory, Trajectory, "what rollout returns")
    if trajectory.real_actions:
        raise ValueError(complain("trajectory", "discrete actions", "real-valued ones"))
    dims = trajectory.rewards.dim()
    batch, time = trajectory.rewards.shape[:-1], trajectory.rewards.shape[-1]
    cues = {
        site: value.reshape(batch.numel(), time, *value.shape[dims:])
        for site, value in trajectory.observations.items()
    }
    starts = (trajectory.step == 0).clone()
    starts[0] = True
    return Choices(
        actions=_one(trajectory, dims).reshape(batch.numel(), time),
        cues=cues,
        starts=starts.expand(batch.numel(), time),
    )


def _one(trajectory: Trajectory, dims: int) -> Tensor:
    """Actions as one number each, ``(*batch, time)``; -1 where there is none."""
    actions = trajectory.actions
    if actions.dim() == dims:
        return actions
    sizes = torch.tensor(trajectory.action_probs.shape[dims:], device=actions.device)
    places = torch.cat([sizes[1:], sizes.new_ones(1)]).flip(0).cumprod(0).flip(0)
    return torch.where((actions < 0).any(-1), -1, (actions * places).sum(-1))
