"""Which latent sites the parameters of a distribution come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import ReferenceType

import torch
from pyro.ops.provenance import ProvenanceTensor, get_provenance
from torch import Tensor
from torch.distributions import Distribution, Transform
from torch.distributions.constraints import Constraint

PLAIN = (
    bool,
    int,
    float,
    str,
    type(None),
    torch.dtype,
    torch.device,
    Constraint,
    type,
    ReferenceType,
)


class Unknown(Exception):
    """An object that may hold anything."""


def origins(fn: Any, value: Any) -> frozenset[str]:
    """Names of the sites that a log-density depends on, with provenance tracked.

    Read off the tensors that the distribution holds, which is quicker than to compute with them;
    where it holds something else, off its log-density.
    """
    try:
        return _found(fn, value)
    except Unknown:
        return get_provenance(fn.log_prob(value))


def _found(*parts: Any) -> frozenset[str]:
    """Of all tensors within some parts, each looked at once."""
    waiting, known, names = list(parts), set(), frozenset[str]()
    while waiting:
        part = waiting.pop()
        if isinstance(part, ProvenanceTensor):
            names |= get_provenance(part)
        elif id(part) not in known and not isinstance(part, (Tensor, *PLAIN)):
            known.add(id(part))
            waiting.extend(_within(part))
    return names


def _within(part: Any) -> Iterable[Any]:
    if isinstance(part, list | tuple):
        return part
    if isinstance(part, dict):
        return part.values()
    if isinstance(part, Distribution | Transform):
        return vars(part).values()
    raise Unknown
