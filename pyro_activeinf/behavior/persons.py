"""From parameters with batch dims to a chooser with batch dims, by a function for one person."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from .._checks import complain
from .chooser import Chooser

functorch = torch._C._functorch
Build = Callable[[Mapping[str, Tensor]], Any]


class NoCommonForm(TypeError):
    """Why agents cannot be followed all at once."""


@singledispatch
def alone(agent: Any) -> str | None:
    """Why agents of this kind have no common form; ``None`` where they have."""
    return None


@singledispatch
def chooser_of(agent: Any) -> Chooser:
    """The chooser that something is; register a function for each kind of agent."""
    raise TypeError(complain("agent", "a function that returns an Agent or a Chooser", repr(agent)))


@chooser_of.register(Chooser)
def _itself(agent: Chooser) -> Chooser:
    return agent


def persons(
    build: Build,
    parameters: Mapping[str, Tensor],
    events: Mapping[str, int],
    kind: Callable[[Any], Any] = chooser_of,
) -> Any:
    """Call a function that is written for one person once, for all persons.

    Args:
        build: from parameters of one person, site to value ``(*event)``, to an agent.
        parameters: site to values ``(*batch, *event)``; batch shapes broadcast.
        events: number of event dims of each site.
        kind: makes a frozen dataclass of tensors and constants of what the function returns.

    Returns:
        The dataclass, with tensors ``(*batch, *event)``: by default a :class:`Chooser`.

    Raises:
        ValueError: where an ``if`` of the function depends on a parameter.
    """
    batch, flat = laid_out(parameters, events)
    made: list[Any] = []

    def one(values: Mapping[str, Tensor]) -> dict[str, Any]:
        made.append(kind(build(values)))
        return tensors_of(made[-1])

    try:
        with Agreeing():
            found = torch.func.vmap(one, randomness="same")(flat)
    except (TypeError, ValueError, RuntimeError) as error:
        why = _no_common_form(error, build, flat)
        if why is None:
            raise
        from .one_by_one import one_by_one

        return one_by_one(build, flat, batch, why)
    whole = pytree.tree_map(lambda value: value.unflatten(0, batch), found)
    return replace(made[-1], **whole)


def laid_out(
    parameters: Mapping[str, Tensor], events: Mapping[str, int]
) -> tuple[torch.Size, dict[str, Tensor]]:
    """The batch shape of parameters, and their values ``(persons, *event)``."""
    batch = torch.broadcast_shapes(*(_batch(v, events[k]) for k, v in parameters.items()))
    return batch, {name: _flat(value, events[name], batch) for name, value in parameters.items()}


def _no_common_form(error: Exception, build: Build, flat: Mapping[str, Tensor]) -> str | None:
    """Why persons have to go one by one; ``None`` where they need not, and something is wrong."""
    if isinstance(error, NoCommonForm):
        return str(error)
    if not all(len(value) for value in flat.values()):
        return None
    try:
        return alone(build({name: value[0] for name, value in flat.items()}))
    except (TypeError, ValueError, RuntimeError):
        return None


def _batch(value: Tensor, event: int) -> torch.Size:
    return value.shape[: value.dim() - event]


def _flat(value: Tensor, event: int, batch: Sequence[int]) -> Tensor:
    inner = value.shape[value.dim() - event :]
    return value.expand(*batch, *inner).reshape(math.prod(batch), *inner)


def tensors_of(made: Any) -> dict[str, Any]:
    """Fields that hold tensors only."""
    held = {f.name: getattr(made, f.name) for f in fields(made)}
    return {name: value for name, value in held.items() if _of_tensors(value)}


def _of_tensors(value: Any) -> bool:
    leaves = pytree.tree_leaves(value)
    return bool(leaves) and all(isinstance(leaf, Tensor) for leaf in leaves)


class Agreeing(TorchFunctionMode):
    """Questions that Python asks of a tensor under ``vmap`` are answered where all agree.

    Checks of arguments ("all probabilities above 0?") are such questions. A tensor tells whether
    gradients flow through it, which ``vmap`` hides, so that derivatives are made safe where they
    have to be. A mode of this kind holds for its thread only.
    """

    def __init__(self, trained: bool = False) -> None:
        super().__init__()
        self.trained = trained  # whether all tensors are taken as such that gradients flow to

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Look below ``vmap`` where a tensor is turned into a Python value."""
        first = args[0] if args else None
        if not (isinstance(first, Tensor) and functorch.is_batchedtensor(first) and asked(func)):
            return func(*args, **(kwargs or {}))
        inner = below(first)
        found = known(func, first, inner, self.trained or inner.requires_grad)
        return agreed(func, inner) if found is None else found[0]


_NEEDS_GRADIENT = Tensor.requires_grad.__get__  # type: ignore[attr-defined]
_ASKED = {
    torch._is_all_true,
    _NEEDS_GRADIENT,
    Tensor.register_hook,
    Tensor.__bool__,
    Tensor.__float__,
    Tensor.__int__,
    Tensor.__index__,
    Tensor.item,
}


def asked(func: Any) -> bool:
    """Whether a function makes a Python value of a tensor."""
    return func in _ASKED


def below(tensor: Tensor) -> Tensor:
    """The tensor of all persons below a tensor of one of them; any other as it is."""
    while functorch.is_batchedtensor(tensor):
        tensor = functorch.get_unwrapped(tensor)
    return tensor


def known(func: Any, tensor: Tensor, inner: Tensor, trained: bool) -> tuple[Any] | None:
    """What is known whatever the values are; ``None`` for a question about them."""
    if func is torch._is_all_true:
        return (inner.all(),)
    if func is Tensor.register_hook:
        return (None,)  # nobody outside has this tensor
    if func == _NEEDS_GRADIENT:
        return (trained if functorch.is_batchedtensor(tensor) else func(tensor),)
    return None


def agreed(func: Any, inner: Tensor) -> Any:
    """The answer that is the same for all persons.

    Raises:
        ValueError: where there is none.
    """
    values = inner.detach().flatten()
    if bool((values != values[0]).any()):
        raise ValueError(
            complain(
                "agent",
                "a function whose Python code takes the same way for every person",
                f"a question ({func.__name__}) whose answer depends on parameters",
                "Use torch.where in place of `if`, and tensors in place of float(..).",
            )
        )
    return func(values[0])
