"""The mountain car as Gymnasium ships it: real-valued pushes, and a model learned from nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pyro
from torch import Tensor, sigmoid

from ..agents import Agent
from ..envs import Held
from ..export import to_arviz
from ..learning import OnlineLearner
from ..models import NeuralDynamics
from ..planning import CrossEntropy
from ..records import Trajectory
from ..rollout import rollout
from .continuous_figure import figure_of
from .files import writable_folder, write

WORLD, FLAG = "MountainCarContinuous-v0", 0.45
HOLD = 5  # steps of the world in one of the model
WORTH, EDGE = 100.0, 0.03  # nats for a step at the flag, as the world pays; width of its edge
HORIZON, SAMPLES, ELITES, ITERATIONS = 20, 64, 8, 3
ACTIONS = 300  # of the agent, in the demonstration
FILES = ("continuous.png", "continuous.nc", "continuous.json")


def world() -> gym.Env[Any, Any]:
    """The world, its clock slowed down: each push is held for five of its steps."""
    return Held(gym.make(WORLD), HOLD)


def preferences(seen: Tensor) -> Tensor:
    """Log-preferences over position and speed ``(*batch, 2)``: flat, but for the flag."""
    return WORTH * sigmoid((seen[..., 0] - FLAG) / EDGE)


def agent(env: gym.Env[Any, Any], terms: Iterable[str] | None = None) -> Agent:
    """An agent that knows nothing of how the car moves.

    Args:
        env: tells the spaces of observations and actions.
        terms: of expected free energy, that count; all by default.
    """
    model = NeuralDynamics(
        env.observation_space, env.action_space, preferences=preferences, sensor=0.02
    )
    planner = CrossEntropy(
        HORIZON, SAMPLES, ELITES, ITERATIONS, spread=0.7, correlation=0.5, terms=terms
    )
    learner = OnlineLearner(model, every=1, steps=10)
    return Agent(model, planner=planner, learner=learner, action_precision=math.inf)


def run(
    output: Path, actions: int | None = None, seed: int = 0, progress: bool = True
) -> list[int]:
    """Let an agent learn the mountain, and write a figure, its trajectory and a table.

    Args:
        output: folder; made where there is none.
        actions: how many it takes; 300 by default.
        seed: of all random numbers.
        progress: show a progress bar.

    Returns:
        How many actions each episode took that ended at the flag; one that did not is left out.

    Raises:
        OSError: the folder cannot be made or written to.
        KeyboardInterrupt: the rollout was interrupted; nothing is written then.
    """
    writable_folder(output)
    pyro.set_rng_seed(seed)
    env, steps = world(), ACTIONS if actions is None else actions
    lived = rollout(agent(env), env, steps=steps, progress=progress, keep_policies=False)
    if int(lived.rewards.isfinite().sum()) < steps:  # an interrupted rollout returns what it has
        raise KeyboardInterrupt
    found = lengths(lived)
    figure, data, table = (output / name for name in FILES)
    write(figure, lambda path: figure_of(lived, found, FLAG).savefig(path, dpi=200))
    write(data, lambda path: to_arviz(lived).to_netcdf(str(path)))
    text = json.dumps({"world": WORLD, "seed": seed, "hold": HOLD, "actions": found}, indent=1)
    write(table, lambda path: path.write_text(text + "\n"))
    return found


def lengths(lived: Trajectory) -> list[int]:
    """Number of actions of each episode that ended at the flag."""
    return [
        len(part.step) - 1
        for part in lived.episodes()
        if float(part.observations["o"][-1, 0]) >= FLAG
    ]


def table(found: list[int]) -> str:
    """What came of it, to read.

    Example:
        >>> print(table([40, 15]))
        episode  1: flag after  40 actions (200 steps of the world)
        episode  2: flag after  15 actions (75 steps of the world)
    """
    rows = [
        f"episode {i:2}: flag after {count:3} actions ({HOLD * count} steps of the world)"
        for i, count in enumerate(found, 1)
    ]
    return "\n".join(rows) if rows else "The flag was not reached: give it more actions."
