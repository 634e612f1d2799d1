"""Log-densities of all pairs of an outcome and a particle; a matrix product where Gaussian."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .sampling import compact, log_prob, unwrapped

FARTHEST = 200.0  # standard deviations; beyond, squares lose too many digits


@dataclass(frozen=True)
class Product:
    r"""Pairs of Gaussians: :math:`a_i \cdot b_j + r_i + c_j`."""

    outer: Tensor  # a of each outcome, (outer, *batch, features)
    inner: Tensor  # b of each particle, (particles, *batch, features)
    rows: Tensor  # (outer, *batch)
    columns: Tensor  # (particles, *batch)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are to flow through the pairs."""
        parts = (self.outer, self.inner, self.rows, self.columns)
        return any(part.requires_grad for part in parts)

    def block(self, rows: slice) -> Tensor:
        """log p(o_i | s_j) of some outcomes, ``(*batch, rows, particles)``; a new tensor."""
        outer, inner = self._features
        return outer[..., rows, :] @ inner.mT

    @cached_property
    def _features(self) -> tuple[Tensor, Tensor]:
        """With the constants among them, so that the product is all: ``(*batch, n, features)``."""
        ones = torch.ones_like(self.rows[:1, ..., None])
        outer = (self.outer, self.rows.unsqueeze(-1), ones.expand(*self.rows.shape, 1))
        inner = (self.inner, ones.expand(*self.columns.shape, 1), self.columns.unsqueeze(-1))
        left, right = (torch.cat([x.movedim(0, -2) for x in each], -1) for each in (outer, inner))
        return left, right

    def shifted(self, rows: Tensor, columns: Tensor) -> Product:
        """With a number added to every pair of an outcome, and to every pair of a particle.

        Args:
            rows: ``(outer, *batch)``.
            columns: ``(particles, *batch)``, or with dims of size one.
        """
        return replace(self, rows=self.rows + rows, columns=self.columns + columns)


def joined(products: Sequence[Product]) -> Product:
    """The sum of several log-densities."""
    if len(products) == 1:
        return products[0]
    return Product(
        torch.cat([each.outer for each in products], -1),
        torch.cat([each.inner for each in products], -1),
        sum((each.rows for each in products[1:]), products[0].rows),
        sum((each.columns for each in products[1:]), products[0].columns),
    )


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
    base, found = unwrapped(fn), None
    if isinstance(base, torch.distributions.Normal):
        found = _normal(base, fn.event_dim, value, shape)
    elif isinstance(base, torch.distributions.MultivariateNormal) and base is fn:
        found = _shared_covariance(base, value, shape)
    return Broadcast(fn, value, shape) if found is None else found


def _normal(fn: Any, event_dim: int, value: Tensor, shape: torch.Size) -> Product | None:
    """Independent numbers."""
    event = value.shape[value.dim() - event_dim :]
    loc = _flat(fn.loc.expand(*shape, *event), event_dim)
    scale = _flat(compact(fn.scale.expand(*shape, *event), event_dim), event_dim)
    center = loc.detach().mean(0)
    loc, value = loc - center, _flat(value, event_dim) - center
    if _too_far(loc, scale):
        return None
    log_det = scale.log().sum(-1)
    if len(scale) == 1:
        return _distances(value / scale, loc / scale, log_det)
    return _scaled(value, loc, scale**-2, log_det)


def _shared_covariance(fn: Any, value: Tensor, shape: torch.Size) -> Product | None:
    """A covariance that all particles share."""
    root = fn._unbroadcasted_scale_tril
    if root.dim() - 2 >= len(shape):
        if root.shape[-2 - len(shape)] > 1:
            return None
        root = root.squeeze(-2 - len(shape))
    loc = fn.loc.expand(*shape, fn.loc.shape[-1])
    center = loc.detach().mean(0)
    loc, value = (_solved(root, x - center) for x in (loc, value))
    if _too_far(loc, torch.ones_like(loc[:1])):
        return None
    log_det = root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return _distances(value, loc, log_det)


def _distances(value: Tensor, loc: Tensor, log_det: Tensor) -> Product:
    r"""Whitened outcomes and particles: :math:`o \cdot m - \tfrac12 o^2 - \tfrac12 m^2 - ..`."""
    constant = -log_det - 0.5 * math.log(2 * math.pi) * loc.shape[-1]
    rows, columns = (-0.5 * x.square().sum(-1) for x in (value, loc))
    return Product(value, loc, rows, columns + constant)


def _scaled(value: Tensor, loc: Tensor, precision: Tensor, log_det: Tensor) -> Product:
    r"""A scale of its own for each particle: :math:`-\tfrac12 o^2/\sigma^2 + o m/\sigma^2 - ..`."""
    constant = -log_det - 0.5 * math.log(2 * math.pi) * loc.shape[-1]
    columns = constant - 0.5 * (loc.square() * precision).sum(-1)
    outer = torch.cat([value.square(), value], -1)
    inner = torch.cat([-0.5 * precision.expand_as(loc), loc * precision], -1)
    return Product(outer, inner, torch.zeros_like(value[..., 0]), columns)


def _solved(root: Tensor, x: Tensor) -> Tensor:
    return torch.linalg.solve_triangular(root, x.unsqueeze(-1), upper=False).squeeze(-1)


def _flat(x: Tensor, event_dim: int) -> Tensor:
    return x.flatten(x.dim() - event_dim) if event_dim else x.unsqueeze(-1)


def _too_far(loc: Tensor, scale: Tensor) -> bool:
    """Whether squares of distances would swamp the density of what is near."""
    if not loc.numel():
        return False
    return bool(loc.detach().abs().amax() > FARTHEST * scale.detach().amin())
