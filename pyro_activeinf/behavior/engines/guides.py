"""Families of densities over coordinates, for variational inference."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions import constraints, transforms
from pyro.nn import PyroModule, PyroParam
from torch import Tensor

from ..._checks import instance, positive_int
from ...flows import AffineCoupling, NormalizingFlow, Spline
from ...flows.kind import Kind


class Family(ABC):
    """A family of densities; a frozen dataclass of its settings."""

    @abstractmethod
    def module(self, loc: Tensor, scale: Tensor) -> PyroModule:
        """A member with about this mean and standard deviations ``(dim,)``.

        The module has ``distribution()``, over vectors of ``dim``.
        """


class Located(PyroModule):
    """Parameters that every family has."""

    loc: Any
    scale: Any

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.loc = PyroParam(loc.clone())
        self.scale = PyroParam(scale.clone(), constraints.softplus_positive)


@dataclass(frozen=True)
class MeanField(Family):
    r"""Normal distributions side by side, in the coordinates without bounds.

    .. math:: q(z) = \prod_d N(z_d; \mu_d, \sigma_d^2)

    Reference: Kucukelbir et al. (2017), "Automatic differentiation variational inference", JMLR 18.

    Example:
        >>> found = MeanField().module(torch.zeros(2), torch.tensor([1.0, 2.0])).distribution()
        >>> found.variance.tolist()
        [1.0, 4.0]
    """

    def module(self, loc: Tensor, scale: Tensor) -> PyroModule:
        """A member with this mean and these standard deviations ``(dim,)``."""
        return _MeanField(loc, scale)


class _MeanField(Located):
    def distribution(self) -> Any:
        return dist.Normal(self.loc, self.scale).to_event(1)


@dataclass(frozen=True)
class LowRank(Family):
    r"""A normal distribution whose covariance is of low rank, and a diagonal.

    .. math:: q(z) = N(z; \mu, S (W W^\top + I) S), \quad W \in R^{dim \times rank}

    Args:
        rank: number of columns; about the root of the number of coordinates by default.

    Raises:
        ValueError: for a rank that is no integer above 0.

    Reference: Ong, Nott and Smith (2018), "Gaussian variational approximation with a factor
    covariance structure", J. Comput. Graph. Stat. 27.

    Example:
        >>> found = LowRank(1).module(torch.zeros(3), torch.ones(3)).distribution()
        >>> found.event_shape, found.cov_factor.shape
        (torch.Size([3]), torch.Size([3, 1]))
    """

    rank: int | None = None

    def __post_init__(self) -> None:
        """Check the rank."""
        if self.rank is not None:
            positive_int("rank", self.rank)

    def module(self, loc: Tensor, scale: Tensor) -> PyroModule:
        """A member with about this mean and these standard deviations ``(dim,)``."""
        rank = math.ceil(len(loc) ** 0.5) if self.rank is None else self.rank
        return _LowRank(loc, scale, rank)


class _LowRank(Located):
    factor: Any

    def __init__(self, loc: Tensor, scale: Tensor, rank: int) -> None:
        super().__init__(loc, scale)
        self.factor = PyroParam(0.1 * torch.randn(len(loc), rank, dtype=loc.dtype) / rank**0.5)

    def distribution(self) -> Any:
        scale = self.scale
        return dist.LowRankMultivariateNormal(self.loc, scale[:, None] * self.factor, scale**2)


@dataclass(frozen=True)
class Flow(Family):
    r"""A normalizing flow, then a scale and a shift of each coordinate.

    .. math:: z = \mu + \sigma f(\epsilon), \quad \epsilon \sim N(0, I)

    Args:
        length: number of steps of f.
        kind: what a step does; of a single coordinate always a spline.

    Raises:
        ValueError: for a length that is no integer above 0.
        TypeError: for a kind that is none.

    Reference: Rezende and Mohamed (2015), "Variational inference with normalizing flows", ICML;
    Dinh, Sohl-Dickstein and Bengio (2017), "Density estimation using Real NVP", ICLR.

    Example:
        >>> found = Flow(length=2).module(torch.zeros(3), torch.ones(3)).distribution()
        >>> found.event_shape, found.log_prob(torch.zeros(5, 3)).shape
        (torch.Size([3]), torch.Size([5]))
    """

    length: int = 4
    kind: Kind = field(default_factory=AffineCoupling)

    def __post_init__(self) -> None:
        """Check the length and the kind."""
        positive_int("length", self.length)
        instance("kind", self.kind, Kind, "a kind of flow, such as AffineCoupling()")

    def module(self, loc: Tensor, scale: Tensor) -> PyroModule:
        """A member with about this mean and these standard deviations ``(dim,)``."""
        kind = self.kind if len(loc) > 1 else Spline()
        flow = NormalizingFlow(len(loc), self.length, kind).to(loc.dtype)
        return _Flow(loc, scale, flow)


class _Flow(Located):
    def __init__(self, loc: Tensor, scale: Tensor, flow: NormalizingFlow) -> None:
        super().__init__(loc, scale)
        self.flow = flow

    def distribution(self) -> Any:
        affine = transforms.AffineTransform(self.loc, self.scale, event_dim=1, cache_size=1)
        return dist.TransformedDistribution(self.flow.distribution(), [affine])
