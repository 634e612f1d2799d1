"""Dual coordinates, divergences and projections of a statistical manifold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .._checks import complain
from .autodiff import jacobian, matvec, solve
from .family import ExponentialFamily, Family

if TYPE_CHECKING:
    from .manifold import Point

STEPS = 100


class Dually:
    """Natural and mean coordinates, and what is defined by them."""

    family: Family
    point: Callable[..., Tensor]

    def natural(self, point: Point) -> Tensor:
        r"""Natural coordinates :math:`\theta`: ``(*batch, d)``."""
        return self._exponential.natural(self.point(point))

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
        r"""KL divergence :math:`KL[p \| q]` in nats: ``(*batch)``."""
        return self.family.kl(self.point(point), self.point(other, "other"))

    def bregman(self, point: Point, other: Point) -> Tensor:
        r"""Bregman divergence of the log partition function: ``(*batch)``, in nats.

        .. math:: B(p, q) = \psi(\theta_p) - \psi(\theta_q) - (\theta_p - \theta_q) \cdot \eta_q
                  = KL[q \| p]
        """
        family = self._exponential
        x, y = self.point(point), self.point(other, "other")
        p, q = family.natural(x), family.natural(y)
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
        x, start = self.point(point), self.point(base, "base")
        origin, target = family.natural(start), family.mean(x)

        def gap(y: Tensor) -> Tensor:
            return matvec(directions, family.mean(y) - target)

        return self._flat(x, origin, directions, family.from_natural, gap, self._kl_from(x))

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
        x, start = self.point(point), self.point(base, "base")
        origin, target = family.mean(start), family.natural(x)

        def gap(y: Tensor) -> Tensor:
            return matvec(directions, family.natural(y) - target)

        return self._flat(
            x, origin, directions, family.from_mean, gap, lambda y: family.kl(y, x.expand_as(y))
        )

    def _kl_from(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda y: self.family.kl(x.expand_as(y), y)

    def _flat(
        self,
        x: Tensor,
        origin: Tensor,
        directions: Tensor,
        out: Callable[[Tensor], Tensor],
        gap: Callable[[Tensor], Tensor],
        height: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """Newton's method along the directions, with steps halved until KL falls."""
        batch = torch.broadcast_shapes(x.shape[:-1], origin.shape[:-1])
        s = x.new_zeros(*batch, len(directions))

        def place(s: Tensor) -> Tensor:
            return out(origin + s @ directions)

        for _ in range(STEPS):
            miss = gap(place(s))
            step = -solve(jacobian(lambda s: gap(place(s)), s), miss)
            s = s + self._shortened(s, step, place, height)
            if bool((step.abs() <= 1e-13 * (1 + s.abs())).all()):
                break
        end = place(s)
        if not bool((step.abs() <= 1e-7 * (1 + s.abs())).all()):
            got = "none found inside the domain"
            raise ValueError(complain("directions", "a family with a nearest point", got))
        return self.family.checked("directions", end)

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
