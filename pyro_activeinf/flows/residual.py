"""Steps that add something simple to the point: planar and radial ones, and reflections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pyro.distributions.transforms.householder import ConditionedHouseholder
from pyro.distributions.transforms.planar import ConditionedPlanar
from pyro.distributions.transforms.radial import ConditionedRadial
from torch import Tensor, nn
from torch.distributions import Transform

from .._checks import complain, positive_int
from .kind import TransformKind
from .networks import ONE, SMALL, numbers


@dataclass(frozen=True)
class Planar(TransformKind):
    r"""Space is stretched or pressed along one direction, at a plane.

    .. math:: x = z + u \tanh(w^\top z + b), \qquad
        \log |\det J| = \log |1 + u^\top w (1 - \tanh^2(w^\top z + b))|

    with u such that :math:`u^\top w > -1`. Cheap forward; there is no inverse.

    Args:
        hidden_dims: units of the network that reads the context, where there is one.

    Reference: Rezende and Mohamed (2015), "Variational inference with normalizing flows", eqs.
    10-12.

    Example:
        >>> from pyro_activeinf.flows import NormalizingFlow
        >>> x, log_det = NormalizingFlow(2, 8, Planar())(torch.zeros(5, 2))
        >>> log_det.shape
        torch.Size([5])
    """

    hidden_dims: Sequence[int] = (64, 64)
    invertible: ClassVar[bool] = False
    ordered: ClassVar[bool] = False

    def network(self, dim: int, context_dim: int) -> nn.Module:
        """The numbers b, u, w: a random direction w, and u such that what is added is small."""
        w = nn.functional.normalize(torch.randn(dim), dim=0)
        u = ONE * w + SMALL * torch.randn(dim)
        return numbers([torch.zeros(1), u, w], context_dim, self.hidden_dims)

    def transform(self, network: nn.Module, context: Tensor | None) -> Transform:
        """Pyro's transform."""
        return ConditionedPlanar(network(context))


@dataclass(frozen=True)
class Radial(TransformKind):
    r"""Space is stretched or pressed around one point.

    .. math:: x = z + \frac{\beta}{\alpha + r} (z - z_0), \qquad r = \|z - z_0\|,
        \quad \alpha > 0, \quad \beta > -\alpha

    Cheap forward; there is no inverse.

    Args:
        hidden_dims: units of the network that reads the context, where there is one.

    Reference: Rezende and Mohamed (2015), "Variational inference with normalizing flows", eq. 14.

    Example:
        >>> from pyro_activeinf.flows import NormalizingFlow
        >>> x, log_det = NormalizingFlow(2, 8, Radial())(torch.zeros(5, 2))
        >>> log_det.shape
        torch.Size([5])
    """

    hidden_dims: Sequence[int] = (64, 64)
    invertible: ClassVar[bool] = False
    ordered: ClassVar[bool] = False

    def network(self, dim: int, context_dim: int) -> nn.Module:
        """The center, and the numbers that alpha = 1 and beta = 0 (nearly) are made of."""
        center, radius = torch.randn(dim), torch.full((1,), ONE)
        start = [center, radius, radius + SMALL * torch.randn(1)]
        return numbers(start, context_dim, self.hidden_dims)

    def transform(self, network: nn.Module, context: Tensor | None) -> Transform:
        """Pyro's transform."""
        return ConditionedRadial(network(context))


@dataclass(frozen=True)
class Householder(TransformKind):
    r"""Rotations, as products of an even number of reflections.

    .. math:: x = H_K \cdots H_1 z, \qquad H_k = I - 2 \frac{u_k u_k^\top}{\|u_k\|^2},
        \qquad \log |\det J| = 0

    Of use over a base that is not itself spherical. Fast in both directions.

    Args:
        count: number of reflections, even.
        hidden_dims: units of the network that reads the context, where there is one.

    Raises:
        ValueError: for a number that is not positive and even.

    Reference: Tomczak and Welling (2016), "Improving variational auto-encoders using Householder
    flow", eqs. 7, 8.

    Example:
        >>> from pyro_activeinf.flows import NormalizingFlow
        >>> flow = NormalizingFlow(2, 1, Householder())
        >>> x, _ = flow(torch.tensor([3.0, 4.0]))
        >>> round(x.norm().item(), 4)
        5.0
    """

    count: int = 2
    hidden_dims: Sequence[int] = (64, 64)
    invertible: ClassVar[bool] = True
    ordered: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the number of reflections."""
        if positive_int("count", self.count) % 2:
            way_out = "An odd number of reflections is far from the identity."
            raise ValueError(complain("count", "an even number", self.count, way_out))

    def network(self, dim: int, context_dim: int) -> nn.Module:
        """Directions, each twice (nearly): two equal reflections are none."""
        directions = torch.randn(self.count // 2, dim).repeat_interleave(2, 0)
        start = directions + SMALL * torch.randn_like(directions)
        return numbers([start], context_dim, self.hidden_dims)

    def transform(self, network: nn.Module, context: Tensor | None) -> Transform:
        """Pyro's transform."""
        return ConditionedHouseholder(*network(context))
