"""A model with a known posterior, and guides whose parameters are in different places."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor, nn


def model(data: Tensor) -> None:
    """Two units per data point, of which only the first is seen; their noise is 1."""
    with pyro.plate("data", len(data)):
        z = pyro.sample("z", dist.Normal(data.new_zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z[..., 0], 1.0), obs=data)


def exact(data: Tensor) -> None:
    """The posterior: mean x / 2 and variance 1 / 2; the unit that is not seen keeps its prior."""
    mean = torch.stack([data / 2, torch.zeros_like(data)], -1)
    with pyro.plate("data", len(data)):
        pyro.sample("z", dist.Normal(mean, data.new_tensor([0.5**0.5, 1.0])).to_event(1))


def stored(data: Tensor) -> None:
    """Parameters in Pyro's store."""
    loc = pyro.param("loc", torch.zeros(len(data), 2))
    scale = pyro.param("scale", torch.ones(len(data), 2), constraint=constraints.positive)
    with pyro.plate("data", len(data)):
        pyro.sample("z", dist.Normal(loc, scale).to_event(1))


class Local(nn.Module):
    """Parameters in a module, which Pyro is not told of."""

    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(2))
        self.log_scale = nn.Parameter(torch.zeros(2))

    def forward(self, data: Tensor) -> None:
        with pyro.plate("data", len(data)):
            pyro.sample("z", dist.Normal(self.loc, self.log_scale.exp()).to_event(1))
