"""Steps on a manifold along geodesics."""

from __future__ import annotations

from torch import Tensor
from torch.autograd import grad

from .._checks import below_one, finite, real
from .manifold import Manifold, Point


def natural_gradient_step(
    manifold: Manifold,
    point: Point,
    gradient: Tensor,
    rate: float = 0.1,
    *,
    alpha: float = 0.0,
) -> Tensor:
    r"""Go down a gradient along a geodesic: ``(*batch, d)``.

    .. math:: x \leftarrow \exp^{(\alpha)}_x(-\rho\, g^{-1} \partial F)

    With alpha = 1 that is :func:`natural_step` in natural coordinates; with a rate of 1, a single
    step reaches the minimum of KL[q || p] over an exponential family that p belongs to.

    Args:
        manifold: where it happens.
        point: where to start.
        gradient: derivatives of what is minimized by usual coordinates.
        rate: :math:`\rho`.
        alpha: of the geodesic.

    Raises:
        ValueError: the step leads outside the domain; or the rate is negative.

    Reference: Amari (1998), "Natural gradient works efficiently in learning"; Bonnabel (2013),
    "Stochastic gradient descent on Riemannian manifolds".

    Example:
        >>> import torch, pyro.distributions as dist
        >>> from pyro_activeinf.geometry import StatisticalManifold
        >>> manifold = StatisticalManifold(dist.Normal)
        >>> goal = torch.tensor([3.0, 0.5])
        >>> start = torch.tensor([0.0, 1.0], requires_grad=True)
        >>> manifold.kl(start, goal).backward()
        >>> end = natural_gradient_step(manifold, start.detach(), start.grad, rate=1.0, alpha=1.0)
        >>> [round(x, 5) for x in end.tolist()]
        [3.0, 0.5]
    """
    x = manifold.point(point)
    return manifold.exp_map(x, -manifold.sharp(x, gradient), alpha, finite("rate", rate))


class RiemannianSGD:
    r"""Descent of a point on a manifold, with momentum that is carried along.

    .. math:: m_{k+1} = \beta\, P(m_k) - \rho\, g^{-1} \partial F, \qquad
              x_{k+1} = \exp^{(\alpha)}_{x_k}(m_{k+1})

    Args:
        manifold: where it happens.
        point: where to start.
        rate: :math:`\rho`.
        momentum: :math:`\beta`, from 0 to 1; P is parallel transport.
        alpha: of geodesics and transport.

    Attributes:
        point: where it is, ``(*batch, d)``, with a gradient.

    Raises:
        ValueError: a step leads outside the domain, and is not taken; numbers are out of range.

    Example:
        >>> import torch, pyro.distributions as dist
        >>> from pyro_activeinf.geometry import StatisticalManifold
        >>> manifold = StatisticalManifold(dist.Poisson)
        >>> descent = RiemannianSGD(manifold, dist.Poisson(torch.tensor(1.0)), rate=0.5)
        >>> for _ in range(30):
        ...     descent.step(manifold.kl(descent.point, torch.tensor([4.0])))
        >>> round(descent.point.item(), 4)
        4.0
    """

    def __init__(
        self,
        manifold: Manifold,
        point: Point,
        rate: float = 0.1,
        *,
        momentum: float = 0.0,
        alpha: float = 0.0,
    ) -> None:
        self.manifold, self.rate = manifold, finite("rate", rate)
        self.momentum, self.alpha = below_one("momentum", momentum), real("alpha", alpha)
        self.point = manifold.point(point).detach().clone().requires_grad_()
        self._velocity: Tensor | None = None

    def step(self, loss: Tensor) -> None:
        """Take a step down a loss, a function of :attr:`point` (summed over the batch)."""
        x = self.point.detach()
        (slope,) = grad(loss.sum(), self.point)
        velocity = -self.rate * self.manifold.sharp(x, slope)
        if self._velocity is not None:
            velocity = velocity + self.momentum * self._velocity
        end = self.manifold.exp_map(x, velocity, self.alpha)
        if self.momentum:
            way = self.manifold.geodesic(x, velocity=velocity, alpha=self.alpha)
            self._velocity = self.manifold.parallel_transport(velocity, way, self.alpha)
        self.point = end.detach().requires_grad_()
