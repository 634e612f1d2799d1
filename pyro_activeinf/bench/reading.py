"""Reading by levels, and without: how many fixations it takes to know what is written.

``python -m pyro_activeinf.bench.reading --output docs/results`` writes ``reading.json`` and
``reading.png``. Agents of equal preferences read, each of which plans so many steps ahead: one has
a word below a text, a step of which is a whole word; the other has one model of both, each step of
which is a fixation. In ``pyro_activeinf/ReadingLine-v0`` a word is longer than these horizons (a
flat agent that plans four steps sees to its end); in ``pyro_activeinf/Reading-v0`` two fixations
show something of a page.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import gymnasium as gym
import numpy as np
import pyro
import torch

from ..agents import Actor, Agent, HierarchicalAgent, Highest, Level
from ..demo.files import writable_folder, write
from ..demo.proportion import Proportion
from ..demo.reading import agent, known
from ..models import LineFlat, LineText, LineWord, ReadingFlat, reading, reading_line
from ..planning import OpenLoop
from ..rollout import rollout

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRIALS = 500
AT_ONCE = {4: 50}  # trials side by side, by the horizon, where not all of them
FEWER = 5  # a part of the trials, for what takes long
Reader = Callable[[int], Actor]  # from a horizon


def flat(horizon: int) -> Agent:
    """One model of page and sentence."""
    return Agent(ReadingFlat(), planner=OpenLoop(horizon))


def line(horizon: int) -> HierarchicalAgent:
    """A word below a text; a word is left once it is known, or has been read."""
    word = Level(LineWord(), OpenLoop(horizon), None, reading_line.PLACES, known)
    return HierarchicalAgent([word, Level(LineText(), OpenLoop(horizon))], Highest())


def flat_line(horizon: int) -> Agent:
    """One model of word and text."""
    return Agent(LineFlat(), planner=OpenLoop(horizon))


@dataclass(frozen=True)
class Task:
    """What is read, and by whom."""

    world: str
    readers: Mapping[str, Reader]
    horizons: tuple[int, ...]
    fixating: int  # actions below this one are fixations
    reach: int | None = None  # horizon at which a flat agent sees as far as levels do at horizon 1


TASKS = {
    "line": Task(
        "pyro_activeinf/ReadingLine-v0",
        {"levels": line, "flat": flat_line},
        (1, 2, 3),
        1 + reading_line.TURNS,
        reach=reading_line.PLACES,
    ),
    "pages": Task(
        "pyro_activeinf/Reading-v0", {"levels": agent, "flat": flat}, (1, 2), reading.LOOKS
    ),
}


@dataclass(frozen=True)
class Read:
    """What one kind of agent did over the trials."""

    task: str
    reader: str
    horizon: int
    fixations: list[int]  # of each trial
    correct: list[bool]  # whether the text was reported, and rightly

    @property
    def mean(self) -> tuple[float, float]:
        """Mean number of fixations, and the half width of its 95 % confidence interval."""
        each = np.array(self.fixations)
        return float(each.mean()), float(1.96 * each.std(ddof=1) / np.sqrt(len(each)))

    @property
    def share(self) -> Proportion:
        """How many trials were right."""
        return Proportion(sum(self.correct), len(self.correct))


def saved(levels: Read, flat: Read) -> tuple[float, float]:
    """Fixations that levels save in the mean, and the half width of its 95 % interval.

    Example:
        >>> few, many = Read("line", "levels", 1, [2, 4], []), Read("line", "flat", 1, [9, 9], [])
        >>> tuple(round(number, 2) for number in saved(few, many))
        (6.0, 1.96)
    """
    (few, one), (many, other) = levels.mean, flat.mean
    return many - few, math.hypot(one, other)


def read(task: str, reader: str, horizon: int, trials: int, seed: int = 0) -> Read:
    """Let one kind of agent read."""
    pyro.set_rng_seed(seed)
    given, size = TASKS[task], AT_ONCE.get(horizon, trials)
    found = Read(task, reader, horizon, [], [])
    for begin in range(0, trials, size):
        part = _read(given, given.readers[reader](horizon), min(size, trials - begin))
        found.fixations.extend(part[0])
        found.correct.extend(part[1])
    return found


def _read(task: Task, actor: Actor, trials: int) -> tuple[list[int], list[bool]]:
    """Fixations of each trial, and whether the report was right."""
    env = gym.make_vec(task.world, num_envs=trials, vectorization_mode="sync")
    found = rollout(actor, env, episodes=trials, progress=False, keep_policies=False)
    looks = ((found.actions >= 0) & (found.actions < task.fixating)).sum(-1)
    right = found.rewards.nan_to_num(0.0).sum(-1) > 0
    return looks.tolist(), right.tolist()


def read_all(name: str, trials: int) -> list[Read]:
    """Let all agents read at one task."""
    task = TASKS[name]
    asked = [(reader, horizon, trials) for horizon in task.horizons for reader in task.readers]
    if task.reach is not None:
        asked.append(("flat", task.reach, -(-trials // FEWER)))
    return [read(name, *each) for each in asked]


def figure_of(results: Sequence[Read]) -> Figure:
    """How many trials took how many fixations, for each kind of agent."""
    from matplotlib.figure import Figure

    page = Figure(figsize=(7.2, 1.3 * len(results) + 0.5), layout="constrained")
    rows = page.subplots(len(results), 1, squeeze=False)[:, 0]
    for axes, one in zip(rows, results, strict=True):
        most = max(max(other.fixations) for other in results if other.task == one.task)
        counts = np.bincount(one.fixations, minlength=most + 1) / len(one.fixations)
        axes.bar(range(most + 1), counts, color="#0072B2")
        mean, half = one.mean
        title = (
            f"{one.task}: {one.reader}, horizon {one.horizon}: {mean:.1f} fixations "
            f"(+-{half:.1f}), {100 * one.share.rate:.0f} % right"
        )
        axes.set_title(title, loc="left", fontsize="small")
        axes.set(ylabel="share of trials", xlim=(-0.8, most + 0.8))
        axes.spines[["top", "right"]].set_visible(False)
    rows[-1].set_xlabel("fixations in a trial")
    return page


def run(output: Path, trials: int = TRIALS) -> list[Read]:
    """Let all agents read, and write ``reading.json`` and ``reading.png``.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    results = [one for name in TASKS for one in read_all(name, trials)]
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
    results = run(options.output, options.trials)
    for one in results:
        print(one.task, one.reader, one.horizon, one.mean, one.share)  # noqa: T201
    flats = {(one.task, one.horizon): one for one in results if one.reader == "flat"}
    for one in results:
        if one.reader == "levels":
            print(one.task, one.horizon, "saved", saved(one, flats[one.task, one.horizon]))  # noqa: T201


if __name__ == "__main__":
    main()
