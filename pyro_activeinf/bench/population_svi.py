"""How long hierarchical variational inference of a population takes, until F falls no longer.

``python -m pyro_activeinf.bench.population_svi --output docs/results`` writes
``population_svi.json``. Reversal learners who were drawn from a population are fitted on one
thread by :class:`~pyro_activeinf.behavior.Variational`, with fewer draws and larger steps than it
takes by itself: such steps until the mean of F over 200 of them has not fallen by 0.1 nats twice in
a row, then a third as many that come to rest. A second descent from where the first one ended,
which is not counted, says what F would have gained by as many steps again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyro
import torch
from torch import Tensor

from .. import behavior
from ..behavior import BehaviorFit, ChoiceModel, Choices, Hierarchical, Variational
from ..behavior.tasks import ReversalLearning
from ..demo.files import writable_folder, write
from .people import AGENT, MODELS

LAST = 100  # steps that F is read off


def simulated(model: ChoiceModel, subjects: int, trials: int, seed: int) -> Choices:
    """Choices of persons drawn from the population."""
    pyro.set_rng_seed(seed)
    return behavior.simulate(model, ReversalLearning(), subjects=subjects, trials=trials).choices


def clocked(fit: Callable[[], BehaviorFit]) -> tuple[BehaviorFit, dict[str, float]]:
    """A fit, and how long it took."""
    wall, processor = time.perf_counter(), time.process_time()
    found = fit()
    return found, {
        "seconds": time.perf_counter() - wall,
        "seconds_of_processor": time.process_time() - processor,
    }


def free_energy(fit: BehaviorFit) -> tuple[float, float]:
    """F over the last steps in nats, and its standard error."""
    last: Tensor = fit.found.run.losses[-LAST:].double()
    return float(last.mean()), float(last.std()) / len(last) ** 0.5


def measured(model: ChoiceModel, choices: Choices, engine: Variational) -> dict[str, Any]:
    """Time to convergence, and whether it is one."""
    found, took = clocked(lambda: behavior.fit(model, choices, engine))
    again = behavior.fit(model, choices, engine, start=found)
    (here, error), (there, other) = free_energy(found), free_energy(again)
    return {
        **took,
        "steps": found.found.run.steps,
        "ending": found.found.run.ending,
        "free_energy": here,
        "free_energy_error": error,
        "gained_by_going_on": here - there,
        "gained_error": (error**2 + other**2) ** 0.5,
        "steps_of_going_on": again.found.run.steps,
        "typical": {
            name: [float(value.mean()), float(value.std())]
            for name, value in found.group.items()
            if name.endswith("_typical")
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, fit and measure; see the module."""
    parser = argparse.ArgumentParser("python -m pyro_activeinf.bench.population_svi")
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--subjects", type=int, default=50, metavar="N")
    parser.add_argument("--trials", type=int, default=200, metavar="N")
    parser.add_argument("--steps", type=int, default=Variational().steps, metavar="N")
    parser.add_argument("--particles", type=int, default=4, metavar="N", help="draws for a step")
    parser.add_argument("--learning-rate", type=float, default=0.06, metavar="RATE")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    options = parser.parse_args(arguments)
    writable_folder(options.output)
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    model = ChoiceModel(*MODELS[AGENT], Hierarchical())
    choices = simulated(model, options.subjects, options.trials, options.seed)
    engine = Variational(
        steps=options.steps,
        num_particles=options.particles,
        learning_rate=options.learning_rate,
    )
    settings = {name: value for name, value in vars(options).items() if name != "output"}
    result = {**settings, **measured(model, choices, engine)}
    text = json.dumps(result, indent=1) + "\n"
    write(options.output / "population_svi.json", lambda path: path.write_text(text))
    print(text)  # noqa: T201


if __name__ == "__main__":
    main()
