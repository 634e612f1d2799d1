"""Models and guides to learn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from pyro.nn import PyroModule, PyroParam
from torch import Tensor, nn
from torch.fx import GraphModule

ROWS = 12


def uncompiled(graph: GraphModule, inputs: Sequence[Tensor]) -> GraphModule:
    """A backend that takes no time: the traced graph itself."""
    return graph


def line(rows: int = ROWS) -> tuple[Tensor, Tensor]:
    """Inputs and outputs of a regression, always the same ones."""
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(rows, 3, generator=generator)
    noise = torch.randn(rows, generator=generator)
    return x, x @ torch.tensor([1.0, -2.0, 0.5]) + 0.3 * noise


class Regression(PyroModule):
    """Its noise is a parameter; its weights are latent."""

    def __init__(self, features: int = 3) -> None:
        super().__init__()
        self.features = features
        self.noise = PyroParam(torch.tensor(1.0), constraints.positive)

    def forward(self, x: Tensor, y: Tensor) -> None:
        weights = pyro.sample("w", dist.Normal(torch.zeros(self.features), 1.0).to_event(1))
        with pyro.plate("rows", len(x)):
            pyro.sample("y", dist.Normal((x * weights).sum(-1), self.noise), obs=y)


class Weights(PyroModule):
    """A mean-field guide of :class:`Regression`."""

    def __init__(self, features: int = 3) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(features))
        self.scale = PyroParam(torch.full((features,), 0.1), constraints.positive)

    def forward(self, x: Tensor, y: Tensor) -> None:
        pyro.sample("w", dist.Normal(self.loc, self.scale).to_event(1))


def stored_model(x: Tensor, y: Tensor) -> None:
    """The same regression as a function, with its noise in Pyro's store."""
    noise = pyro.param("noise", torch.tensor(1.0), constraint=constraints.positive)
    weights = pyro.sample("w", dist.Normal(torch.zeros(3), 1.0).to_event(1))
    with pyro.plate("rows", len(x)):
        pyro.sample("y", dist.Normal(x @ weights, noise), obs=y)


def stored_guide(x: Tensor, y: Tensor) -> None:
    loc = pyro.param("loc", torch.zeros(3))
    scale = pyro.param("scale", torch.full((3,), 0.1), constraint=constraints.positive)
    pyro.sample("w", dist.Normal(loc, scale).to_event(1))


def parameters(*modules: nn.Module) -> list[Tensor]:
    """Copies of all parameters."""
    return [p.detach().clone() for module in modules for p in module.parameters()]


def same(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    """Whether tensors are equal to the last bit."""
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def saved_at(path: Path) -> dict[str, Any]:
    """The state in a checkpoint, read as anybody can."""
    return torch.load(path, weights_only=True)["state"]
