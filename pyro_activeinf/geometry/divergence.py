"""Dual coordinates, divergences and projections of a statistical manifold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .._checks import complain
from .autodiff import jacobian, matvec, solve
from .family import ExponentialFamily, Family
from .masses import surprise

if TYPE_CHECKING:
    from .manifold import Point

STEPS = 100


@dataclass(frozen=True, eq=False)
class _Flat:
    """A family that is flat in one pair of coordinates, and what the other one is orthogonal to."""

    origin: Tensor  # (*batch, d)
    directions: Tensor  # (k, d)
    out: Callable[[Tensor], Tensor]  # to usual coordinates
    across: Callable[[Tensor], Tensor]  # the other pair of coordinates, from usual ones

    def place(self, s: Tensor) -> Tensor:
        """Usual coordinates of a member ``(*batch, k)``."""
        return self.out(self.origin + s @ self.directions)


def _at(family: ExponentialFamily, point: Point) -> ExponentialFamily:
    found = family.near(point)
    return found if isinstance(found, ExponentialFamily) else family


class Dually:
    """Natural and mean coordinates, and what is defined by them."""

    family: Family
    point: Callable[..., Tensor]
    _near: Callable[[Any, str, bool], Tensor]

    def natural(self, point: Point) -> Tensor:
        r"""Natural coordinates :math:`\theta`: ``(*batch, d)``."""
        return _at(self._exponential, point).natural(self.point(point))

    def mean(self, point: Point) -> Tensor:
        r"""Mean coordinates :math:`\eta = E[T(x)]`: ``(*batch, d)``."""
        return self._exponential.mean(self.point(point))

    def from_natural(self, natural: Tensor) -> Tensor:
        """Usual coordinates from natural ones; outside the domain, ``ValueError``."""
        return self.family.checked("natural", self._exponential.from_natural(natural))

    def from_mean(self, mean: Tensor) -> Tensor:
        """Usual coordinates from mean ones; outside the domain, ``ValueError``."""
        return self.family.checked("mean", self._exponential.from_mean(mean))

    def kl(self, point: Point, other: Point) -> Tensor:
        r"""KL divergence :math:`KL[p \| q]` in nats: ``(*batch)``.

        Points at a border at a finite distance may be given: it is infinite where q has
        no chance for what p has one for; 0 log 0 is 0.
        """
        x, y = self._near(point, "point", True), self._near(other, "other", True)
        p, q = self.family.near(point), self.family.near(other)
        if p.masses is not None and q.masses is not None:
            return surprise(p.masses(x), q.masses(y)).sum(-1)
        return self.family.kl(x, y)

    def bregman(self, point: Point, other: Point) -> Tensor:
        r"""Bregman divergence of the log partition function: ``(*batch)``, in nats.

        .. math:: B(p, q) = \psi(\theta_p) - \psi(\theta_q) - (\theta_p - \theta_q) \cdot \eta_q
                  = KL[q \| p]
        """
        family = self._exponential
        y = self._near(other, "other", True)
        inside = family.valid(self._near(point, "point", True)) & family.valid(y)
        if not bool(inside.all()):  # where natural coordinates are infinite
            return self.kl(other, point)
        p, q = self.natural(point), self.natural(other)
        slope = ((p - q) * family.mean(y)).sum(-1)
        return family.log_partition(p) - family.log_partition(q) - slope

    def m_projection(self, point: Point, base: Point, directions: Tensor) -> Tensor:
        r"""The nearest point of an e-flat family, by an m-geodesic: ``(*batch, d)``.

        .. math:: \arg\min_{s} KL[p \| q_s], \qquad \theta(q_s) = \theta(\text{base}) + A s

        Args:
            point: what is projected.
            base: a point of the family.
            directions: A, in natural coordinates, as rows ``(k, d)``.

        Raises:
            ValueError: there is no nearest point inside the domain.
        """
        family = self._exponential
        x = self.point(point)
        e_flat = _Flat(self.natural(base), directions, family.from_natural, family.mean)
        return self._nearest(x, e_flat, lambda y: family.kl(x.expand_as(y), y))

    def e_projection(self, point: Point, base: Point, directions: Tensor) -> Tensor:
        r"""The nearest point of an m-flat family, by an e-geodesic: ``(*batch, d)``.

        .. math:: \arg\min_{s} KL[q_s \| p], \qquad \eta(q_s) = \eta(\text{base}) + B s

        Args:
            point: what is projected.
            base: a point of the family.
            directions: B, in mean coordinates, as rows ``(k, d)``.

        Raises:
            ValueError: there is no nearest point inside the domain.
        """
        family = self._exponential
        x = self.point(point)
        m_flat = _Flat(self.mean(base), directions, family.from_mean, family.natural)
        return self._nearest(x, m_flat, lambda y: family.kl(y, x.expand_as(y)))

    def _nearest(self, x: Tensor, flat: _Flat, height: Callable[[Tensor], Tensor]) -> Tensor:
        """Newton's method along the directions, with steps halved until KL falls."""
        target = flat.across(x)
        batch = torch.broadcast_shapes(x.shape[:-1], flat.origin.shape[:-1])
        s = x.new_zeros(*batch, len(flat.directions))

        def gap(s: Tensor) -> Tensor:
            return matvec(flat.directions, flat.across(flat.place(s)) - target)

        for _ in range(STEPS):
            step = -solve(jacobian(gap, s), gap(s))
            s = s + self._shortened(s, step, flat.place, height)
            if bool((step.abs() <= 1e-13 * (1 + s.abs())).all()):
                break
        if not bool((step.abs() <= 1e-7 * (1 + s.abs())).all()):
            got = "none found inside the domain"
            raise ValueError(complain("directions", "a family with a nearest point", got))
        return self.family.checked("directions", flat.place(s))

    def _shortened(
        self,
        s: Tensor,
        step: Tensor,
        place: Callable[[Tensor], Tensor],
        height: Callable[[Tensor], Tensor],
    ) -> Tensor:
        now = height(place(s))
        for _ in range(40):
            end = place(s + step)
            valid = self.family.valid(end)
            safe = torch.where(valid[..., None], end, place(s))
            worse = ~valid | ~(height(safe) <= now + 1e-12 * (1 + now.abs()))
            if not bool(worse.any()):
                break
            step = torch.where(worse[..., None], step / 2, step)
        return step

    @property
    def _exponential(self) -> ExponentialFamily:
        if not isinstance(self.family, ExponentialFamily):
            expected = "an exponential family, for natural and mean coordinates"
            raise TypeError(complain("family", expected, self.family.name))
        return self.family
