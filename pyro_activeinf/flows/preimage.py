"""Gradients of a preimage that is known as a number only."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Map = Callable[[Tensor], tuple[Tensor, Tensor]]


def attached_preimage(forward: Map, z: Tensor, x: Tensor) -> Tensor:
    r"""The point ``z`` with ``forward(z) = x``, now with its derivatives by x and all parameters.

    By the implicit function theorem, with J the Jacobian at z,

    .. math:: dz = J^{-1} (dx - \partial_\theta f(z)\, d\theta),

    which is what one step of Newton's method from z has as its derivative; the step itself is 0.
    Derivatives are right to the first order.

    Args:
        forward: a bijection of points ``(*batch, dim)``, each by itself, with its log-determinant.
        z, x: ``(*batch, dim)``.
    """
    z = z.detach()
    step = torch.linalg.solve(jacobian(forward, z), (x - forward(z)[0]).unsqueeze(-1))
    return z + step.squeeze(-1)


def jacobian(forward: Map, z: Tensor) -> Tensor:
    """Derivatives ``(*batch, dim, dim)`` of a map of points, each by itself; constants."""
    with torch.enable_grad():
        point = z.detach().requires_grad_()
        x, _ = forward(point)
        rows = [
            torch.autograd.grad(x[..., d].sum(), point, retain_graph=True)[0]
            for d in range(x.shape[-1])
        ]
    return torch.stack(rows, -2)
