"""Networks that give a step its numbers, started so that the step is near the identity."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from pyro.nn import AutoRegressiveNN, ConditionalAutoRegressiveNN, ConditionalDenseNN, DenseNN
from torch import Tensor, nn

from .._checks import complain

SMALL = 0.01  # what the last layer of a network is scaled by, and the noise that parts its units
ONE = math.log(math.e - 1.0)  # softplus(ONE) = 1


class Numbers(nn.Module):
    """Tensors that are parameters themselves."""

    def __init__(self, initial: Sequence[Tensor]) -> None:
        super().__init__()
        self.values = nn.ParameterList(initial)

    def forward(self, context: Tensor | None) -> list[Tensor]:
        """The parameters; there is no context."""
        return list(self.values)


class ContextNumbers(nn.Module):
    """Tensors ``(*batch, *shape)`` that a network makes of a context ``(*batch, context_dim)``."""

    def __init__(
        self, initial: Sequence[Tensor], context_dim: int, hidden_dims: Sequence[int]
    ) -> None:
        super().__init__()
        self.shapes = [value.shape for value in initial]
        flat = torch.cat([value.flatten() for value in initial])
        self.network = DenseNN(context_dim, list(hidden_dims), [len(flat)])
        start_near(self.network, flat)

    def forward(self, context: Tensor) -> list[Tensor]:
        """The tensors for this context."""
        parts = self.network(context).split([shape.numel() for shape in self.shapes], -1)
        pairs = zip(parts, self.shapes, strict=True)
        return [part.reshape(part.shape[:-1] + shape) for part, shape in pairs]


def numbers(initial: Sequence[Tensor], context_dim: int, hidden_dims: Sequence[int]) -> nn.Module:
    """Tensors to learn that start at these values; functions of the context where there is one."""
    if context_dim == 0:
        return Numbers(initial)
    return ContextNumbers(initial, context_dim, hidden_dims)


def dense(inputs: int, context_dim: int, hidden_dims: Sequence[int], start: Tensor) -> nn.Module:
    """A network from points ``(*batch, inputs)`` to ``(*batch, outputs)``, near ``start``."""
    sizes = list(hidden_dims), [len(start)]
    network = (
        ConditionalDenseNN(inputs, context_dim, *sizes) if context_dim else DenseNN(inputs, *sizes)
    )
    return start_near(network, start)


def autoregressive(
    dim: int, context_dim: int, hidden_dims: Sequence[int], param_dims: Sequence[int], start: Tensor
) -> nn.Module:
    """A masked network: outputs of a coordinate depend on those before it (Germain et al., 2015).

    Args:
        dim: number of coordinates.
        context_dim: length of the context; 0 where there is none.
        hidden_dims: units of each hidden layer.
        param_dims: how many outputs of each sort a coordinate has.
        start: what they are near, for each coordinate the same, ``(sum(param_dims),)``.

    Raises:
        ValueError: for fewer hidden units than coordinates.
    """
    if min(hidden_dims) < dim:
        expected = f"at least as many units in each layer as coordinates ({dim})"
        raise ValueError(complain("hidden_dims", expected, tuple(hidden_dims)))
    shape: dict[str, Any] = {
        "hidden_dims": list(hidden_dims),
        "param_dims": list(param_dims),
        "permutation": torch.arange(dim),
    }
    with warnings.catch_warnings():  # one coordinate is what the user asked for
        warnings.filterwarnings("ignore", message=".*input_dim = 1")
        network = (
            ConditionalAutoRegressiveNN(dim, context_dim, **shape)
            if context_dim
            else AutoRegressiveNN(dim, **shape)
        )
    return start_near(network, start.repeat_interleave(dim))


def start_near(network: Any, start: Tensor) -> nn.Module:
    """Let a network begin with outputs close to ``start`` whatever its input."""
    last = network.layers[-1]
    with torch.no_grad():
        last.weight.mul_(SMALL)
        last.bias.copy_(start + SMALL * torch.randn_like(start))
    return network


def given(network: Any, context: Tensor | None) -> Callable[[Tensor], Any]:
    """A network of points alone, the context being given."""
    if context is None:
        return network
    bound: Any = partial(network, context=context)
    if hasattr(network, "permutation"):  # transforms of Pyro ask for it
        bound.permutation, bound.get_permutation = network.permutation, network.get_permutation
    return bound
