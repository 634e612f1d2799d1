"""Let an agent live in a Gymnasium world, and keep a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from ._checks import complain, positive_int
from ._recorder import Recorder
from .agents import Agent
from .records import Trajectory


def rollout(
    agent: Agent,
    env: gym.Env[Any, Any],
    steps: int | None = None,
    episodes: int | None = None,
    progress: bool = True,
    keep_policies: bool = True,
) -> Trajectory:
    """Run an agent in a world for a number of steps or of episodes.

    The world is seeded from torch's generator, so that ``pyro.set_rng_seed`` fixes everything.
    Interrupting (Ctrl-C) ends the run and returns what has been recorded so far.

    Args:
        agent: it is reset at the start of each episode.
        env: its observation space has the model's site names (``Dict``), or their order
            (``Tuple``, ``MultiDiscrete``), or stands for the one site of the model (or the one
            called ``observation``).
        steps: number of actions; episodes follow each other.
        episodes: number of episodes, instead of steps.
        progress: show a progress bar.
        keep_policies: keep q(pi) and G of every policy at every step.

    Returns:
        The rows of all episodes one after the other, each with its last observation.

    Raises:
        ValueError: where neither or both of ``steps`` and ``episodes`` are given, or the world's
            observations cannot be matched with the model's sites.

    Example:
        >>> import gymnasium as gym, pyro
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop
        >>> pyro.set_rng_seed(1)
        >>> agent = Agent(TMaze(), planner=OpenLoop(2))
        >>> run = rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=2, progress=False)
        >>> run.actions.shape, run.actions[0].item()
        (torch.Size([6]), 3)
    """
    if (steps is None) == (episodes is None):
        raise ValueError(complain("steps, episodes", "one of the two", (steps, episodes)))
    goal = positive_int("steps" if episodes is None else "episodes", steps or episodes or 0)
    recorder = Recorder(keep_policies)
    with (
        torch.no_grad(),
        tqdm(
            total=goal, disable=not progress, unit=("step" if episodes is None else "episode")
        ) as bar,
    ):
        try:
            _live(agent, env, steps, episodes, recorder, bar)
        except KeyboardInterrupt:
            bar.set_postfix_str("interrupted")
            recorder.drop_unfinished_row()
            if not recorder.rows:
                raise
    return recorder.trajectory()


def _live(
    agent: Agent,
    env: gym.Env[Any, Any],
    steps: int | None,
    episodes: int | None,
    recorder: Recorder,
    bar: Any,
) -> None:
    seed: int | None = int(torch.randint(2**31, ()))
    taken = played = 0
    while (steps is None or taken < steps) and (episodes is None or played < episodes):
        seen, _ = env.reset(seed=seed)
        seed, over = None, False
        agent.reset()
        while True:
            observation = named_observation(seen, env.observation_space, _sites(agent))
            belief = agent.perceive(observation)
            recorder.perceived(played, observation, belief)
            if over or taken == steps:
                break
            posterior = agent.plan()
            action = agent.act()
            recorder.planned(posterior, agent.action_probs(posterior))
            seen, reward, terminated, truncated, _ = env.step(as_numpy(action, env.action_space))
            recorder.acted(action, float(reward))
            over = terminated or truncated
            taken += 1
            bar.update(steps is not None)
        recorder.ended()
        played += 1
        bar.update(episodes is not None)


def _sites(agent: Agent) -> tuple[str, ...]:
    return agent.filter.observation_sites


def named_observation(
    observation: Any, space: gym.Space[Any], sites: Sequence[str]
) -> dict[str, Tensor]:
    """Match what a world shows with the observation sites of a model.

    Raises:
        ValueError: where names or numbers do not fit.
    """
    if isinstance(observation, Mapping):
        found = {name: observation[name] for name in sites if name in observation}
    elif isinstance(space, gym.spaces.Tuple | gym.spaces.MultiDiscrete):
        found = (
            dict(zip(sites, observation, strict=False)) if len(observation) == len(sites) else {}
        )
    elif len(sites) == 1 or "observation" in sites:
        found = {sites[0] if len(sites) == 1 else "observation": observation}
    else:
        found = {}
    if not found:
        raise ValueError(
            complain(
                "env.observation_space",
                f"observations of the sites {list(sites)}",
                space,
                "Name the keys of a Dict space like the sites, or wrap the world with "
                "gymnasium.wrappers.TransformObservation.",
            )
        )
    return {name: torch.as_tensor(np.asarray(value)) for name, value in found.items()}


def as_numpy(action: Tensor, space: gym.Space[Any]) -> Any:
    """An action in the form that a world's ``step`` takes."""
    array = action.numpy(force=True)
    return int(array) if isinstance(space, gym.spaces.Discrete) else array.astype(space.dtype)
