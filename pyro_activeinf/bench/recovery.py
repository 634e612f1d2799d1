"""Whether simulated persons are found out: parameters, calibration, and which model they are.

``python -m pyro_activeinf.bench.recovery --output docs/results`` writes ``recovery.json`` and
figures ``recovery_*.png``.

Persons of :mod:`.subjects`, 50 in a data set, with 200 trials each. The same fits tell how near
estimates are to the truth (a correlation for each data set), how often intervals cover it, and
whether its ranks among posterior draws are uniform (all data sets together). Then persons of four
models are each fitted with all four, and the evidence decides for each person alone.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyro
import torch

from .. import plots
from ..behavior import (
    AdaptiveImportance,
    Calibration,
    ModelRecovery,
    Recovery,
    recover_models,
    rehearse,
)
from ..demo.files import writable_folder, write
from .subjects import PERSONS, four_models, reversal_task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUBJECTS, TRIALS, REPEATS, BINS = 50, 200, 8, 20
MASS = 0.9
ENGINE = AdaptiveImportance(draws=1000, proposals=100, rounds=6)
MODELS = "models"  # the study of these


@dataclass(frozen=True)
class Studied:
    """What was found of the persons of one task."""

    recovery: Recovery
    calibration: Calibration

    def to_json(self, bins: int) -> dict[str, Any]:
        """The numbers, by parameter."""
        table = self.recovery.summary()
        p_values = self.calibration.p_values(bins)
        tail = self.recovery.by_subject["effective"].flatten()
        return {
            "persons": len(tail),
            "parameters": {
                name: {**row, "p_of_uniform_ranks": float(p_values[name])}
                for name, row in table.to_dict(orient="index").items()
            },
            "effective_draws": {
                "median": float(tail.median()),
                "one_in_a_hundred": float(tail.quantile(0.01)),
                "least": float(tail.min()),
            },
        }


def study(
    name: str,
    *,
    subjects: int = SUBJECTS,
    trials: int = TRIALS,
    repeats: int = REPEATS,
    engine: AdaptiveImportance = ENGINE,
) -> Studied:
    """Simulate the persons of a task, and fit them."""
    model, task, choices = PERSONS[name]
    found = rehearse(
        model(),
        task(),
        subjects=subjects,
        trials=trials * choices,
        repeats=repeats,
        engine=engine,
        progress=False,
    )
    return Studied(Recovery.of(found, MASS), Calibration.of(found))


def models_study(
    *, subjects: int = SUBJECTS, trials: int = TRIALS, engine: AdaptiveImportance = ENGINE
) -> ModelRecovery:
    """Simulate persons of four models, and choose among these."""
    return recover_models(
        four_models(),
        reversal_task(),
        subjects=subjects,
        trials=trials,
        engine=engine,
        progress=False,
    )


def models_to_json(found: ModelRecovery) -> dict[str, Any]:
    """The confusion matrix."""
    return {
        "names": found.names,
        "confusion": found.confusion.tolist(),
        "persons_of_each": found.scores.shape[1],
    }


def save(folder: Path, name: str, numbers: Mapping[str, Any], pages: Mapping[str, Figure]) -> None:
    """Write the figures of a study, and its numbers beside those of others."""
    for ending, page in pages.items():
        short = f"recovery_{name}{ending}".replace(" ", "_").lower()
        write(folder / f"{short}.png", partial(page.savefig, dpi=150))
    path = folder / "recovery.json"
    content = json.loads(path.read_text()) if path.exists() else {}
    text = json.dumps({**content, name: numbers}, indent=1) + "\n"
    write(path, lambda partial: partial.write_text(text))


def run(name: str, folder: Path, settings: Mapping[str, Any]) -> None:
    """Do one study and keep what it found."""
    pyro.set_rng_seed(settings["seed"])
    engine = replace(ENGINE, proposals=settings["proposals"])
    size = {"subjects": settings["subjects"], "trials": settings["trials"], "engine": engine}
    begun = time.perf_counter()
    if name == MODELS:
        models = models_study(**size)
        numbers, pages = models_to_json(models), {"": plots.confusion(models)}
    else:
        found = study(name, repeats=settings["repeats"], **size)
        numbers = found.to_json(settings["bins"])
        chart = plots.ranks(found.calibration, settings["bins"])
        pages = {"": plots.recovery(found.recovery), "_ranks": chart}
    seconds = time.perf_counter() - begun
    save(folder, name, {**numbers, "seconds": seconds, "settings": dict(settings)}, pages)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the studies; see the module."""
    names = [*PERSONS, MODELS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--only", choices=names, help="one study (default: all)")
    parser.add_argument("--subjects", type=int, default=SUBJECTS)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="data sets of each task")
    parser.add_argument("--proposals", type=int, default=ENGINE.proposals, help="of each round")
    parser.add_argument("--bins", type=int, default=BINS, help="of the ranks")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    folder = writable_folder(options.output)
    kept = {k: v for k, v in vars(options).items() if k not in ("output", "only")}
    for name in [options.only] if options.only else names:
        run(name, folder, kept)


if __name__ == "__main__":
    main()
