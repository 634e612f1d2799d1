"""Outcomes with finite supports: each joint value once, instead of once for each particle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..compile import Site
from ..models.series import finite_support
from .prediction import Likelihood


@dataclass(frozen=True)
class Distinct:
    """Every joint value of some sites, and which of them each particle shows."""

    values: Mapping[str, Tensor]  # site: (joint values, *ones, *event)
    index: Tensor  # (particles, *batch)

    @classmethod
    def of(cls, likelihood: Likelihood) -> Distinct | None:
        """The joint values of all sites; ``None`` where they are no fewer than the particles."""
        found: dict[str, Site] = {}
        for name, fn in likelihood.sites.items():
            support = finite_support(fn)
            if support is None:
                return None
            found[name] = Site(name, support.reshape(len(support), *fn.event_shape))
        sizes = [site.size for site in found.values()]
        if math.prod(sizes) >= likelihood.shape[0]:
            return None
        return cls(_every(found, sizes, len(likelihood.shape) - 1), _index(found, likelihood))


def _every(sites: Mapping[str, Site], sizes: list[int], batch: int) -> dict[str, Tensor]:
    """Joint values, the last site fastest."""
    grid = torch.cartesian_prod(*map(torch.arange, sizes)).reshape(-1, len(sizes))
    return {
        name: (x := site.support[grid[:, i]]).reshape(len(x), *[1] * batch, *x.shape[1:])
        for i, (name, site) in enumerate(sites.items())
    }


def _index(sites: Mapping[str, Site], likelihood: Likelihood) -> Tensor:
    draws = likelihood.sample()
    index = torch.zeros((), dtype=torch.long)
    for name, site in sites.items():
        index = index * site.size + site.index(draws[name])
    return index.expand(likelihood.shape)
