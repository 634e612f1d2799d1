"""What a posterior says of a data point, as a vector of units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from pyro import distributions as dist
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Location:
    """The mean of a site for each data point.

    Attributes:
        mean: ``(data, *units)``.
        members: number of data points that the site stands for, subsampled or not.
    """

    mean: Tensor
    members: float


def location_of(site: Any) -> Location:
    """The location of one sample statement of a trace."""
    fn, value = site["fn"], site["value"]
    mean = _mean(fn, value)
    units = mean.shape[len(fn.batch_shape) :]
    data = mean.expand(*fn.batch_shape, *units).reshape(-1, *units)
    return Location(data, len(data) * float(torch.as_tensor(site["scale"]).mean()))


def _mean(fn: Any, value: Tensor) -> Tensor:
    """The mean that the distribution knows, else the value that was drawn."""
    if isinstance(fn, dist.Categorical):
        return fn.probs
    try:
        mean = fn.mean
    except (NotImplementedError, AttributeError):
        return value.to(torch.get_default_dtype()) if not value.is_floating_point() else value
    return mean if bool(torch.isfinite(mean).all()) else value
