"""Log-densities of all pairs of an outcome and a particle; a matrix product where Gaussian."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .sampling import log_prob

FARTHEST = 200.0  # standard deviations; beyond, squares lose too many digits


@dataclass(frozen=True)
class Product:
    """Pairs of Gaussians: outer products of features that stand for outcomes and for particles."""

    outer: Tensor  # (*batch, outer, features)
    inner: Tensor  # (*batch, features, particles)

    def block(self, rows: slice) -> Tensor:
        """log p(o_i | s_j) of some outcomes, ``(*batch, rows, particles)``; a new tensor."""
        return self.outer[..., rows, :] @ self.inner


@dataclass(frozen=True)
class Broadcast:
    """Pairs of any distribution, by broadcasting."""

    fn: Any  # batch shape broadcasts to (particles, *batch)
    value: Tensor  # (outer, *batch, *event)
    shape: torch.Size  # (particles, *batch)

    def block(self, rows: slice) -> Tensor:
        """log p(o_i | s_j) of some outcomes, ``(*batch, rows, particles)``; a new tensor."""
        value = self.value[rows]
        found = log_prob(self.fn, value.unsqueeze(1)).expand(len(value), *self.shape)
        return found.movedim((0, 1), (-2, -1)).clone()


def site_pairs(fn: Any, value: Tensor, shape: torch.Size) -> Product | Broadcast:
    """The pairs of one site: of outcomes ``(outer, *batch, *event)`` and particles.

    Args:
        fn: of batch shape that broadcasts to ``shape``.
        shape: ``(particles, *batch)``.
    """
    base = fn
    while isinstance(base, torch.distributions.Independent):
        base = base.base_dist
    found = None
    if isinstance(base, torch.distributions.Normal):
        found = _normal(base, fn.event_dim, value, shape)
    elif isinstance(base, torch.distributions.MultivariateNormal) and base is fn:
        found = _shared_covariance(base, value, shape)
    return Broadcast(fn, value, shape) if found is None else found


def _normal(fn: Any, event_dim: int, value: Tensor, shape: torch.Size) -> Product | None:
    r"""Independent numbers: :math:`-\tfrac12 o^2/\sigma^2 + o m/\sigma^2 - ..`, about a center."""
    event = value.shape[value.dim() - event_dim :]
    loc, scale = (_flat(x.expand(*shape, *event), event_dim) for x in (fn.loc, fn.scale))
    center = loc.detach().mean(0)
    loc, value = loc - center, _flat(value, event_dim) - center
    if _too_far(loc / scale):
        return None
    precision = scale**-2
    constant = (0.5 * loc.square() * precision + scale.log()).sum(-1, keepdim=True)
    constant = -constant - 0.5 * math.log(2 * math.pi) * loc.shape[-1]
    outer = torch.cat([value.square(), value, torch.ones_like(value[..., :1])], -1)
    inner = torch.cat([-0.5 * precision, loc * precision, constant], -1)
    return _product(outer, inner)


def _shared_covariance(fn: Any, value: Tensor, shape: torch.Size) -> Product | None:
    """A covariance that all particles share: plain distances once it is whitened."""
    root = fn._unbroadcasted_scale_tril
    if root.dim() - 2 >= len(shape):
        if root.shape[-2 - len(shape)] > 1:
            return None
        root = root.squeeze(-2 - len(shape))
    loc = fn.loc.expand(*shape, fn.loc.shape[-1])
    center = loc.detach().mean(0)
    loc, value = (_solved(root, x - center) for x in (loc, value))
    if _too_far(loc):
        return None
    size = loc.shape[-1]
    log_det = root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    constant = (-0.5 * loc.square().sum(-1) - log_det).unsqueeze(-1)
    constant = constant - 0.5 * math.log(2 * math.pi) * size
    square = value.square().sum(-1, keepdim=True)
    outer = torch.cat([value, square, torch.ones_like(square)], -1)
    inner = torch.cat([loc, torch.full_like(constant, -0.5), constant], -1)
    return _product(outer, inner)


def _solved(root: Tensor, x: Tensor) -> Tensor:
    return torch.linalg.solve_triangular(root, x.unsqueeze(-1), upper=False).squeeze(-1)


def _product(outer: Tensor, inner: Tensor) -> Product:
    return Product(outer.movedim(0, -2), inner.movedim(0, -1))


def _flat(x: Tensor, event_dim: int) -> Tensor:
    return x.flatten(x.dim() - event_dim) if event_dim else x.unsqueeze(-1)


def _too_far(whitened: Tensor) -> bool:
    """Whether squares of distances would swamp the density of what is near."""
    return bool(whitened.numel()) and bool(whitened.detach().abs().amax() > FARTHEST)
