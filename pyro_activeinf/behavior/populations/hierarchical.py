"""Persons who are alike: partial pooling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ..._checks import by_site
from ..choices import Choices
from .base import Population, Program, without_trials
from .deviations import Deviations, Expected, NonCentered, check_deviations
from .typical import Priors, Typical, check_priors, spread_of, typical_values


@dataclass(frozen=True)
class Hierarchical(Population):
    r"""Persons deviate from a typical person, who has the program's own prior.

    .. math::
        \mu \sim p(\theta), \qquad \theta_i = T(T^{-1}(\mu) + \sigma z_i), \qquad z_i \sim N(0, 1)

    T maps the unconstrained scale to the parameter's support (exp for what is positive, the
    logistic function for an interval, stick breaking for a simplex): the typical value is the
    median person. Sites of a parameter ``x``: ``x_typical`` :math:`\mu`, ``x_spread``
    :math:`\sigma`, ``x_z``, and the persons ``x`` themselves. Where the prior of a parameter
    depends on another parameter, it does so for the typical person.

    Raises:
        TypeError: for a prior of spread, or deviations, that are none.
        ValueError: for a discrete parameter, or a prior of spread whose shape does not fit.

    Reference: Gelman and Hill (2007), "Data analysis using regression and multilevel models",
    chapter 12.

    Example:
        >>> import torch
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior import Choices
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("rate", dist.Beta(2.0, 2.0))
        >>> choices = Choices(torch.zeros(3, 1, dtype=torch.long))
        >>> plate = pyro.plate("subject", 3, dim=-2)
        >>> trace = pyro.poutine.trace(Hierarchical()).get_trace(program, choices, plate)
        >>> [name for name in trace.nodes if name.startswith("rate")]
        ['rate_typical', 'rate_spread', 'rate_z', 'rate']
    """

    spread: Priors | None = None
    # prior of how much persons differ, unconstrained; or by site; HalfNormal(1) by default
    deviations: Deviations = field(default_factory=NonCentered)  # how they differ

    def __post_init__(self) -> None:
        """Check the prior of spread, and how persons differ."""
        check_priors("spread", self.spread)
        check_deviations(self.deviations)

    def __call__(self, parameters: Program, choices: Choices, subjects: Any) -> dict[str, Tensor]:
        """Sample the parameters of every subject, site to ``(*outer, subjects, *event)``."""
        typical = typical_values(parameters)
        expected = {name: self._expected(name, each) for name, each in typical.items()}
        check_sites("spread", self.spread, typical)
        return persons_of(self.deviations, expected, subjects)

    def _expected(self, name: str, typical: Typical) -> Expected:
        return Expected(typical, typical.location, spread_of(name, typical, self.spread))


def persons_of(
    deviations: Deviations, expected: Mapping[str, Expected], subjects: Any
) -> dict[str, Tensor]:
    """Draw persons around what is expected, site to ``(*outer, subjects, *event)``."""
    drawn = deviations.draw(expected, subjects)
    return {
        name: without_trials(value, expected[name].typical.event_dim, subjects.size)
        for name, value in drawn.items()
    }


def check_sites(argument: str, given: Any, sites: Mapping[str, Any]) -> None:
    """Raise where a prior or formula is given for a site that the program does not have."""
    if isinstance(given, Mapping):
        by_site(argument, given, list(sites))
