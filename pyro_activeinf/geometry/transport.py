r"""Parallel transport along curves: a linear equation, by collocation at Chebyshev's nodes.

.. math:: \dot w^k = -\Gamma^k_{ij} \dot x^i w^j

All nodes are evaluated at once; their number is doubled until the solution is resolved.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from .._checks import complain
from . import chebyshev
from .curves import Curve, Polyline
from .local import Local

DEGREES = (12, 24, 48, 96)
RESOLVED, ROUGHLY = 1e-12, 1e-7

Near = Callable[[Tensor], Local]


def carry(near: Near, curve: Curve, vector: Tensor, alpha: float) -> Tensor:
    """A vector at the end of a curve, of the shape of its points.

    Raises:
        ValueError: the curve is too rough.
    """
    w = vector.expand_as(curve(0.0))
    pieces = len(curve.points) if isinstance(curve, Polyline) else 2
    ends = torch.linspace(0, 1, pieces, dtype=torch.float64)
    for first, last in pairwise(ends):
        w = _over(near, curve, w, alpha, (first, last))
    return w


def _over(
    near: Near, curve: Curve, w: Tensor, alpha: float, piece: tuple[Tensor, Tensor]
) -> Tensor:
    grain = torch.finfo(w.dtype).eps
    for degree in DEGREES:
        path = _solved(near, curve, w, alpha, piece, degree)
        tail = chebyshev.unresolved(path.detach().double())
        if bool((tail < max(RESOLVED, 10 * grain)).all()):
            break
    if not bool((tail < max(ROUGHLY, 1e3 * grain)).all()):
        raise ValueError(complain("along", "a smooth curve", "a rough one", "Give it in pieces."))
    return path[..., -1, :]


def _solved(
    near: Near,
    curve: Curve,
    w: Tensor,
    alpha: float,
    piece: tuple[Tensor, Tensor],
    degree: int,
) -> Tensor:
    """The vector at all nodes: ``(*batch, nodes, d)``."""
    first, last = piece
    edge = 1e-13 * (last - first)  # a corner belongs to neither piece
    nodes = chebyshev.nodes(degree) * (last - first - 2 * edge) + first + edge
    x, v = curve(nodes).to(w), curve.velocity(nodes).to(w) * (last - first).to(w)
    turn = torch.einsum("...kij,...i->...kj", near(x).raised(x, alpha), v)
    turn = turn.movedim(0, -3)  # (*batch, nodes, k, j)
    d, inner = w.shape[-1], slice(1, None)
    rates = chebyshev.differentiation(degree).to(w)[inner]
    eye = torch.eye(d).to(w)
    matrix = torch.einsum("mn,kj->mknj", rates[:, inner], eye).expand(
        *turn.shape[:-3], degree, d, degree, d
    )
    own = torch.eye(degree).to(w)
    matrix = matrix + torch.einsum("...mkj,mn->...mknj", turn[..., inner, :, :], own)
    known = -torch.einsum("m,...k->...mk", rates[:, 0], w)
    flat = matrix.flatten(-4, -3).flatten(-2)
    found = torch.linalg.solve(flat, known.flatten(-2).unsqueeze(-1)).squeeze(-1)
    return torch.cat([w.unsqueeze(-2), found.unflatten(-1, (degree, d))], -2)
