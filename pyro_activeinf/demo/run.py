"""Run the demonstration, from worlds to files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pyro

from .. import plots
from ..export import to_arviz
from ..records import Trajectory
from . import lake, reading, tmaze
from .figures import save_figures
from .files import writable_folder, write
from .results import Results

SENTENCES = 2  # in the figure


def run(output: Path, trials: int = 200, seed: int = 0, progress: bool = True) -> Results:
    """Let agents act in the T-maze, on FrozenLake and in Reading, and write what came of it.

    Written are ``beliefs.png``, ``policies.png``, ``overview.png`` and ``free_energy.png`` (of
    the epistemic agent's first trial in the T-maze), ``hierarchy.png`` (of the first two sentences
    that an agent of two levels reads), ``comparison.png`` (of all agents), ``trajectory.nc`` (all
    trials in the T-maze) and ``results.json``.

    Args:
        output: folder; made where there is none.
        trials: number of trials of each agent in the T-maze, of episodes on FrozenLake, and of
            sentences.
        seed: of all random numbers.
        progress: show progress bars.

    Returns:
        The measures of all agents, in the order in which they acted.

    Raises:
        OSError: the folder cannot be made or written to.
        KeyboardInterrupt: a rollout was interrupted; nothing is written then.
    """
    writable_folder(output)
    pyro.set_rng_seed(seed)
    seeker = _played("T-maze, epistemic agent", tmaze.epistemic, trials, progress)
    gambler = _played("T-maze, reward-only agent", tmaze.reward_only, trials, progress)
    walker = _played("FrozenLake 4x4", lake.play, trials, progress)
    reader = _played("Reading, agent of two levels", reading.play, trials, progress)
    maze = tmaze.rows({"epistemic agent": seeker, "reward-only agent": gambler})
    results = Results(seed, (*maze, reading.row(reader), lake.row(walker)), lake.optimum())
    _write(output, seeker, reader, results)
    return results


def _played(
    title: str, play: Callable[[int, bool], Trajectory], episodes: int, progress: bool
) -> Trajectory:
    """A whole rollout, announced where there is a progress bar."""
    if progress:
        print(title, file=sys.stderr)
    trajectory = play(episodes, progress)
    if int(trajectory.episode[-1]) + 1 < episodes:  # an interrupted rollout returns what it has
        raise KeyboardInterrupt
    return trajectory


def _write(output: Path, seeker: Trajectory, reader: Trajectory, results: Results) -> None:
    trial = seeker.episodes()[0]
    first = reader.at((reader.episode < SENTENCES).nonzero().squeeze(-1))
    page = plots.hierarchy(first, labels=reading.LABELS)
    write(output / "hierarchy.png", lambda path: page.savefig(path, dpi=200))
    save_figures(output, trial, tmaze.plans(trial), results, tmaze.LABELS)
    write(output / "trajectory.nc", lambda path: to_arviz(seeker).to_netcdf(str(path)))
    write(output / "results.json", lambda path: path.write_text(results.to_json()))
