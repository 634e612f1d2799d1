"""Sites of a Pyro program with the names of their dims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..behavior.data_sets import event_dims


@dataclass(frozen=True)
class Layout:
    """How the values of a site lie: dims of plates by name, then those of the event."""

    plates: tuple[str, ...]  # leftmost dim first
    event: tuple[str, ...]
    shape: tuple[int, ...]  # of a value, without dims of size 1 that are in no plate

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of all dims of a value."""
        return self.plates + self.event


def layout(name: str, site: Mapping[str, Any], value: Tensor) -> Layout:
    """The layout of a site of a trace, for a value or its log-density."""
    event = len(site["fn"].event_shape)
    batch = value.shape[: value.dim() - event]
    frames = {f.dim: f.name for f in site["cond_indep_stack"] if f.dim is not None}
    plates, sizes = [], []
    for place, size in enumerate(batch):
        plate = frames.get(place - len(batch))
        if plate is None and size == 1:
            continue
        plates.append(plate or f"{name}_batch_{place}")
        sizes.append(size)
    shape = (*sizes, *value.shape[len(batch) :])
    return Layout(tuple(plates), event_dims(name, event), shape)


def kinds(trace: Any) -> dict[str, list[str]]:
    """Names of the sites of a trace: latent, deterministic and observed."""
    from pyro.poutine.util import site_is_subsample

    found: dict[str, list[str]] = {"latent": [], "deterministic": [], "observed": []}
    for name, site in trace.nodes.items():
        if site["type"] != "sample" or site_is_subsample(site):
            continue
        if site["infer"].get("_deterministic"):
            found["deterministic"].append(name)
        else:
            found["observed" if site["is_observed"] else "latent"].append(name)
    return found


def stacked(values: list[Tensor], chains: int, shape: tuple[int, ...]) -> Tensor:
    """Values of all draws of all chains, ``(chains, draws, *shape)``."""
    return torch.stack([value.reshape(shape) for value in values]).unflatten(0, (chains, -1))
