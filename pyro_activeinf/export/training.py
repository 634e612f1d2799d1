"""Records of learning as data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..learning import TrainingRun
from ..store.groups import attributes, groups

if TYPE_CHECKING:
    from xarray import Dataset

NATS = {"units": "nats"}


@groups.register(TrainingRun)
def _groups_of_training(source: TrainingRun, draws: int) -> dict[str, Dataset]:
    from xarray import Dataset

    taken = {"free_energy": source.losses, "gradient_norm": source.gradient_norms}
    steps = {name: ("step", value.numpy(force=True)) for name, value in taken.items()}
    steps["seconds"] = ("step", source.seconds.numpy(force=True))
    terms = {"complexity": source.complexity, "accuracy": source.accuracy}
    read = {name: ("step", value.numpy(force=True), NATS) for name, value in terms.items()}
    facts = {"ending": source.ending, "compile_seconds": source.compile_seconds}
    at = source.evaluated.numpy(force=True)
    return {
        "training": Dataset(steps, {"step": np.arange(source.steps)}, attributes() | facts),
        "free_energy": Dataset(read, {"step": at}, attributes()),
    }
