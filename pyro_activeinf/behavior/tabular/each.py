"""A function of one person at one trial, for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import get_proxy_mode
from torch.utils import _pytree as pytree

from ..persons import Agreeing

Made = TypeVar("Made")


def each(function: Callable[..., Made], shape: Sequence[int], *args: Any) -> Made:
    """Call a function of tensors ``(*event)`` with tensors ``(*shape, *event)``.

    Args:
        function: from and to structures of tensors.
        shape: batch dims of all that goes in and comes out; those on the left may be missing
            in what goes in, where they are not for everything.
        *args: structures of tensors with how many of the dims of ``shape`` they have, in pairs.
    """
    flat = [_flat(part, dims, shape) for part, dims in args]
    with Agreeing(trained=get_proxy_mode() is not None):
        found = torch.func.vmap(function, randomness="same")(*flat)
    made: Made = pytree.tree_map(lambda value: value.reshape(*shape, *value.shape[1:]), found)
    return made


def _flat(part: Any, dims: int, shape: Sequence[int]) -> Any:
    def one(value: Tensor) -> Tensor:
        inner = value.shape[dims:]
        return value.expand(*shape, *inner).reshape(math.prod(shape), *inner)

    return pytree.tree_map(one, part)
