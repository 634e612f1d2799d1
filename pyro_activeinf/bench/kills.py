"""Learning that is killed at random moments, beside learning that is not.

``python -m pyro_activeinf.bench.kills --output docs/results`` writes ``kills.json``. A process
learns, and is killed (SIGKILL) at a random moment; the next one goes on from the checkpoint, until
it is killed in turn. After each kill the losses so far are compared with those of a run that nobody
killed, and after the last one all of them, with the parameters: to the last bit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pyro.infer.autoguide import AutoNormal
from tqdm.auto import tqdm

from .. import checkpoint
from ..demo.files import writable_folder, write
from ..free_energy import ComplexityWeight, VariationalFreeEnergy
from ..learning import LearningRate, RobbinsMonro, TrainingRun, fit
from ..learning.annealing import Cyclical
from .side import ONE_THREAD, PACKAGE
from .svi import problems

KILLS, STEPS, EVERY = 20, 2500, 7
LONGEST = 0.5  # seconds from the first file that a process writes to its end
MODULE = "pyro_activeinf.bench.kills"


@dataclass(frozen=True)
class Kill:
    """One kill: when, and how the record that it left compares."""

    seconds: float  # after the first file that the process wrote
    steps: int  # in the checkpoint
    identical: bool


def learn(path: Path, steps: int = STEPS) -> TrainingRun:
    """A run with minibatches, annealing, clipping and a learning-rate schedule."""
    model, args = problems()["regression"]
    return fit(
        model,
        AutoNormal(model),
        args,
        loss=VariationalFreeEnergy(weight=ComplexityWeight(Cyclical(200))),
        optimizer=partial(torch.optim.Adam, lr=0.02),
        learning_rate=LearningRate(RobbinsMonro(tau=10.0, kappa=0.6)),
        steps=steps,
        batch_size=16,
        clip_norm=50.0,
        checkpoint=path,
        checkpoint_every=EVERY,
        resume=True,
        progress=False,
        seed=0,
    )


def killed(path: Path, steps: int, seconds: float) -> bool:
    """Go on in a new process, and kill it so long after the first file that it writes.

    Returns:
        Whether it was killed; it may have been done before.
    """
    before = _written(path)
    command = [sys.executable, "-m", MODULE, "--child", str(path), "--steps", str(steps)]
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(PACKAGE.parent)}
    with subprocess.Popen(command, env=environment) as process:
        while _written(path) == before and process.poll() is None:
            time.sleep(0.001)
        time.sleep(seconds)
        process.kill()
        return process.wait() == -signal.SIGKILL


def _written(path: Path) -> int:
    """When a file was written last; 0 where there is none."""
    return path.stat().st_mtime_ns if path.exists() else 0


def run(output: Path, kills: int = KILLS, steps: int = STEPS, longest: float = LONGEST) -> bool:
    """Kill so many times, and write ``kills.json``; returns whether all is identical.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    chance, found = random.Random(0), list[Kill]()
    with tempfile.TemporaryDirectory() as folder, tqdm(total=kills, unit="kill") as bar:
        whole = learn(Path(folder) / "whole.pt", steps)
        path = Path(folder) / "killed.pt"
        while len(found) < kills:
            seconds = chance.uniform(0.0, longest)
            if killed(path, steps, seconds):
                found.append(_compared(path, whole, seconds))
                bar.update()
            else:  # it was done before: from the beginning
                path.unlink()
        ends = [_end(Path(folder) / "whole.pt"), (learn(path, steps), _end(path))[1]]
    same_end = all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    content = {
        "steps": steps,
        "checkpoint_every": EVERY,
        "torch": torch.__version__,
        "kills": [asdict(kill) for kill in found],
        "identical": sum(kill.identical for kill in found),
        "parameters_and_record_at_the_end_identical": same_end,
    }
    text = json.dumps(content, indent=1) + "\n"
    write(output / "kills.json", lambda file: file.write_text(text))
    return same_end and all(kill.identical for kill in found)


def _compared(path: Path, whole: TrainingRun, seconds: float) -> Kill:
    """What a killed process has left, beside the same steps of the run that nobody killed."""
    losses = checkpoint.load(path, "training")["record"]["losses"]
    return Kill(seconds, len(losses), torch.equal(losses, whole.losses[: len(losses)]))


def _end(path: Path) -> dict[str, Any]:
    """Parameters and losses in a checkpoint."""
    state = checkpoint.load(path, "training")
    return {**state["training"]["parameters"], "losses": state["record"]["losses"]}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m pyro_activeinf.bench.kills", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--kills", type=int, default=KILLS, metavar="N")
    parser.add_argument("--steps", type=int, default=STEPS, metavar="N")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    if options.child is not None:
        learn(options.child, options.steps)
        return
    identical = run(options.output, options.kills, options.steps)
    print(f"{options.kills} kills, all identical: {identical}")  # noqa: T201


if __name__ == "__main__":
    main()
