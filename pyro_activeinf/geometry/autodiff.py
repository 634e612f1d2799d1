"""Derivatives of functions over the last dim, any batch before it, by forward differentiation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.func import jvp, vjp, vmap

Map = Callable[[Tensor], Tensor]


@cache
def _prepare() -> None:
    """Let torch load what forward differentiation needs, without its warning of that moment."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        jvp(torch.sin, (torch.zeros(()),), (torch.zeros(()),))


def along(fn: Map, x: Tensor, v: Tensor) -> Tensor:
    r"""Directional derivative :math:`Df(x)[v]`."""
    _prepare()
    return jvp(fn, (x.contiguous(),), (v.contiguous(),))[1]


def twice(fn: Map, x: Tensor, v: Tensor, w: Tensor) -> Tensor:
    r"""Second derivative :math:`D^2 f(x)[v, w]`."""
    return along(lambda y: along(fn, y, v), x, w)


def pullback(fn: Map, x: Tensor, covector: Tensor) -> Tensor:
    r"""Product :math:`Df(x)^\top c`."""
    return vjp(fn, x)[1](covector)[0]


def jacobian(fn: Map, x: Tensor) -> Tensor:
    """First derivatives at each point: ``(*batch, d)`` to ``(*batch, *out, d)``."""
    basis = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    return vmap(lambda e: along(fn, x, e.expand_as(x)))(basis).movedim(0, -1)


def hessian(fn: Map, x: Tensor) -> Tensor:
    """Second derivatives at each point: ``(*batch, d)`` to ``(*batch, *out, d, d)``."""
    return jacobian(lambda y: jacobian(fn, y), x)


def solve(matrix: Tensor, vector: Tensor) -> Tensor:
    """Solve for a vector ``(*batch, d)``."""
    return torch.linalg.solve(matrix, vector.unsqueeze(-1)).squeeze(-1)


def matvec(matrix: Tensor, vector: Tensor) -> Tensor:
    """Product of a matrix and a vector ``(*batch, d)``."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)
