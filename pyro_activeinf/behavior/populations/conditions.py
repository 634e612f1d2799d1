"""Persons whose parameters differ between conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ..._checks import complain, instance, known_names, strings
from ..choices import Choices
from .base import Population, Program, without_trials
from .design import Design
from .deviations import Expected, NonCentered, standard
from .hierarchical import check_sites, persons_of
from .typical import Priors, Typical, check_priors, chosen, over, spread_of, typical_values


@dataclass(frozen=True)
class Conditions(Population):
    r"""Partial pooling over persons, and over the conditions of each person.

    .. math::
        \theta_{ic} = T(T^{-1}(\mu) + x_c^\top \beta + \sigma z_i + \omega e_{ic}), \qquad
        z_i, e_{ic} \sim N(0, 1)

    for the rows (person i, condition c) that ``split(choices, "drug")`` makes. Codes :math:`x_c`
    sum to 0 over conditions, so that the typical value :math:`\mu`, who has the program's own
    prior, lies in the middle of them.

    Sites of a parameter ``x``: ``x_typical`` and ``x_spread`` (:math:`\sigma`) as of
    :class:`Hierarchical`; ``x_person_z`` in the plate ``person``; and where it differs between
    conditions ``x_effects`` :math:`\beta`, ``(conditions - 1, *inner)``, of all conditions but
    the last, which has minus their sum; ``x_within`` :math:`\omega`; and ``x_z`` :math:`e`.

    Raises:
        TypeError: for names and priors that are none.
        ValueError: for choices that were not split by this condition.

    Reference: Gelman and Hill (2007), "Data analysis using regression and multilevel models",
    section 13.5 (levels that are not nested).

    Example:
        >>> from pyro_activeinf.behavior import Choices, split
        >>> drug = torch.tensor([[0, 0, 1], [1, 1, 0]])
        >>> choices = Choices(torch.ones(2, 3, dtype=torch.long), conditions={"drug": drug})
        >>> rows, plate = split(choices, "drug"), pyro.plate("subject", 4, dim=-2)
        >>> def program():
        ...     pyro.sample("rate", dist.Beta(2.0, 2.0))
        >>> Conditions("drug")(program, rows, plate)["rate"].shape
        torch.Size([4])
    """

    condition: str
    parameters: Sequence[str] | None = None  # which differ between conditions; all by default
    effects: Priors | None = None  # of each number of beta; Normal(0, 1) by default
    spread: Priors | None = None  # of sigma; HalfNormal(1) by default
    within: Priors | None = None  # of omega; HalfNormal(0.5) by default

    def __post_init__(self) -> None:
        """Check names and priors."""
        instance("condition", self.condition, str, "the name of a condition")
        if self.parameters is not None:
            strings("parameters", self.parameters)
        for argument in ("effects", "spread", "within"):
            check_priors(argument, getattr(self, argument))

    def __call__(self, parameters: Program, choices: Choices, subjects: Any) -> dict[str, Tensor]:
        """Sample the parameters of every row, site to ``(*outer, rows, *event)``."""
        rows = rows_of(choices, self.condition)
        typical = typical_values(parameters)
        differ = list(typical) if self.parameters is None else list(self.parameters)
        known_names("parameters", differ, list(typical))
        for argument in ("effects", "spread", "within"):
            check_sites(argument, getattr(self, argument), typical)
        plate = pyro.plate("person", rows.persons, dim=-2)
        expected = {name: self._person(name, each, rows, plate) for name, each in typical.items()}
        same = {name: each for name, each in expected.items() if name not in differ}
        others = {name: self._moved(name, expected[name], rows) for name in differ}
        found = {**_unmoved(same, subjects), **persons_of(NonCentered(), others, subjects)}
        return {name: found[name] for name in typical}

    def _person(self, name: str, typical: Typical, rows: Rows, plate: Any) -> Expected:
        """What is expected of a person over all conditions."""
        spread = spread_of(name, typical, self.spread)
        with plate:
            z = pyro.sample(f"{name}_person_z", standard(spread, typical.inner))
        deviation = (spread * z).index_select(-2 - len(typical.inner), rows.person)
        return Expected(typical, typical.location + deviation, spread)

    def _moved(self, name: str, person: Expected, rows: Rows) -> Expected:
        """What is expected of a person in each condition."""
        inner, one = person.typical.inner, torch.ones_like(person.spread.flatten()[0])
        shape = torch.Size([rows.codes.matrix.shape[1], *inner])
        prior = chosen(name, self.effects, dist.Normal(0 * one, one))
        effects = pyro.sample(f"{name}_effects", over(f"effects of {name}", prior, shape))
        prior = chosen(name, self.within, dist.HalfNormal(one / 2))
        within = pyro.sample(f"{name}_within", over(f"within of {name}", prior, inner))
        location = person.location + rows.codes.shift(effects, inner)
        return Expected(person.typical, location, within)


@dataclass(frozen=True)
class Rows:
    """Whose rows they are, and of which condition."""

    person: Tensor  # (rows,)
    persons: int
    codes: Design  # (rows, conditions - 1): 1 for its own condition, -1 for the last


def rows_of(choices: Choices, condition: str) -> Rows:
    """Read off split choices whose rows they are, once."""
    key = ("rows", condition)
    if key not in choices.memo:
        choices.memo[key] = _read_rows(choices, condition)
    return choices.memo[key]


def _read_rows(choices: Choices, condition: str) -> Rows:
    covariates = choices.covariates
    if not {"subject", condition} <= covariates.keys():
        expected = f"rows of subjects in each {condition!r}"
        way_out = f"Write split(choices, {condition!r})."
        raise ValueError(complain("choices", expected, sorted(covariates), way_out))
    person = _places(covariates["subject"], tuple(dict.fromkeys(covariates["subject"])))
    there = covariates[condition]
    in_order = dict.fromkeys([*choices.levels.get(condition, ()), *there])
    known = [label for label in in_order if label in there]
    level = _places(there, known)
    if len(known) < 2:
        raise ValueError(complain("condition", "at least two levels", known))
    full = torch.nn.functional.one_hot(level, len(known)).to(torch.get_default_dtype())
    columns = tuple(str(label) for label in known[:-1])
    return Rows(person, int(person.max()) + 1, Design(full[:, :-1] - full[:, -1:], columns))


def _places(values: Sequence[Any], known: Sequence[Any]) -> Tensor:
    return torch.tensor([known.index(value) for value in values])


def _unmoved(expected: Mapping[str, Expected], subjects: Any) -> dict[str, Tensor]:
    """Parameters that are the same in all conditions."""
    with subjects:
        found = {name: each.record(name, each.location) for name, each in expected.items()}
    return {
        name: without_trials(value, expected[name].typical.event_dim, subjects.size)
        for name, value in found.items()
    }
