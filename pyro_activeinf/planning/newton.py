"""Natural-gradient steps of a Gaussian, by draws that know the curvature of what they fall on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..geometry import natural_step

LEAST = 0.25  # a step makes no variance more than 1 / LEAST times as large
NEAR = 1e-4  # standard deviations: of a draw that is closer, rounding hides the curvature
FAR = 1.0  # a step moves no number further, with a box from -1 to 1 in numbers


@dataclass(frozen=True)
class Moments:
    """A batch of Gaussians."""

    loc: Tensor  # (*batch, numbers)
    root: Tensor  # (*batch, numbers, numbers): lower triangular, of positive diagonal


def newton_step(at: Moments, draws: Tensor, gradients: Tensor, rate: float) -> Moments:
    r"""A step of the natural gradient of :math:`E_q[f(x)] - H[q]`, q a Gaussian.

    .. math::
        S^{-1} \leftarrow (1 - \rho) S^{-1} + \rho \, E_q[\nabla^2 f], \qquad
        m \leftarrow m - \rho \, S \, E_q[\nabla f]

    With :math:`\rho = 1` it lands on the minimum where f is quadratic. Expectations are means over
    pairs of mirror images; curvature is the difference of their gradients, along the directions
    that they lie in (orthogonal ones), and that of q across these. Directions of negative curvature
    are gone down.

    Args:
        at: q.
        draws: x, ``(draws, *batch, numbers)``: see :class:`~.orthogonal.OrthogonalNormal`.
        gradients: of f at each of them, of the same shape.
        rate: :math:`\rho`, in (0, 1].

    Reference: Khan and Lin (2017), "Conjugate-computation variational inference"; Khan et al.
    (2018), "Fast and scalable Bayesian deep learning by weight-perturbation in Adam", eqs. 5-6.
    """
    slopes = _times(at.root.mT, gradients)  # in coordinates where q is standard
    points = torch.linalg.solve_triangular(
        at.root, (draws - at.loc).unsqueeze(-1), upper=False
    ).squeeze(-1)
    values, vectors = torch.linalg.eigh(_curvature(points, slopes))
    stretched = natural_step(torch.ones_like(values), values, rate)  # precision, that of q is 1
    down = _times(vectors.mT, slopes.mean(0)) / stretched.abs().clamp_min(LEAST)
    move = -rate * _times(at.root @ vectors, down)
    move = move / (move.abs().amax(-1, keepdim=True) / FAR).clamp_min(1.0)
    root = at.root @ (vectors * stretched.clamp_min(LEAST).rsqrt().unsqueeze(-2))
    return Moments(at.loc + move, lower_root(root))


def lower_root(root: Tensor) -> Tensor:
    """The lower triangular L of positive diagonal with ``L L^T = root root^T``."""
    upper = torch.linalg.qr(root.mT).R
    signs = torch.where(upper.diagonal(dim1=-2, dim2=-1) < 0, -1.0, 1.0).to(root)
    return (upper * signs.unsqueeze(-1)).mT


def _curvature(points: Tensor, slopes: Tensor) -> Tensor:
    """The mean Hessian that pairs of draws show, ``(*batch, numbers, numbers)``; symmetric."""
    half, numbers = len(points) // 2, points.shape[-1]
    blocks = max(1, half // numbers)
    used = min(half, blocks * numbers)
    lengths = points[:used].norm(dim=-1, keepdim=True).clamp_min(NEAR)
    across = (points[:used] / lengths).movedim(0, -1)  # columns are directions
    change = ((slopes[:used] - slopes[half : half + used]) / (2 * lengths)).movedim(0, -1)
    seen = change @ across.mT / blocks
    if used >= numbers:
        return (seen + seen.mT) / 2
    kept = across @ across.mT
    unseen = torch.eye(numbers, dtype=points.dtype, device=points.device) - kept
    whole = seen + seen.mT - kept @ seen + unseen
    return (whole + whole.mT) / 2


def _times(matrix: Tensor, vectors: Tensor) -> Tensor:
    return (matrix @ vectors.unsqueeze(-1)).squeeze(-1)
