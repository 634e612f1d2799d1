r"""The equation of geodesics in free coordinates, as a covector that vanishes.

.. math:: F_k(z, \dot z, \ddot z) = g_{kl} \ddot z^l + \Gamma_{ij,k} \dot z^i \dot z^j = 0
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .autodiff import jacobian, matvec, solve
from .local import Local


@dataclass(frozen=True)
class Linearized:
    """The equation at some place, velocity and acceleration, and its derivatives."""

    value: Tensor  # (*batch, d)
    by_place: Tensor  # (*batch, d, d)
    by_velocity: Tensor  # (*batch, d, d)
    by_acceleration: Tensor  # (*batch, d, d), the metric


class Equation(ABC):
    """F and its derivatives; all are ``(*batch, d)``."""

    @abstractmethod
    def value(self, z: Tensor, v: Tensor, a: Tensor) -> Tensor:
        """F."""

    @abstractmethod
    def metric(self, z: Tensor) -> Tensor:
        """The metric in free coordinates."""

    @abstractmethod
    def linearized(self, z: Tensor, v: Tensor, a: Tensor) -> Linearized:
        """F and its derivatives."""

    @abstractmethod
    def bending(self, z: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """The metric, and F without acceleration."""

    def acceleration(self, z: Tensor, v: Tensor) -> Tensor:
        """The acceleration of a geodesic."""
        return -solve(*self.bending(z, v))


class AutodiffEquation(Equation):
    """From metric and connections, by automatic differentiation.

    Args:
        near: gives these near free coordinates, as functions of free coordinates.
        alpha: of the connection.
    """

    def __init__(self, near: Callable[[Tensor], Local], alpha: float) -> None:
        self.near, self.alpha = near, alpha

    def value(self, z: Tensor, v: Tensor, a: Tensor) -> Tensor:
        """F."""
        return self._value(self.near(z), z, v, a)

    def metric(self, z: Tensor) -> Tensor:
        """The metric."""
        return self.near(z).metric(z)

    def bending(self, z: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """The metric, and F without acceleration."""
        local = self.near(z)
        return local.metric(z), local.bend(z, v, v, self.alpha)

    def linearized(self, z: Tensor, v: Tensor, a: Tensor) -> Linearized:
        """F and its derivatives."""
        local = self.near(z)
        return Linearized(
            self._value(local, z, v, a),
            jacobian(lambda y: self._value(local, y, v, a), z),
            2 * jacobian(lambda w: local.bend(z, v, w, self.alpha), v),
            local.metric(z),
        )

    def _value(self, local: Local, z: Tensor, v: Tensor, a: Tensor) -> Tensor:
        return matvec(local.metric(z), a) + local.bend(z, v, v, self.alpha)


class ConcentrationEquation(Equation):
    """Of Dirichlet and beta distributions, in logarithms of the concentrations."""

    def value(self, z: Tensor, v: Tensor, a: Tensor) -> Tensor:
        """F."""
        x, total, own = self._terms(z)
        second, third = own
        turn = a + v * v
        common = self._common(x, total, v, turn)[0]
        return second * turn + third * v * v / 2 - x * common

    def metric(self, z: Tensor) -> Tensor:
        """The metric."""
        x = z.exp()
        own = x * x * torch.polygamma(1, x)
        shared = torch.polygamma(1, x.sum(-1, keepdim=True))
        return torch.diag_embed(own) - (x * shared).unsqueeze(-1) * x.unsqueeze(-2)

    def bending(self, z: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """The metric, and F without acceleration."""
        return self.metric(z), self.value(z, v, torch.zeros_like(v))

    def linearized(self, z: Tensor, v: Tensor, a: Tensor) -> Linearized:
        """F and its derivatives."""
        x, total, (second, third) = self._terms(z)
        fourth = 3 * third + x.pow(4) * torch.polygamma(3, x)
        square = v * v
        turn = a + square
        common, rise, speed = self._common(x, total, v, turn)
        value = second * turn + third * square / 2 - x * common
        first, next_ = torch.polygamma(1, total), torch.polygamma(2, total)
        last = torch.polygamma(3, total)
        by_z = x * (next_ * rise + first * turn + last * speed * speed / 2 + next_ * speed * v)
        by_v = x * (2 * first * v + next_ * speed)
        own = (2 * second + third) * turn + fourth * square / 2 - x * common
        column = x.unsqueeze(-1)
        return Linearized(
            value,
            torch.diag_embed(own) - column * by_z.unsqueeze(-2),
            torch.diag_embed((2 * second + third) * v) - column * by_v.unsqueeze(-2),
            torch.diag_embed(second) - column * (x * first).unsqueeze(-2),
        )

    @staticmethod
    def _terms(z: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        x = z.exp()
        square = x * x
        own = square * torch.polygamma(1, x), square * x * torch.polygamma(2, x)
        return x, x.sum(-1, keepdim=True), own

    @staticmethod
    def _common(x: Tensor, total: Tensor, v: Tensor, turn: Tensor) -> tuple[Tensor, ...]:
        """What the sum of all concentrations contributes, its second and its first derivative."""
        rise, speed = (x * turn).sum(-1, keepdim=True), (x * v).sum(-1, keepdim=True)
        bent = torch.polygamma(2, total) * speed * speed / 2
        return torch.polygamma(1, total) * rise + bent, rise, speed


class GammaEquation(Equation):
    """Of gamma distributions, in logarithms of concentration and mean, which are orthogonal."""

    def value(self, z: Tensor, v: Tensor, a: Tensor) -> Tensor:
        """F."""
        return self._value(*self._terms(z)[:3], v, a)

    def metric(self, z: Tensor) -> Tensor:
        """The metric."""
        c, own, _, _ = self._terms(z)
        return torch.diag_embed(torch.stack([own, c], -1))

    def bending(self, z: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """The metric, and F without acceleration."""
        return self.metric(z), self.value(z, v, torch.zeros_like(v))

    def linearized(self, z: Tensor, v: Tensor, a: Tensor) -> Linearized:
        """F and its derivatives."""
        c, own, change, third = self._terms(z)
        bend = 2 * (change + c) + 3 * third + c.pow(4) * torch.polygamma(3, c) - c
        value = self._value(c, own, change, v, a)
        (v1, v2), (a1, _) = v.unbind(-1), a.unbind(-1)
        by_z = change * a1 + bend * v1 * v1 / 2 - c * v2 * v2 / 2
        zero = torch.zeros_like(c)
        return Linearized(
            value,
            _matrix(by_z, zero, value[..., 1], zero),
            _matrix(change * v1, -c * v2, c * v2, c * v1),
            _matrix(own, zero, zero, c),
        )

    @staticmethod
    def _terms(z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The concentration, its entry in the metric, the derivative of that, and a part of it."""
        c = z[..., 0].exp()
        own = c * c * torch.polygamma(1, c)
        third = c.pow(3) * torch.polygamma(2, c)
        return c, own - c, 2 * own + third - c, third

    @staticmethod
    def _value(c: Tensor, own: Tensor, change: Tensor, v: Tensor, a: Tensor) -> Tensor:
        (v1, v2), (a1, a2) = v.unbind(-1), a.unbind(-1)
        first = own * a1 + change * v1 * v1 / 2 - c * v2 * v2 / 2
        return torch.stack([first, c * (a2 + v1 * v2)], -1)


def _matrix(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return torch.stack([a, b, c, d], -1).unflatten(-1, (2, 2))
