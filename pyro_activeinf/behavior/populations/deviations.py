"""How persons deviate from what is expected of them: three ways to write a normal distribution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ..._checks import complain, instance, positive
from .typical import Typical


@dataclass(frozen=True)
class Expected:
    """What is expected of persons, on the unconstrained scale, and how much they differ."""

    typical: Typical
    location: Tensor  # (*outer, *inner), or (*outer, subjects, 1, *inner)
    spread: Tensor  # (*outer, *inner)

    def record(self, name: str, unconstrained: Tensor) -> Tensor:
        """Record persons ``(*outer, subjects, 1, *inner)``, constrained, as a deterministic."""
        value = self.typical.transform(unconstrained)
        return pyro.deterministic(name, value, event_dim=self.typical.event_dim)


def check_deviations(deviations: object) -> None:
    """Raise ``TypeError`` unless this says how persons differ."""
    expected = "how persons differ: NonCentered(), Centered() or Correlated()"
    instance("deviations", deviations, Deviations, expected)


class Deviations(ABC):
    """From what is expected to persons, who are normal on the unconstrained scale."""

    @abstractmethod
    def draw(self, expected: Mapping[str, Expected], subjects: Any) -> dict[str, Tensor]:
        """Sample persons in the plate of subjects, site to ``(*outer, subjects, 1, *event)``."""


@dataclass(frozen=True)
class NonCentered(Deviations):
    r""":math:`\theta_i = T(\mu_i + \sigma z_i)`, :math:`z_i \sim N(0, 1)` at site ``x_z``.

    It suits samplers where persons have few trials.

    Reference: Papaspiliopoulos, Roberts and Skold (2007), "A general framework for the
    parametrization of hierarchical models", Stat. Sci. 22.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior import Choices, Hierarchical
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("rate", dist.Beta(2.0, 2.0))
        >>> choices = Choices(torch.zeros(3, 1, dtype=torch.long))
        >>> plate = pyro.plate("subject", 3, dim=-2)
        >>> people = Hierarchical(deviations=NonCentered())
        >>> trace = pyro.poutine.trace(people).get_trace(program, choices, plate)
        >>> trace.nodes["rate_z"]["value"].shape
        torch.Size([3, 1])
    """

    def draw(self, expected: Mapping[str, Expected], subjects: Any) -> dict[str, Tensor]:
        """Sample persons in the plate of subjects, site to ``(*outer, subjects, 1, *event)``."""
        with subjects:
            return {name: self._draw(name, each) for name, each in expected.items()}

    def _draw(self, name: str, each: Expected) -> Tensor:
        z = pyro.sample(f"{name}_z", standard(each.spread, each.typical.inner))
        return each.record(name, each.location + each.spread * z)


@dataclass(frozen=True)
class Centered(Deviations):
    r""":math:`T^{-1}(\theta_i) \sim N(\mu_i, \sigma)` at the parameter's own site ``x``.

    It suits samplers where persons have many trials.

    Reference: Papaspiliopoulos, Roberts and Skold (2007), "A general framework for the
    parametrization of hierarchical models", Stat. Sci. 22.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior import Choices, Hierarchical
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("rate", dist.Beta(2.0, 2.0))
        >>> choices = Choices(torch.zeros(3, 1, dtype=torch.long))
        >>> plate = pyro.plate("subject", 3, dim=-2)
        >>> people = Hierarchical(deviations=Centered())
        >>> trace = pyro.poutine.trace(people).get_trace(program, choices, plate)
        >>> trace.nodes["rate"]["value"].shape, "rate_z" in trace.nodes
        (torch.Size([3, 1]), False)
    """

    def draw(self, expected: Mapping[str, Expected], subjects: Any) -> dict[str, Tensor]:
        """Sample persons in the plate of subjects, site to ``(*outer, subjects, 1, *event)``."""
        with subjects:
            return {name: pyro.sample(name, _around(each)) for name, each in expected.items()}


@dataclass(frozen=True)
class Correlated(Deviations):
    r"""Deviations of the parameters of a person hang together.

    .. math:: \theta_i = T(\mu_i + \sigma \odot L z_i), \qquad L \sim LKJ(\eta)

    Sites: ``deviations_cholesky`` is L, ``(D, D)`` for D unconstrained numbers of a person in the
    order of the program; ``deviations_z`` ``(subjects, 1, D)``; and ``correlation`` is
    :math:`L L^\top`.

    Raises:
        ValueError: for a concentration that is not above 0, or persons of a single number.

    Reference: Lewandowski, Kurowicka and Joe (2009), "Generating random correlation matrices based
    on vines and extended onion method", J. Multivariate Anal. 100.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior import Choices, Hierarchical
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("rate", dist.Beta(2.0, 2.0))
        ...     pyro.sample("precision", dist.LogNormal(0.0, 1.0))
        >>> choices = Choices(torch.zeros(3, 1, dtype=torch.long))
        >>> plate = pyro.plate("subject", 3, dim=-2)
        >>> people = Hierarchical(deviations=Correlated())
        >>> trace = pyro.poutine.trace(people).get_trace(program, choices, plate)
        >>> trace.nodes["correlation"]["value"].diagonal().allclose(torch.ones(2))
        True
    """

    concentration: float = 2.0  # eta: 1 is uniform, more draws to no correlation

    def __post_init__(self) -> None:
        """Check the concentration."""
        positive("concentration", self.concentration)

    def draw(self, expected: Mapping[str, Expected], subjects: Any) -> dict[str, Tensor]:
        """Sample persons in the plate of subjects, site to ``(*outer, subjects, 1, *event)``."""
        sizes = [each.typical.inner.numel() for each in expected.values()]
        like = next(iter(expected.values())).spread
        factor = self._factor(like, sum(sizes))
        with subjects:
            z = pyro.sample("deviations_z", standard(like, torch.Size([sum(sizes)])))
            together = (factor @ z.unsqueeze(-1)).squeeze(-1)
            parts = zip(expected.items(), together.split(sizes, dim=-1), strict=True)
            return {name: _apart(name, each, part) for (name, each), part in parts}

    def _factor(self, like: Tensor, size: int) -> Tensor:
        if size < 2:
            expected = "at least two numbers of a person"
            raise ValueError(complain("parameters", expected, size, "Use NonCentered()."))
        concentration = like.new_tensor(self.concentration)
        factor = pyro.sample("deviations_cholesky", dist.LKJCholesky(size, concentration))
        pyro.deterministic("correlation", factor @ factor.mT, event_dim=2)
        return factor


def _apart(name: str, each: Expected, part: Tensor) -> Tensor:
    deviation = part.reshape(*part.shape[:-1], *each.typical.inner)
    return each.record(name, each.location + each.spread * deviation)


def _around(each: Expected) -> Any:
    normal = dist.Normal(each.location, each.spread).to_event(len(each.typical.inner))
    return dist.TransformedDistribution(normal, [each.typical.transform])


def standard(like: Tensor, shape: torch.Size) -> Any:
    """Standard normal numbers."""
    zero = torch.zeros(shape, dtype=like.dtype, device=like.device)
    return dist.Normal(zero, torch.ones_like(zero)).to_event(len(shape))
