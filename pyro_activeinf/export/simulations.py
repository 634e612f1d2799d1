"""Simulated behavior as data sets.

- ``observed_data``, ``constant_data``: as those of a fit (:mod:`.fits`);
- ``true_parameters``: each parameter over ``subject``, and what was drawn for the population;
- ``log_probs``: ``choice`` over ``subject``, ``trial``, ``action``, in nats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..behavior import Simulation
from ..behavior.data_sets import dataset, event_dims, labels
from ..store.groups import groups
from .fits import NATS, ROWS, constant, observed

if TYPE_CHECKING:
    from xarray import Dataset


@groups.register(Simulation)
def _groups_of_simulation(source: Simulation, draws: int) -> dict[str, Dataset]:
    named = labels(source.choices)
    true = {
        name: (("subject", *event_dims(name, value.dim() - 1)), value)
        for name, value in source.parameters.items()
    }
    log_probs = dataset({"choice": ((*ROWS, "action"), source.log_probs)}, named)
    log_probs["choice"].attrs.update(NATS)
    return {
        "observed_data": dataset(observed(source.choices), named),
        "constant_data": dataset(constant(source.choices), named),
        "true_parameters": dataset(true, named),
        "log_probs": log_probs,
    }
