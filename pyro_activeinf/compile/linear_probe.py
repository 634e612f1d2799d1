"""Tells whether a program is affine: by following which operations its inputs go through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from .enumerate import HANDLERS
from .linear import run_program
from .linear_sites import GaussianSite, GaussianSites, Layout

# Linear in a tensor, whatever the other arguments are (as long as those are constants).
LINEAR = frozenset(
    [
        "neg",
        "sum",
        "mean",
        "cumsum",
        "diff",
        "unsqueeze",
        "squeeze",
        "reshape",
        "reshape_as",
        "view",
        "view_as",
        "expand",
        "expand_as",
        "permute",
        "transpose",
        "movedim",
        "moveaxis",
        "swapaxes",
        "flatten",
        "unflatten",
        "select",
        "getitem",
        "unbind",
        "split",
        "chunk",
        "narrow",
        "index_select",
        "take_along_dim",
        "gather",
        "clone",
        "contiguous",
        "to",
        "type_as",
        "float",
        "double",
        "repeat",
        "tile",
        "flip",
        "roll",
        "diagonal",
        "diag_embed",
        "tril",
        "triu",
        "positive",
        "broadcast_to",
    ]
)
LIKE = frozenset(
    ["to", "type_as", "expand_as", "view_as", "reshape_as"]
)  # another tensor's type, shape
ADDITIVE = frozenset(
    ["add", "sub", "radd", "rsub", "subtract", "stack", "cat", "concat", "concatenate", "hstack"]
)
BILINEAR = frozenset(
    [
        "mul",
        "rmul",
        "multiply",
        "matmul",
        "rmatmul",
        "mm",
        "mv",
        "bmm",
        "dot",
        "inner",
        "outer",
        "einsum",
        "linear",
    ]
)
QUOTIENT = frozenset(["div", "truediv", "true_divide", "divide"])
TELLING = frozenset(  # what is asked of a tensor without looking at its numbers
    [
        "dim",
        "size",
        "numel",
        "stride",
        "len",
        "is_floating_point",
        "is_complex",
        "element_size",
        "get_device",
        "is_contiguous",
        "ndimension",
        "nelement",
    ]
)
ATTRIBUTES = frozenset(
    getattr(Tensor, name).__get__
    for name in [
        "shape",
        "dtype",
        "device",
        "ndim",
        "requires_grad",
        "layout",
        "is_cuda",
        "is_leaf",
    ]
)
TURNED = frozenset(getattr(Tensor, name).__get__ for name in ("T", "mT", "H", "mH"))
CHANGING = frozenset(
    [
        "__setitem__",
        "__iadd__",
        "__isub__",
        "__imul__",
        "__itruediv__",
        "__set__",
        "__ipow__",
        "__ifloordiv__",
    ]
)


class NotAffine(Exception):
    """The program looked at a number, or did something else that cannot be followed."""


class Probe(Tensor):
    """A tensor that depends on the inputs, and knows whether it does so as an affine function."""

    affine: bool = False

    @classmethod
    def of(cls, tensor: Tensor, affine: bool = True) -> Probe:
        """Mark a tensor."""
        found = tensor.as_subclass(cls)
        found.affine = affine
        return found

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do it, and mark what comes out."""
        kwargs = kwargs or {}
        if _in_place(func, kwargs):
            raise NotAffine("in place")
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **kwargs)
        if func in ATTRIBUTES or _name(func) in TELLING:
            return result
        if _name(func) == "broadcast_tensors":
            sources = args[0] if len(args) == 1 else args
            return tuple(
                cls.of(part, source.affine) if isinstance(source, Probe) else part
                for part, source in zip(result, sources, strict=True)
            )
        return _marked(result, _stays_affine(func, args, kwargs))


def _marked(result: Any, affine: bool) -> Any:
    if isinstance(result, Probe) and affine:
        return result  # as it was: to(), contiguous()
    if isinstance(result, Tensor):
        return Probe.of(result, affine and result.is_floating_point())
    if isinstance(result, tuple | list) and all(isinstance(part, Tensor) for part in result):
        return tuple(_marked(part, affine) for part in result)
    raise NotAffine("a number")


def _stays_affine(func: Any, args: Any, kwargs: Mapping[str, Any]) -> bool:
    probes = list(_probes([*args, *kwargs.values()]))
    if not all(probe.affine for probe in probes):
        return False
    name = _name(func)
    if name in LIKE:
        return isinstance(args[0], Probe)
    if func in TURNED or name in LINEAR:
        return len(probes) == 1 and isinstance(args[0], Probe)
    if name in QUOTIENT:
        return len(probes) == 1 and isinstance(args[0], Probe) and not kwargs
    if name == "where":
        return len(args) == 3 and not isinstance(args[0], Probe)
    return name in ADDITIVE or (name in BILINEAR and len(probes) == 1)


def _name(func: Any) -> str:
    """Of a function; ``__add__`` is add, while ``add_`` (in place) is neither."""
    name: str = getattr(func, "__name__", "")
    return name[2:-2] if name.startswith("__") and name.endswith("__") else name


def _in_place(func: Any, kwargs: Mapping[str, Any]) -> bool:
    name: str = getattr(func, "__name__", "")
    changes = name.endswith("_") and not name.endswith("__")
    return changes or name in CHANGING or kwargs.get("out") is not None


def _probes(values: Any) -> Iterator[Probe]:
    for value in values:
        if isinstance(value, Probe):
            yield value
        elif isinstance(value, tuple | list):
            yield from _probes(value)


def is_affine(
    programs: Any, name: str, states: Layout, state: Tensor, action: Any, real: bool
) -> bool:
    """Whether a program's locations are affine in state and real action, its noise constant.

    Only operations that are known to be affine count: the answer may be no where it should be
    yes, never the other way round.

    Args:
        programs, name, states: see :func:`~.linear.linearize`.
        state: any state ``(*batch, states)``.
        action: any action; ``real`` where it is one to be followed as well.
    """
    given = Probe.of(action) if real else action
    handler = GaussianSites(name, _followed)
    try:
        with HANDLERS, dist.validation_enabled(False):
            run_program(programs, name, states, Probe.of(state), given, handler)
    except NotAffine:
        return False
    return all(_constant_noise(parts) for parts in handler.sites.values())


def _followed(name: str, parts: GaussianSite) -> Tensor:
    return parts.loc


def _constant_noise(parts: GaussianSite) -> bool:
    straight = not isinstance(parts.loc, Probe) or parts.loc.affine
    return straight and not isinstance(parts.scale, Probe)
