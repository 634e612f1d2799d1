"""What the numbers of a population's sites belong to: names for their dims and coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import singledispatch
from typing import Any

from ..choices import Choices, Labels
from .conditions import Conditions, rows_of
from .design import design
from .horseshoe import Horseshoe
from .mixture import WEIGHTS, Mixture
from .regression import Regression

Named = tuple[str, Labels]  # name of a dim, labels along it


@singledispatch
def event_labels(population: Any, sites: Iterable[str], choices: Choices) -> dict[str, Named]:
    """Site to the name and the labels of its first event dim, where it has a meaning.

    Args:
        population: how persons hang together.
        sites: the parameters of one person.
        choices: the data.

    Example:
        >>> import torch
        >>> choices = Choices(torch.zeros(2, 3).long(), covariates={"age": torch.ones(2)})
        >>> event_labels(Regression("age"), ["rate"], choices)
        {'rate_coefficients': ('rate_covariate', ('age',))}
    """
    return {}


@event_labels.register(Regression)
def _regression(population: Regression, sites: Iterable[str], choices: Choices) -> dict[str, Named]:
    columns = _columns(population, sites, choices)
    return {f"{site}_coefficients": named for site, named in columns.items()}


@event_labels.register(Horseshoe)
def _horseshoe(population: Horseshoe, sites: Iterable[str], choices: Choices) -> dict[str, Named]:
    return {
        f"{site}_{what}": named
        for site, named in _columns(population, sites, choices).items()
        for what in ("coefficients", "local", "standard")
    }


def _columns(
    population: Regression | Horseshoe, sites: Iterable[str], choices: Choices
) -> dict[str, Named]:
    given = population.formula
    formulas = given if isinstance(given, Mapping) else dict.fromkeys(sites, given)
    return {
        site: (f"{site}_covariate", design(choices, formula).columns)
        for site, formula in formulas.items()
    }


@event_labels.register(Conditions)
def _conditions(population: Conditions, sites: Iterable[str], choices: Choices) -> dict[str, Named]:
    differ = sites if population.parameters is None else population.parameters
    named = (population.condition, rows_of(choices, population.condition).codes.columns)
    return {f"{site}_effects": named for site in differ}


@event_labels.register(Mixture)
def _mixture(population: Mixture, sites: Iterable[str], choices: Choices) -> dict[str, Named]:
    types = ("type", tuple(range(population.num_types)))
    own = [site for site in sites if site != WEIGHTS]
    inner = event_labels(population.of, own, choices)
    suffixed = {f"{site}_type{k}": named for site, named in inner.items() for k in types[1]}
    return {**dict.fromkeys([*own, WEIGHTS], types), **suffixed}
