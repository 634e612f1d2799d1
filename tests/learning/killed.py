"""A run with all that a state has, for a process that may kill itself: ``path kill_at``."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pyro
import torch
from torch import Tensor

from pyro_activeinf import VariationalFreeEnergy
from pyro_activeinf.free_energy import ComplexityWeight
from pyro_activeinf.learning import LearningRate, RobbinsMonro, TrainingRun, fit
from pyro_activeinf.learning.annealing import Cyclical

from .programs import Regression, Weights, line

STEPS = 60


class Deadly(Regression):
    """Draws from all generators, and kills its process at a step."""

    def __init__(self, kill_at: int) -> None:
        super().__init__()
        self.kill_at = kill_at

    def forward(self, x: Tensor, y: Tensor) -> None:
        noise = np.random.standard_normal()  # noqa: NPY002, the global generator
        super().forward(x, y + 0.01 * noise)
        self.kill_at -= torch.is_grad_enabled()
        if self.kill_at == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def run(path: Path, kill_at: int = -1) -> TrainingRun:
    """Learn, going on from a file where there is one; ``kill_at`` counts calls of the model."""
    return fit(
        Deadly(kill_at),
        Weights(),
        line(),
        loss=VariationalFreeEnergy(weight=ComplexityWeight(Cyclical(20))),
        optimizer=partial(torch.optim.Adam, lr=0.05),
        learning_rate=LearningRate(RobbinsMonro(tau=5.0)),
        steps=STEPS,
        batch_size=5,
        clip_norm=20.0,
        checkpoint=path,
        checkpoint_every=3,
        resume=True,
        progress=False,
        seed=4,
        read_every=10,
    )


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    pyro.set_rng_seed(99)  # a process that goes on is not in the state of the first one
    run(Path(sys.argv[1]), int(sys.argv[2]))
