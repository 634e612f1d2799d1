"""Reading by levels, and without: how many fixations it takes to know a sentence.

``python -m pyro_activeinf.bench.reading --output docs/results`` writes ``reading.json`` and
``reading.png``. Agents of equal horizon, and equal preferences, read in the world
``pyro_activeinf/Reading-v0``: one has a page below a sentence, the other one model of both.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import gymnasium as gym
import numpy as np
import pyro
import torch

from ..agents import Actor, Agent
from ..demo.files import writable_folder, write
from ..demo.proportion import Proportion
from ..demo.reading import agent
from ..models import ReadingFlat
from ..models.reading import LOOKS
from ..planning import OpenLoop
from ..rollout import rollout

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORLD, TRIALS = "pyro_activeinf/Reading-v0", 500


def flat(horizon: int) -> Agent:
    """One model of page and sentence."""
    return Agent(ReadingFlat(), planner=OpenLoop(horizon))


READERS: dict[str, Callable[[int], Actor]] = {"levels": agent, "flat": flat}


@dataclass(frozen=True)
class Read:
    """What one kind of agent did over the trials."""

    reader: str
    horizon: int
    fixations: list[int]  # of each trial
    correct: list[bool]  # whether the sentence was reported, and rightly

    @property
    def mean(self) -> tuple[float, float]:
        """Mean number of fixations, and the half width of its 95 % confidence interval."""
        each = np.array(self.fixations)
        return float(each.mean()), float(1.96 * each.std(ddof=1) / np.sqrt(len(each)))

    @property
    def share(self) -> Proportion:
        """How many trials were right."""
        return Proportion(sum(self.correct), len(self.correct))


def read(reader: str, horizon: int, trials: int, seed: int = 0) -> Read:
    """Let one kind of agent read."""
    pyro.set_rng_seed(seed)
    actor: Actor = READERS[reader](horizon)
    env = gym.make_vec(WORLD, num_envs=trials, vectorization_mode="sync")
    found = rollout(actor, env, episodes=trials, progress=False, keep_policies=False)
    looks = ((found.actions >= 0) & (found.actions < LOOKS)).sum(-1)
    right = found.rewards.nan_to_num(0.0).sum(-1) > 0
    return Read(reader, horizon, looks.tolist(), right.tolist())


def figure_of(results: Sequence[Read]) -> Figure:
    """How many trials took how many fixations, for each kind of agent."""
    from matplotlib.figure import Figure

    page = Figure(figsize=(7.2, 1.3 * len(results) + 0.5), layout="constrained")
    most = max(max(one.fixations) for one in results)
    rows = page.subplots(len(results), 1, sharex=True, squeeze=False)[:, 0]
    for axes, one in zip(rows, results, strict=True):
        counts = np.bincount(one.fixations, minlength=most + 1) / len(one.fixations)
        axes.bar(range(most + 1), counts, color="#0072B2")
        mean, half = one.mean
        title = (
            f"{one.reader}, horizon {one.horizon}: {mean:.1f} fixations (+-{half:.1f}), "
            f"{100 * one.share.rate:.0f} % right"
        )
        axes.set_title(title, loc="left", fontsize="small")
        axes.set_ylabel("share of trials")
        axes.spines[["top", "right"]].set_visible(False)
    rows[-1].set_xlabel("fixations in a trial")
    return page


def run(output: Path, trials: int = TRIALS, horizons: Sequence[int] = (1, 2)) -> list[Read]:
    """Let all agents read, and write ``reading.json`` and ``reading.png``.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    results = [read(reader, horizon, trials) for horizon in horizons for reader in READERS]
    text = json.dumps([asdict(one) for one in results]) + "\n"
    write(output / "reading.json", lambda path: path.write_text(text))
    write(output / "reading.png", lambda path: figure_of(results).savefig(path, dpi=200))
    return results


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m pyro_activeinf.bench.reading", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--trials", type=int, default=TRIALS, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for one in run(options.output, options.trials):
        print(one.reader, one.horizon, one.mean, one.share)  # noqa: T201


if __name__ == "__main__":
    main()
