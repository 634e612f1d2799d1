"""MountainCarContinuous: a world model learned online from nothing, while its agent acts.

``python -m pyro_activeinf.bench.mountain_car --output docs/results`` writes ``mountain_car.json``
and ``mountain_car.png``. What is there already is not done again: an interrupted run goes on.

The agent is told the spaces of the world and that the flag is preferred, nothing else: away from
the flag its preferences are flat. The model's clock ticks once in ``HOLD`` steps of the world, for
which an action is held; steps that are reported are those of the world.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pyro
import torch
from tqdm.auto import tqdm

from ..demo.continuous import (
    EDGE,
    ELITES,
    FLAG,
    HOLD,
    HORIZON,
    ITERATIONS,
    SAMPLES,
    WORLD,
    WORTH,
)
from ..demo.continuous import agent as agent_of
from ..demo.files import writable_folder, write
from ..demo.proportion import Proportion
from ..envs import Held
from ..rollout import rollout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIMIT = 999  # steps of the world in an episode
LATE = 6  # the first of the late episodes, counted from 1
ARMS: Mapping[str, frozenset[str] | None] = {
    "expected free energy": None,
    "epistemic only": frozenset({"epistemic", "novelty"}),
    "reward only": frozenset({"pragmatic"}),
}
COLORS = dict(zip(ARMS, ("#0072B2", "#009E73", "#D55E00"), strict=True))
Results = list["Life"]


@dataclass(frozen=True)
class Life:
    """The episodes of one agent."""

    arm: str
    seed: int
    steps: tuple[int, ...]  # of the world, in each episode
    flags: tuple[bool, ...]  # whether it ended at the flag

    @property
    def late(self) -> float:
        """Mean number of steps of the late episodes."""
        return float(np.mean(self.steps[LATE - 1 :]))


def live(arm: str, seed: int, episodes: int) -> Life:
    """Let an agent live through some episodes, from nothing."""
    pyro.set_rng_seed(seed)
    counted = gym.wrappers.RecordEpisodeStatistics(gym.make(WORLD), buffer_length=episodes)
    env = Held(counted, HOLD)
    agent = agent_of(env, ARMS[arm])
    run = rollout(agent, env, episodes=episodes, progress=False, keep_policies=False)
    if int(run.episode[-1]) + 1 < episodes:  # an interrupted rollout returns what it has
        raise KeyboardInterrupt
    ends = [float(part.observations["o"][-1, 0]) for part in run.episodes()]
    return Life(arm, seed, tuple(counted.length_queue), tuple(end >= FLAG for end in ends))


def run(output: Path, seeds: int, episodes: int, progress: bool = True) -> Results:
    """Let every agent live from every seed; what is in ``mountain_car.json`` is not repeated.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    path = writable_folder(output) / "mountain_car.json"
    lives = _read(path, episodes)
    done = {(life.arm, life.seed) for life in lives}
    tasks = [(arm, seed) for seed in range(seeds) for arm in ARMS if (arm, seed) not in done]
    for arm, seed in tqdm(tasks, disable=not progress, unit="life"):
        lives.append(live(arm, seed, episodes))
        text = json.dumps(content(lives), indent=1) + "\n"
        write(path, lambda target, text=text: target.write_text(text))  # type: ignore[misc]
    write(output / "mountain_car.png", lambda target: figure_of(lives).savefig(target, dpi=200))
    return lives


def settings() -> dict[str, Any]:
    """What a life depends on."""
    return {
        "world": WORLD,
        "hold": HOLD,
        "preferences": [WORTH, EDGE],
        "planner": [HORIZON, SAMPLES, ELITES, ITERATIONS],
    }


def content(lives: Sequence[Life]) -> dict[str, Any]:
    """The results as plain values."""
    rows = [asdict(life) for life in lives]
    return {"settings": settings(), "summary": summary(lives), "lives": rows}


def _read(path: Path, episodes: int) -> Results:
    """Lives of the same settings and as many episodes; none where there are others."""
    found = json.loads(path.read_text()) if path.exists() else {}
    if found.get("settings") != settings():
        return []
    lives = [
        Life(row["arm"], row["seed"], tuple(row["steps"]), tuple(row["flags"]))
        for row in found["lives"]
    ]
    return [life for life in lives if len(life.steps) == episodes]


def summary(lives: Sequence[Life]) -> dict[str, dict[str, Any]]:
    """Of each arm: the flag in the first episode, and how long the late ones are."""
    found = {}
    for arm in ARMS:
        own = [life for life in lives if life.arm == arm]
        if not own:
            continue
        first = Proportion.of([life.flags[0] for life in own])
        late = [life.late for life in own]
        found[arm] = {
            "seeds": len(own),
            "flag in the first episode": first.rate,
            "its 95 % interval": list(first.interval()),
            "steps of the first episode": float(np.mean([life.steps[0] for life in own])),
            "steps of late episodes": float(np.mean(late)),
            "its standard error": float(np.std(late) / math.sqrt(len(late))),
            "flag in late episodes": float(np.mean([life.flags[LATE - 1 :] for life in own])),
        }
    return found


def figure_of(lives: Sequence[Life]) -> Figure:
    """Steps of each episode, and how many of the agents have been at the flag so far."""
    from matplotlib.figure import Figure

    page = Figure(figsize=(7.6, 3.0), layout="constrained")
    left, right = page.subplots(1, 2)
    for arm in ARMS:
        own = [life for life in lives if life.arm == arm]
        if own:
            _curve(left, arm, np.array([life.steps for life in own], dtype=float))
            _reached(right, arm, [life.steps[0] if life.flags[0] else np.inf for life in own])
    left.set(xlabel="episode", ylabel="steps to the flag", yscale="log")
    ticks = [50, 100, 200, 400, LIMIT]
    left.set_yticks(ticks, [str(tick) for tick in ticks])
    left.minorticks_off()
    left.set_ylim(50, 1.3 * max(max(life.steps) for life in lives))
    left.legend(frameon=False, fontsize="small")
    right.set(xlabel="steps of the first episode", ylabel="share of agents at the flag")
    longest = max((life.steps[0] for life in lives), default=LIMIT)
    right.set(xlim=(0, min(LIMIT, 1.2 * longest)), ylim=(0, 1.03))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return page


def _curve(axes: Axes, arm: str, steps: Any) -> None:
    """Mean over agents, with its 95 % interval."""
    episode = np.arange(1, steps.shape[1] + 1)
    mean, half = steps.mean(0), 1.96 * steps.std(0) / math.sqrt(len(steps))
    low = np.maximum(mean - half, 1.0)
    axes.fill_between(episode, low, mean + half, color=COLORS[arm], alpha=0.2, linewidth=0)
    axes.plot(episode, mean, ".-", color=COLORS[arm], label=arm)


def _reached(axes: Axes, arm: str, first: Sequence[float]) -> None:
    """Share of agents so far, with its 95 % interval."""
    times = np.arange(0, LIMIT + 1, 3)
    counts = [Proportion.of([bool(at <= time) for at in first]) for time in times]
    low, high = np.array([count.interval() for count in counts]).T
    axes.fill_between(times, low, high, color=COLORS[arm], alpha=0.15, linewidth=0)
    axes.plot(times, [count.rate for count in counts], color=COLORS[arm], label=arm)


def main() -> None:
    """The command line."""
    name = "python -m pyro_activeinf.bench.mountain_car"
    parser = argparse.ArgumentParser(name, description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--seeds", type=int, default=30, metavar="N")
    parser.add_argument("--episodes", type=int, default=12, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lives = run(options.output, options.seeds, options.episodes)
    print(json.dumps(summary(lives), indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
