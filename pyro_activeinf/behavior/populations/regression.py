"""Persons who differ as covariates say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ..._checks import instance
from ..choices import Choices
from .base import Population, Program
from .design import Design, design
from .deviations import Deviations, Expected, NonCentered, check_deviations
from .hierarchical import check_sites, persons_of
from .typical import Priors, Typical, check_priors, chosen, over, spread_of, typical_values

Formulas = str | Mapping[str, str]
Coefficients = Callable[[str, Typical, Design, Tensor], Tensor]
# of a site, with its typical value, design and spread: (*outer, columns, *inner)


@dataclass(frozen=True)
class Regression(Population):
    r"""What is expected of a person depends on covariates, on the unconstrained scale.

    .. math::
        \theta_i = T(T^{-1}(\mu) + x_i^\top \beta + \sigma z_i), \qquad
        \mu \sim p(\theta), \quad z_i \sim N(0, 1)

    The typical value :math:`\mu`, who has the program's own prior, is the intercept: a person
    whose covariates are all 0 (write ``center(age)``). Sites are those of
    :class:`Hierarchical`, and ``x_coefficients`` :math:`\beta`, ``(columns, *inner)``, in the
    order of ``design(choices, formula).columns``. Formulas are read by formulaic: labels become
    contrasts with the first (``C(group, contr.sum)``: with the mean). They may call functions,
    so that those of strangers are not to be trusted.

    Raises:
        TypeError: for formulas, priors or deviations that are none.
        ValueError: for a formula that cannot be read, or a subject without the covariate.

    Reference: Gelman and Hill (2007), "Data analysis using regression and multilevel models",
    chapter 12.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior import Choices
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("rate", dist.Beta(2.0, 2.0))
        >>> age = {"age": torch.tensor([-1.0, 0.0, 1.0])}
        >>> choices = Choices(torch.zeros(3, 1, dtype=torch.long), covariates=age)
        >>> plate = pyro.plate("subject", 3, dim=-2)
        >>> trace = pyro.poutine.trace(Regression("age")).get_trace(program, choices, plate)
        >>> trace.nodes["rate_coefficients"]["value"].shape, trace.nodes["_RETURN"]["value"].keys()
        (torch.Size([1]), dict_keys(['rate']))
    """

    formula: Formulas  # of the covariates; for some parameters only by site
    coefficients: Priors | None = None  # of each coefficient, or by site; Normal(0, 1) by default
    spread: Priors | None = None  # of what is left unexplained, as of `Hierarchical`
    deviations: Deviations = field(default_factory=NonCentered)

    def __post_init__(self) -> None:
        """Check formulas, priors, and how persons differ."""
        check_formulas(self.formula)
        check_priors("coefficients", self.coefficients)
        check_priors("spread", self.spread)
        check_deviations(self.deviations)

    def __call__(self, parameters: Program, choices: Choices, subjects: Any) -> dict[str, Tensor]:
        """Sample the parameters of every subject, site to ``(*outer, subjects, *event)``."""
        typical = typical_values(parameters)
        check_sites("coefficients", self.coefficients, typical)
        expected = regressed(typical, choices, self.formula, self.spread, self._coefficients)
        return persons_of(self.deviations, expected, subjects)

    def _coefficients(self, name: str, typical: Typical, columns: Design, spread: Tensor) -> Tensor:
        one = torch.ones_like(spread.flatten()[0])
        prior = chosen(name, self.coefficients, dist.Normal(0 * one, one))
        shape = torch.Size([len(columns.columns), *typical.inner])
        found: Tensor = pyro.sample(
            f"{name}_coefficients", over(f"coefficients of {name}", prior, shape)
        )
        return found


def check_formulas(formula: object) -> None:
    """Raise ``TypeError`` unless this is a formula, or a dict of them by site."""
    each = formula.values() if isinstance(formula, Mapping) else [formula]
    for one in each:
        instance("formula", one, str, "a formula of the covariates, such as 'age + group'")


def regressed(
    typical: Mapping[str, Typical],
    choices: Choices,
    formula: Formulas,
    spread: Priors | None,
    coefficients: Coefficients,
) -> dict[str, Expected]:
    """What is expected of persons by a formula for all parameters, or for each by site."""
    check_sites("spread", spread, typical)
    check_sites("formula", formula, typical)
    formulas = formula if isinstance(formula, Mapping) else dict.fromkeys(typical, formula)
    return {
        name: _expected(name, each, choices, formulas.get(name), spread, coefficients)
        for name, each in typical.items()
    }


def _expected(
    name: str,
    typical: Typical,
    choices: Choices,
    formula: str | None,
    spread: Priors | None,
    coefficients: Coefficients,
) -> Expected:
    scale = spread_of(name, typical, spread)
    if formula is None:
        return Expected(typical, typical.location, scale)
    columns = design(choices, formula)
    shift = columns.shift(coefficients(name, typical, columns, scale), typical.inner)
    return Expected(typical, typical.location + shift, scale)
