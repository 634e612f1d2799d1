"""Random episodes of a program, in batches, with values missing here and there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyro
import torch
from pyro import poutine
from torch import Tensor

from pyro_activeinf.compile import Tables
from pyro_activeinf.models import unroll
from tests.models import forward
from tests.models.forward import Index


class Batch(NamedTuple):
    """A batch of episodes: as the library takes them, and each as the forward algorithm does."""

    observations: dict[str, Tensor]  # (batch, time, *event); sites may be left out
    actions: Tensor | None  # (batch, time - 1[, controls])
    seen: list[list[Index]]  # (batch, time)
    done: list[list[list[int]]]  # (batch, time - 1, controls)


def random_batch(program: Any, tables: Tables, seed: int, size: int, steps: int) -> Batch:
    """Episodes sampled from the program itself, thus of evidence > 0."""
    pyro.set_rng_seed(seed)
    rng = np.random.default_rng(seed)
    choices = [torch.randint(n, (size, steps - 1)) for n in tables.controls]
    done = torch.stack(choices, -1) if choices else torch.zeros(size, steps - 1, 0)
    actions = done.squeeze(-1) if len(choices) < 2 else done
    if not choices:
        actions = torch.zeros(size, steps - 1)  # tells the number of steps
    trace = poutine.trace(unroll).get_trace(program, None, actions)
    observations: dict[str, Tensor] = {}
    seen: list[list[dict[str, int]]] = [[{} for _ in range(steps)] for _ in range(size)]
    for site in tables.outcomes:
        if rng.random() < 0.2:
            continue
        shape = (size, *site.support.shape[1:])
        values = [trace.nodes[f"{site.name}_{t}"]["value"].expand(shape) for t in range(steps)]
        drawn = torch.stack(values, 1).clone()
        missing = rng.random((size, steps)) < rng.choice([0.0, 0.4])
        index = site.index(drawn)
        for b, t in np.argwhere(~missing):
            seen[b][t][site.name] = int(index[b, t])
        real = drawn.is_floating_point() and rng.random() < 0.5
        drawn[torch.as_tensor(missing)] = float("nan") if real else -1
        observations[site.name] = drawn
    return Batch(observations, actions if choices else None, seen, done.long().tolist())


def log_evidence(tables: Tables, batch: Batch) -> float:
    """Of all the episodes together."""
    pairs = zip(batch.seen, batch.done, strict=True)
    return sum(forward.log_evidence(tables, seen, done) for seen, done in pairs)
