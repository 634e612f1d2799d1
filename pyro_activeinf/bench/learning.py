"""What learning tables by counting does to behavior: trust in a context, and curiosity.

``python -m pyro_activeinf.bench.learning --output docs/results`` writes ``learning.json`` and
``learning.png``.

In the T-maze the reward is on the left in all of 32 trials. Agents that count contexts begin at
the cue, and go there less the surer they are of the context. In a grid of which nothing is known,
agents count where their moves lead to, planning by different terms of expected free energy.

Two agents of each pair are the same but for novelty. Where they seek information about states as
well, novelty adds little, and has to: where the place is seen, that information contains it,

    I(s'; o') = H[s'] = I(theta; s') + E_theta[H[s' | theta]],

novelty and what stays random once the moves are known. The last term is what draws such an agent
to noise.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from tqdm.auto import tqdm

from ..demo.files import writable_folder, write
from .learning_worlds import LEARNED, TERMS, Coverage, Life, explore, live

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIVES = 4  # agents in the T-maze for each seed of the grid: their curves are noisier
PAIRS = {  # agents without novelty, and with it
    "pragmatic value": ("nothing to seek", "novelty"),
    "pragmatic value and information about states": ("information about states", "both"),
}
COLORS, LINES = ("#999999", "#E69F00", "#0072B2", "#009E73"), ("-", "-", "-", ":")


@dataclass(frozen=True)
class Learned:
    """Everything that was run."""

    lives: Sequence[Life]
    coverages: Sequence[Coverage]

    def cue_visits(self, learned: str) -> list[float]:
        """Share of agents that began each trial at the cue."""
        runs = [life.cue for life in self.lives if life.learned == learned]
        return [fmean(trial) for trial in zip(*runs, strict=True)]

    def rewards(self, learned: str) -> list[float]:
        """Mean reward of each trial."""
        runs = [life.reward for life in self.lives if life.learned == learned]
        return [fmean(trial) for trial in zip(*runs, strict=True)]

    def steps(self, sought: str) -> list[int]:
        """Steps until every action was tried in every place, seed by seed."""
        return [found.steps for found in self.coverages if found.sought == sought]

    @property
    def speedup(self) -> list[float]:
        """How many times faster with novelty than with nothing to seek, seed by seed."""
        return self.faster("pragmatic value")

    def faster(self, beside: str) -> list[float]:
        """How many times faster with novelty than without, beside other terms, seed by seed."""
        without, sought = (self.steps(name) for name in PAIRS[beside])
        return [one / other for one, other in zip(without, sought, strict=True)]


def figure_of(found: Learned) -> Figure:
    """Cue visits over trials, and pairs tried over steps."""
    from matplotlib.figure import Figure

    page = Figure(figsize=(9.0, 3.2), layout="constrained")
    left, right = page.subplots(1, 2)
    for color, learned in zip(COLORS, LEARNED, strict=False):
        visits = found.cue_visits(learned)
        left.plot(range(1, len(visits) + 1), visits, color=color, label=f"learns {learned}")
    left.set(xlabel="trial", ylabel="share that begins at the cue", ylim=(-0.03, 1.03))
    left.set_title("T-maze, the context stays", loc="left", fontsize="medium")
    for color, line, sought in zip(COLORS, LINES, TERMS, strict=True):
        runs = [run for run in found.coverages if run.sought == sought]
        for i, run in enumerate(runs):
            label = sought if i == 0 else None
            steps = range(1, run.steps + 1)
            right.plot(steps, run.covered, line, color=color, linewidth=0.9, label=label)
    right.set(
        xlabel="steps", ylabel="pairs of place and action tried", xscale="log", xlim=(10, None)
    )
    right.set_title("a grid of which nothing is known", loc="left", fontsize="medium")
    for axes in (left, right):
        _dressed(axes)
    return page


def _dressed(axes: Axes) -> None:
    axes.legend(frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, alpha=0.3)


def run(output: Path, seeds: int = 10, progress: bool = True) -> Learned:
    """Run every agent from every seed, and write ``learning.json`` and ``learning.png``.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    mazes = [(learned, seed) for seed in range(LIVES * seeds) for learned in LEARNED]
    grids = [(sought, seed) for seed in range(seeds) for sought in TERMS]
    with tqdm(total=len(mazes) + len(grids), disable=not progress, unit="run") as bar:
        lives = [_counted(bar, live, task) for task in mazes]
        coverages = [_counted(bar, explore, task) for task in grids]
    found = Learned(lives, coverages)
    text = json.dumps(content(found), indent=1) + "\n"
    write(output / "learning.json", lambda path: path.write_text(text))
    write(output / "learning.png", lambda path: figure_of(found).savefig(path, dpi=200))
    return found


def _counted(bar: Any, run_one: Any, task: tuple[str, int]) -> Any:
    found = run_one(*task)
    bar.update()
    return found


def content(found: Learned) -> dict[str, Any]:
    """What is written: a number for each trial, or for each seed."""
    return {
        "cue_visits": {learned: found.cue_visits(learned) for learned in LEARNED},
        "steps": {sought: found.steps(sought) for sought in TERMS},
        "speedup": found.speedup,
        "faster with novelty": {beside: found.faster(beside) for beside in PAIRS},
        "reward": {learned: found.rewards(learned) for learned in LEARNED},
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m pyro_activeinf.bench.learning", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--seeds", type=int, default=10, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = run(options.output, options.seeds)
    print(json.dumps({"steps": {s: found.steps(s) for s in TERMS}, "speedup": found.speedup}))  # noqa: T201


if __name__ == "__main__":
    main()
