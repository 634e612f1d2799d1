"""Reenacted behavior as data sets.

- ``posterior``: each parameter over ``chain``, ``draw``, ``subject``, at the draws that were taken;
- ``posterior_predictive``: ``choice``, ``outcome_<site>`` and ``condition_<name>`` over ``chain``,
  ``draw``, ``subject``, ``trial``, as they came about in the task; -1 or NaN where nothing did;
- ``observed_data``, ``constant_data``: of the people, as those of a fit (:mod:`.fits`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..behavior import Reenactment
from ..behavior.data_sets import SAMPLED, dataset, event_dims, labels
from ..store.groups import groups
from .fits import ROWS, constant, observed

if TYPE_CHECKING:
    from xarray import Dataset


@groups.register(Reenactment)
def _groups_of_reenactment(source: Reenactment, draws: int) -> dict[str, Dataset]:
    people, anew = source.fit.choices, source.choices
    named = labels(people)
    played = {**named, "trial": np.arange(anew.num_trials)}
    kinds = {"outcome": anew.outcomes, "condition": anew.conditions}
    values = {"choice": torch.where(anew.counted, anew.actions, -1)} | {
        f"{kind}_{name}": value for kind, sites in kinds.items() for name, value in sites.items()
    }
    seen = {name: source.by_draw(value) for name, value in values.items()}
    return {
        "posterior": dataset(_over(source.parameters, ("subject",)), named),
        "posterior_predictive": dataset(_over(seen, ROWS), played),
        "observed_data": dataset(observed(people), named),
        "constant_data": dataset(constant(people), named),
    }


def _over(values: Any, dims: tuple[str, ...]) -> dict[str, tuple[tuple[str, ...], Tensor]]:
    """Variables of values ``(draws, *dims, *event)``, of a single chain."""
    known = (*SAMPLED, *dims)
    return {
        name: ((*known, *event_dims(name, value.dim() + 1 - len(known))), value.unsqueeze(0))
        for name, value in values.items()
    }
