"""Let an agent live in a Gymnasium world, and keep a record."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import torch
from tqdm.auto import tqdm

from .._checks import complain, positive_int
from .._recorder import Recorder
from .._worlds import Names, World
from ..agents import Actor
from ..records import Trajectory


def rollout(
    agent: Actor,
    env: gym.Env[Any, Any] | gym.vector.VectorEnv[Any, Any, Any],
    steps: int | None = None,
    episodes: int | None = None,
    progress: bool = True,
    keep_policies: bool = True,
    names: Names | None = None,
) -> Trajectory:
    """Run an agent in a world, or in a vector of worlds, for some steps or episodes.

    The world is seeded from torch's generator, so that ``pyro.set_rng_seed`` fixes everything.
    Interrupting (Ctrl-C) ends the run and returns what has been recorded so far.

    Args:
        agent: an :class:`Agent` or a :class:`HierarchicalAgent`; it is reset at the start of each
            episode.
        env: shows the model's observation sites: by name (``Dict``), in their order (``Tuple``,
            ``MultiDiscrete``), or the only one (or the one called ``observation``). The members
            of a vector live one episode each, in step; the trajectory has them as a batch dim.
        steps: number of actions (of each member); episodes follow each other.
        episodes: number of episodes, instead of steps; for a vector, over all of its members,
            rounded up.
        progress: show a progress bar.
        keep_policies: keep q(pi) and G of every policy at every step.
        names: which entry of the observation (key or position) is which site, where they differ.

    Returns:
        The rows of all episodes one after the other, each with its last observation. A member of
        a vector whose episode is over has missing rows until the others are done.

    Raises:
        ValueError: where neither or both of ``steps`` and ``episodes`` are given, or the world's
            observations cannot be matched with the model's sites.

    Example:
        >>> import gymnasium as gym, pyro
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop
        >>> pyro.set_rng_seed(1)
        >>> from pyro_activeinf import Agent
        >>> agent = Agent(TMaze(), planner=OpenLoop(2))
        >>> run = rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=2, progress=False)
        >>> run.actions.shape, run.actions[0].item()
        (torch.Size([6]), 3)
    """
    if not isinstance(agent, Actor) or not hasattr(env, "observation_space"):
        raise TypeError(
            complain("agent, env", "an Agent and a Gymnasium world", f"{agent!r} and {env!r}")
        )
    if (steps is None) == (episodes is None):
        raise ValueError(
            complain(
                "steps, episodes",
                "one of the two",
                f"steps={steps}, episodes={episodes}",
                "Say how long to run: rollout(agent, env, episodes=10).",
            )
        )
    unit, count = ("episode", episodes) if steps is None else ("step", steps)
    goal = positive_int(f"{unit}s", count or 0)
    world = World(env, agent.observation_sites, names)
    recorder = Recorder(keep_policies)
    with (
        torch.no_grad(),
        tqdm(total=goal, disable=not progress, unit=f" {unit}", desc="rollout") as bar,
    ):
        try:
            _live(agent, world, steps, episodes, recorder, bar)
        except KeyboardInterrupt:
            bar.set_postfix_str("interrupted")
            recorder.drop_unfinished_row()
            if not recorder.rows:
                raise
    return recorder.trajectory()


def _live(
    agent: Actor,
    world: World,
    steps: int | None,
    episodes: int | None,
    recorder: Recorder,
    bar: Any,
) -> None:
    seed: int | None = int(torch.randint(2**31, ()))
    members = world.over.numel()
    taken = played = 0
    while (steps is None or taken < steps) and (episodes is None or played * members < episodes):
        taken = _episode(agent, world, recorder, bar, seed, played, taken, steps)
        played, seed = played + 1, None
        if episodes is not None:
            bar.update(min(members, episodes - bar.n))


def _episode(
    agent: Actor,
    world: World,
    recorder: Recorder,
    bar: Any,
    seed: int | None,
    number: int,
    taken: int,
    steps: int | None,
) -> int:
    """One episode (of every member); returns the number of actions taken so far."""
    observation = world.reset(seed)
    agent.reset(world.batch)
    while True:
        recorder.perceived(number, observation, agent.perceive(observation))
        if bool(world.over.all()) or taken == steps:
            agent.finish()
            return taken
        posterior = agent.plan()
        recorder.planned(posterior, agent.action_probs(posterior), world.over)
        action = agent.act()
        observation, rewards = world.step(action)
        recorder.acted(action, rewards)
        taken += 1
        bar.update(steps is not None)
