r"""Geodesics between two points: collocation at Chebyshev's nodes, solved by Newton's method.

A path is a polynomial through its values at the nodes. The values inside are such that the equation
of geodesics holds there. All members of a batch are solved at once; those that a polynomial does
not yet follow closely go on with twice the degree.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .._checks import complain
from . import chebyshev
from .equation import Equation, Linearized

DEGREES = (12, 24, 48, 96, 192)
LARGEST = 5e7  # numbers in the matrices of the members that are solved at once
RESOLVED, ROUGHLY = 1e-11, 1e-8
ITERATIONS = 30
TRIALS, SHORTEST = 60, 1e-3  # on the way to far points
SETTLED = 1e-8  # of a Newton step: what is left is its square


def connect(equation: Equation, start: Tensor, end: Tensor) -> Tensor:
    """Free coordinates of geodesics at Chebyshev's nodes: ``(nodes, *batch, d)``.

    Args:
        equation: of geodesics.
        start, end: free coordinates ``(*batch, d)``.

    Raises:
        ValueError: where no geodesic is found.
    """
    p, q = start.detach().reshape(-1, start.shape[-1]), end.detach().reshape(-1, end.shape[-1])
    with torch.no_grad():
        path = _solved(equation, p.double(), q.double())
    if torch.is_grad_enabled() and (start.requires_grad or end.requires_grad):
        path = _differentiable(equation, path, start.reshape(p.shape), end.reshape(q.shape))
    return path.movedim(1, 0).reshape(path.shape[1], *start.shape).to(start.dtype)


def _solved(equation: Equation, p: Tensor, q: Tensor) -> Tensor:
    found: list[tuple[Tensor, Tensor]] = []  # members and their paths
    members = torch.arange(len(p))
    path, ok = _by_parts(equation, _straight(p, q, DEGREES[0]))
    for degree in DEGREES:
        finest = degree == DEGREES[-1]
        tail = chebyshev.unresolved(path)
        fine = ok & (tail <= (ROUGHLY if finest else RESOLVED))
        found.append((members[fine], path[fine]))
        members, path, ok = members[~fine], path[~fine], ok[~fine]
        if not len(members):
            break
        if finest:
            raise _apart(len(members))
        path = chebyshev.refinement(degree, 2 * degree) @ path
        if not bool(ok.all()):
            path[~ok] = _continued(equation, p[members[~ok]], q[members[~ok]], 2 * degree)
        path, ok = _by_parts(equation, path)
    return _gathered(found, len(p))


def _straight(p: Tensor, q: Tensor, degree: int) -> Tensor:
    return p.unsqueeze(1) + chebyshev.nodes(degree)[:, None] * (q - p).unsqueeze(1)


def _continued(equation: Equation, p: Tensor, q: Tensor, degree: int) -> Tensor:
    """Geodesics to nearer points first, each from the one before, made longer."""
    path = _straight(p, q, degree)
    reached = torch.zeros(len(p), dtype=p.dtype)
    stride = torch.full_like(reached, 0.25)
    for _ in range(TRIALS):
        active = ((reached < 1) & (stride > SHORTEST)).nonzero().squeeze(-1)
        if not len(active):
            break
        s, base = reached[active], path[active]
        goal = (s + stride[active]).clamp(max=1.0)
        longer = torch.where(s > 0, goal / torch.where(s > 0, s, 1.0), goal)[:, None, None]
        start = base[:, :1]
        guess = start + longer * (base - start)
        guess[:, -1] = p[active] + goal[:, None] * (q - p)[active]
        moved, ok = _newton(equation, guess)
        path[active] = torch.where(ok[:, None, None], moved, base)
        reached[active] = torch.where(ok, goal, s)
        stride[active] = stride[active] * torch.where(ok, 1.5, 0.4)
    path[:, -1] = q
    return path


def _apart(count: int) -> ValueError:
    return ValueError(
        complain(
            "points",
            "two that a geodesic connects",
            f"{count} pairs for which none was found",
            "Go by points in between, or take them closer to each other.",
        )
    )


def _gathered(found: list[tuple[Tensor, Tensor]], count: int) -> Tensor:
    """All paths at the nodes of the finest."""
    degree = max(path.shape[1] for members, path in found if len(members)) - 1 if count else 12
    last = found[-1][1]
    full = last.new_empty(count, degree + 1, last.shape[-1])
    for members, path in found:
        if len(members):
            fine = chebyshev.refinement(path.shape[1] - 1, degree)
            full[members] = path if path.shape[1] == degree + 1 else fine @ path
    return full


def _by_parts(equation: Equation, path: Tensor) -> tuple[Tensor, Tensor]:
    """The same for each member, as many at once as there is room for."""
    size = max(1, path.shape[1] * path.shape[2])
    found = [_newton(equation, part) for part in path.split(max(1, int(LARGEST / size**2)))]
    paths, oks = zip(*found, strict=True)
    return torch.cat(paths), torch.cat(oks)


def _newton(equation: Equation, path: Tensor) -> tuple[Tensor, Tensor]:
    """Paths that solve the equation, and whether they do."""
    path = path.clone()
    done = torch.zeros(len(path), dtype=torch.bool)
    failed = done.clone()
    for _ in range(ITERATIONS):
        active = (~done & ~failed).nonzero().squeeze(-1)
        if not len(active):
            break
        now = path[active]
        step, factors = _step(equation, now)
        size = step.abs().amax((-2, -1))
        moved, taken = _damped(equation, now, step, factors)
        path[active] = moved
        scale = 1 + now.abs().amax((-2, -1))
        done[active] = (taken == 1) & (size <= SETTLED**0.5 * 1e-1 * scale)
        failed[active] = (taken == 0) | ~size.isfinite()
    return path, done


def _parts(path: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Place, velocity and acceleration inside, and the matrices that make them."""
    first = chebyshev.differentiation(path.shape[1] - 1)
    second = first @ first
    inner = slice(1, -1)
    return path[:, inner], (first @ path)[:, inner], (second @ path)[:, inner], first, second


def _step(equation: Equation, path: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    z, v, a, first, second = _parts(path)
    at = equation.linearized(z, v, a)
    matrix, size = _matrix(at, first, second), z.shape[1] * z.shape[2]
    lu, pivots, _ = torch.linalg.lu_factor_ex(matrix.reshape(-1, size, size))
    return _solve((lu, pivots), at.value), (lu, pivots)


def _matrix(at: Linearized, first: Tensor, second: Tensor) -> Tensor:
    """Derivative of the equation at each node by the values at all: ``(b, m, k, n, l)``."""
    inner = slice(1, -1)
    first, second = first[inner, inner], second[inner, inner]
    full = second[:, None, :, None] * at.by_acceleration[:, :, :, None, :]
    full = full + first[:, None, :, None] * at.by_velocity[:, :, :, None, :]
    full.diagonal(dim1=1, dim2=3).add_(at.by_place.permute(0, 2, 3, 1))
    return full


def _solve(factors: tuple[Tensor, Tensor], value: Tensor) -> Tensor:
    step = torch.linalg.lu_solve(*factors, -value.flatten(1).unsqueeze(-1))
    return step.reshape(value.shape)


def _damped(
    equation: Equation, path: Tensor, step: Tensor, factors: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Go along the step as far as the next, with the same matrix, is shorter.

    Reference: Deuflhard (2011), "Newton methods for nonlinear problems", section 3.3.
    """
    size = step.abs().amax((-2, -1))
    share = (4.0 / size.clamp(min=4.0)).nan_to_num(0.0)
    for _ in range(10):
        moved = path.clone()
        moved[:, 1:-1] += share[:, None, None] * step
        z, v, a, _, _ = _parts(moved)
        after = _solve(factors, equation.value(z, v, a)).abs().amax((-2, -1))
        worse = ~(after <= (1 - share / 4) * size + 1e-12)
        if not bool(worse.any()):
            return moved, share
        share = torch.where(worse, share / 2, share)
    share = torch.where(worse, 0.0, share)
    moved = path.clone()
    moved[:, 1:-1] += torch.where(worse[:, None, None], 0.0, share[:, None, None] * step)
    return moved, share


def _differentiable(equation: Equation, path: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """The same paths, with the derivative by their ends: one more step of Newton's method."""
    whole = torch.cat([p.unsqueeze(1), path[:, 1:-1], q.unsqueeze(1)], 1)
    z, v, a, first, second = _parts(whole)
    with torch.no_grad():
        at = equation.linearized(z.detach(), v.detach(), a.detach())
        size = z.shape[1] * z.shape[2]
        factors = torch.linalg.lu_factor_ex(_matrix(at, first, second).reshape(-1, size, size))[:2]
    value = equation.value(z, v, a)
    inner = path[:, 1:-1] + _solve(tuple(factors), value)
    return torch.cat([p.unsqueeze(1), inner, q.unsqueeze(1)], 1)
