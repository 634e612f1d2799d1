r"""Geodesics of Gaussian vectors in closed form, and Newton's method for those between two points.

From the standard Gaussian, to which any other is taken by a shift and a linear map, precision
:math:`\Delta` and :math:`\delta = \Delta \mu` are blocks of a matrix exponential:

.. math:: \begin{pmatrix} \Delta & \delta & \cdot \\ \cdot & \cdot & \cdot \\ \cdot & \cdot & \cdot
          \end{pmatrix} = \exp \begin{pmatrix} -B & x & 0 \\ x^\top & 0 & -x^\top \\ 0 & -x & B
          \end{pmatrix}

Reference: Eriksen (1987), "Geodesics connected with the Fisher metric on the multivariate normal
manifold".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .._checks import complain
from .autodiff import jacobian

LONGEST = 2.0  # in nats^(1/2): exponentials of longer ones lose digits
STRIDE, ITERATIONS = 1.5, 200
NEAR = 1e-6  # a gap, after which one more step of Newton's method is exact

Pair = tuple[Tensor, Tensor]  # of a vector (*batch, n) and a symmetric matrix (*batch, n, n)


def go(point: Pair, velocity: Pair) -> Pair:
    """Where a geodesic is after unit time, piece by piece."""
    pieces = max(1, math.ceil(_speed(*_seen(point[1], velocity)) / LONGEST))
    for _ in range(pieces):
        point, velocity = _piece(point, velocity, 1 / pieces)
    return point


def between(point: Pair, other: Pair) -> Pair:
    """The velocity of the geodesic to another point.

    The end is pulled to its goal, at most a stride at a time, as seen from where it is.

    Raises:
        ValueError: where it does not get there.
    """
    loc, covariance = point
    factor = torch.linalg.cholesky(covariance)
    origin = torch.zeros_like(loc), torch.eye(loc.shape[-1]).to(loc).expand_as(covariance)
    goal = _seen(covariance, (other[0] - loc, other[1]))
    rates = torch.zeros_like(_flat(origin))
    arrived = False
    for _ in range(ITERATIONS):
        last = arrived
        gap, change = _gap(origin, rates, goal)
        size = torch.linalg.vector_norm(gap, dim=-1, keepdim=True)
        arrived = bool((size <= NEAR).all())
        pull = gap * (STRIDE / size.clamp(min=STRIDE))
        rates = rates + torch.linalg.solve(change, pull.unsqueeze(-1)).squeeze(-1)
        if last:
            break
    if not (last and bool(rates.isfinite().all())):
        way_out = "Go by points in between, or take them closer to each other."
        raise ValueError(complain("points", "two that a geodesic connects", "others", way_out))
    velocity, turn = _pair(rates)
    return (factor @ velocity.unsqueeze(-1)).squeeze(-1), factor @ turn @ factor.mT


def _gap(origin: Pair, rates: Tensor, goal: Pair) -> Pair:
    """How far the goal is from the end of a geodesic, and how the end moves with its rates."""
    end = go(origin, _pair(rates))
    place, ratio = _seen(end[1], (goal[0] - end[0], goal[1]))
    values, vectors = torch.linalg.eigh(ratio)
    spread = (vectors * values.clamp(min=1e-300).log().unsqueeze(-2)) @ vectors.mT

    def seen(rates: Tensor) -> Tensor:
        return _flat(_seen(end[1], go(origin, _pair(rates))))

    return _flat((place, spread)), jacobian(seen, rates)


def _piece(point: Pair, velocity: Pair, time: float) -> tuple[Pair, Pair]:
    """Place and velocity after some time."""
    factor = torch.linalg.cholesky(point[1])
    x, b = _seen(point[1], velocity)
    n, x = x.shape[-1], x.unsqueeze(-1)
    zero, none = torch.zeros_like(b), torch.zeros_like(x[..., :1, :])
    rows = [[-b, x, zero], [x.mT, none, -x.mT], [zero, -x, b]]
    generator = torch.cat([torch.cat(row, -1) for row in rows], -2)
    blocks = torch.linalg.matrix_exp(time * generator)
    precision, rate = (_symmetric(m[..., :n, :n]) for m in (blocks, generator @ blocks))
    shift, pace = (m[..., :n, n : n + 1] for m in (blocks, generator @ blocks))
    spread = _symmetric(torch.linalg.inv(precision))
    place = spread @ shift
    moved = factor @ place, factor @ (spread @ (pace - rate @ place))
    around = factor @ spread @ factor.mT, factor @ -_symmetric(spread @ rate @ spread) @ factor.mT
    end = point[0] + moved[0].squeeze(-1), _symmetric(around[0])
    return end, (moved[1].squeeze(-1), _symmetric(around[1]))


def _seen(covariance: Tensor, pair: Pair) -> Pair:
    """A vector and a matrix as they are where the covariance is the unit matrix."""
    factor = torch.linalg.cholesky(covariance)
    vector = torch.linalg.solve_triangular(factor, pair[0].unsqueeze(-1), upper=False)
    half = torch.linalg.solve_triangular(factor, pair[1], upper=False)
    whole = torch.linalg.solve_triangular(factor, half.mT, upper=False)
    return vector.squeeze(-1), _symmetric(whole)


def _speed(x: Tensor, b: Tensor) -> float:
    square = x.square().sum(-1) + b.square().sum((-1, -2)) / 2
    return math.sqrt(float(square.detach().amax())) if square.numel() else 0.0


def _symmetric(m: Tensor) -> Tensor:
    return (m + m.mT) / 2


def _flat(pair: Pair) -> Tensor:
    """Orthonormal coordinates: their squares add up to that of a length in nats^(1/2)."""
    n = pair[0].shape[-1]
    rows, columns = torch.tril_indices(n, n)
    scale = torch.where(rows == columns, 0.5**0.5, 1.0).to(pair[0])
    return torch.cat([pair[0], pair[1][..., rows, columns] * scale], -1)


def _pair(flat: Tensor) -> Pair:
    n = round((math.sqrt(9 + 8 * flat.shape[-1]) - 3) / 2)
    rows, columns = torch.tril_indices(n, n)
    scale = torch.where(rows == columns, 2**0.5, 1.0).to(flat)
    places = torch.arange(n)
    high, low = torch.maximum(places[:, None], places), torch.minimum(places[:, None], places)
    return flat[..., :n], (flat[..., n:] * scale)[..., high * (high + 1) // 2 + low]
