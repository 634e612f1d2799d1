r"""Metric and connections near a point, in any coordinates.

A statistical manifold has a metric and two connections, of the exponential family (e, alpha = 1)
and of the mixture family (m, alpha = -1). All others lie on the line through these:

.. math:: \Gamma^{(\alpha)}_{ij,k} = \tfrac{1 + \alpha}{2} \Gamma^{(1)}_{ij,k}
          + \tfrac{1 - \alpha}{2} \Gamma^{(-1)}_{ij,k}
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from .autodiff import Map, along, hessian, jacobian, pullback, twice


class Local(ABC):
    """Metric and connections as functions of coordinates ``(*batch, d)``."""

    exact = True  # whether they are known without sampling

    @abstractmethod
    def metric(self, x: Tensor) -> Tensor:
        """g_ij: ``(*batch, d, d)``."""

    @abstractmethod
    def connections(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gamma_ij,k of the e- and the m-connection, each ``(*batch, d, d, d)``."""

    @abstractmethod
    def bend(self, x: Tensor, v: Tensor, w: Tensor, alpha: float) -> Tensor:
        """Gamma_ij,k v^i w^j: ``(*batch, d)``."""

    @abstractmethod
    def through(self, out: Map) -> Local:
        """The same in other coordinates; ``out`` takes these to the present ones."""

    def christoffel(self, x: Tensor, alpha: float) -> Tensor:
        """Gamma_ij,k of an alpha-connection: ``(*batch, d, d, d)``."""
        e, m = self.connections(x)
        return (1 + alpha) / 2 * e + (1 - alpha) / 2 * m

    def raised(self, x: Tensor, alpha: float) -> Tensor:
        """Gamma^k_ij as ``[.., k, i, j]``: ``(*batch, d, d, d)``."""
        lower = self.christoffel(x, alpha)
        flat = lower.flatten(-3, -2).mT  # (k, ij)
        return torch.linalg.solve(self.metric(x), flat).unflatten(-1, lower.shape[-3:-1])


class Dual(Local):
    r"""From natural and mean coordinates as functions of others.

    .. math:: g_{ij} = \partial_i \theta \cdot \partial_j \eta, \quad
              \Gamma^{(1)}_{ij,k} = \partial_i \partial_j \theta \cdot \partial_k \eta, \quad
              \Gamma^{(-1)}_{ij,k} = \partial_i \partial_j \eta \cdot \partial_k \theta
    """

    def __init__(self, theta: Map, eta: Map) -> None:
        self.theta, self.eta = theta, eta

    def metric(self, x: Tensor) -> Tensor:
        """g_ij."""
        g = jacobian(self.theta, x).mT @ jacobian(self.eta, x)
        return (g + g.mT) / 2

    def connections(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gamma_ij,k of both."""
        theta, eta = jacobian(self.theta, x), jacobian(self.eta, x)
        e = torch.einsum("...aij,...ak->...ijk", hessian(self.theta, x), eta)
        m = torch.einsum("...aij,...ak->...ijk", hessian(self.eta, x), theta)
        return e, m

    def bend(self, x: Tensor, v: Tensor, w: Tensor, alpha: float) -> Tensor:
        """Gamma_ij,k v^i w^j, without the tensor."""
        e = pullback(self.eta, x, twice(self.theta, x, v, w))
        m = pullback(self.theta, x, twice(self.eta, x, v, w))
        return (1 + alpha) / 2 * e + (1 - alpha) / 2 * m

    def through(self, out: Map) -> Dual:
        """In other coordinates."""
        return Dual(lambda y: self.theta(out(y)), lambda y: self.eta(out(y)))


class Contrast(Local):
    r"""From a divergence D(x, y), by Eguchi's relations at x = y.

    .. math:: g_{ij} = -\partial_i \partial'_j D, \quad
              \Gamma^{(-1)}_{ij,k} = -\partial_i \partial_j \partial'_k D, \quad
              \Gamma^{(1)}_{ij,k} = -\partial_k \partial'_i \partial'_j D
    """

    def __init__(self, divergence: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.divergence = divergence

    def metric(self, x: Tensor) -> Tensor:
        """g_ij."""
        g = -jacobian(lambda p: jacobian(lambda q: self.divergence(p, q), x), x)
        return (g + g.mT) / 2

    def connections(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gamma_ij,k of both."""
        m = -jacobian(lambda q: hessian(lambda p: self.divergence(p, q), x), x)
        e = -jacobian(lambda p: hessian(lambda q: self.divergence(p, q), x), x)
        return e, m

    def bend(self, x: Tensor, v: Tensor, w: Tensor, alpha: float) -> Tensor:
        """Gamma_ij,k v^i w^j."""
        m = -jacobian(lambda q: twice(lambda p: self.divergence(p, q), x, v, w), x)
        e = -jacobian(lambda p: twice(lambda q: self.divergence(p, q), x, v, w), x)
        return (1 + alpha) / 2 * e + (1 - alpha) / 2 * m

    def through(self, out: Map) -> Contrast:
        """In other coordinates."""
        return Contrast(lambda p, q: self.divergence(out(p), out(q)))


class Riemannian(Local):
    r"""From the metric alone: the Levi-Civita connection, whatever alpha is.

    .. math:: \Gamma_{ij,k} = \tfrac12 (\partial_i g_{jk} + \partial_j g_{ik} - \partial_k g_{ij})
    """

    def __init__(self, of: Map) -> None:
        self.of = of

    def metric(self, x: Tensor) -> Tensor:
        """g_ij."""
        return self.of(x)

    def connections(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gamma_ij,k, twice."""
        change = jacobian(self.of, x)  # (.., j, k, i)
        first = torch.einsum("...jki->...ijk", change)
        lower = (first + first.transpose(-3, -2) - change) / 2
        return lower, lower

    def bend(self, x: Tensor, v: Tensor, w: Tensor, alpha: float) -> Tensor:
        """Gamma_ij,k v^i w^j."""
        return torch.einsum("...ijk,...i,...j->...k", self.christoffel(x, alpha), v, w)

    def through(self, out: Map) -> Riemannian:
        """In other coordinates."""

        def metric(y: Tensor) -> Tensor:
            frame = jacobian(out, y)
            return frame.mT @ self.of(out(y)) @ frame

        return Riemannian(metric)


class Expected(Local):
    r"""From weighted outcomes of the distribution at the point: exact over a finite support.

    .. math:: g_{ij} = E[\partial_i l\, \partial_j l], \quad
              \Gamma^{(\alpha)}_{ij,k} = E\bigl[(\partial_i \partial_j l
              + \tfrac{1 - \alpha}{2} \partial_i l\, \partial_j l) \partial_k l\bigr]

    Args:
        log_prob: log p of all outcomes at x, ``(*batch, d)`` to ``(*batch, outcomes)``.
        weights: what outcomes count for at x, ``(*batch, d)`` to ``(*batch, outcomes)``.
        exact: whether outcomes are no samples.
    """

    def __init__(self, log_prob: Map, weights: Map, exact: bool = True) -> None:
        self.log_prob, self.weights, self.exact = log_prob, weights, exact

    def metric(self, x: Tensor) -> Tensor:
        """g_ij."""
        score = jacobian(self.log_prob, x)
        return torch.einsum("...n,...ni,...nj->...ij", self.weights(x), score, score)

    def connections(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gamma_ij,k of both."""
        score, weights = jacobian(self.log_prob, x), self.weights(x)
        curved = hessian(self.log_prob, x)
        e = torch.einsum("...n,...nij,...nk->...ijk", weights, curved, score)
        cubic = torch.einsum("...n,...ni,...nj,...nk->...ijk", weights, score, score, score)
        return e, e + cubic

    def bend(self, x: Tensor, v: Tensor, w: Tensor, alpha: float) -> Tensor:
        """Gamma_ij,k v^i w^j."""
        rates = along(self.log_prob, x, v) * along(self.log_prob, x, w)
        inner = twice(self.log_prob, x, v, w) + (1 - alpha) / 2 * rates
        return pullback(self.log_prob, x, self.weights(x) * inner)

    def through(self, out: Map) -> Expected:
        """In other coordinates."""
        return Expected(lambda y: self.log_prob(out(y)), lambda y: self.weights(out(y)), self.exact)
