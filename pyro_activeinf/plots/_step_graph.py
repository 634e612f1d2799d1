"""One step of a compiled program as a graph of variables and factors, in columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from ..compile import Compiled, Programs, Role, Table, Tables, Variable
from ._layers import neighbor_means


class Kind(Enum):
    """What a factor says."""

    TRANSITION = r"transition $p(s_t\,|\,s_{t-1}, u_{t-1})$"
    LIKELIHOOD = r"likelihood $p(o_t\,|\,s_t)$"
    PREFERENCE = r"preference $\tilde{p}(o_t)$"
    HABIT = r"habit $p(u_{t-1})$"


@dataclass(frozen=True)
class Factor:
    """A table: it ties a variable to its parents."""

    kind: Kind
    child: Variable
    parents: tuple[Variable, ...]

    @property
    def within_step(self) -> tuple[Variable, ...]:
        """Parents that are sampled by the same program."""
        return tuple(parent for parent in self.parents if parent.role is self.child.role)


@dataclass(frozen=True)
class StepGraph:
    """The variables of each column with their numbers of values, and the factors between."""

    sizes: dict[Variable, int]
    factors: tuple[Factor, ...]

    def column(self, role: Role) -> list[Variable]:
        """The variables that play a role, from the top down."""
        return [variable for variable in self.sizes if variable.role is role]


def step_graph(source: Programs | Tables, step: int) -> StepGraph:
    """Read the graph of one step off the tables of a program.

    The state that is observed is the next one. Preferences that are the same for every outcome
    are none; tables by themselves hold neither preferences nor a habit.

    Args:
        source: a discrete program, or its tables.
        step: the time index of the outcomes, where preferences depend on it.
    """
    if isinstance(source, Tables):
        return _graph(source, [])
    compiled = Compiled(source)
    wanted = [
        _factor(Kind.PREFERENCE, table) for table in compiled.preferences(step) if not _flat(table)
    ]
    return _graph(compiled.tables, wanted + _habit(compiled.habit()))


def _graph(tables: Tables, wanted: Sequence[Factor]) -> StepGraph:
    factors = [
        *(_factor(Kind.TRANSITION, table) for table in tables.transition),
        *(_factor(Kind.LIKELIHOOD, _of_next_state(table)) for table in tables.observe),
        *wanted,
    ]
    return StepGraph(_sizes(tables, factors), tuple(factors))


def _factor(kind: Kind, table: Table) -> Factor:
    return Factor(kind, table.variable, table.parents)


def _of_next_state(table: Table) -> Table:
    """The likelihood of a state is that of the state after the step."""
    parents = (
        Variable(Role.NEXT, parent.name) if parent.role is Role.STATE else parent
        for parent in table.parents
    )
    return replace(table, parents=tuple(parents))


def _flat(table: Table) -> bool:
    values = table.log_probs.detach()
    return not table.log_probs.requires_grad and bool((values == values.reshape(-1)[0]).all())


def _habit(sites: Collection[str]) -> list[Factor]:
    """The factors of a prior over actions; one over policies is none of a step."""
    names = sorted(set(sites) - {"policy"})
    found = ["action_0" if name == "action" else name for name in names]
    return [Factor(Kind.HABIT, Variable(Role.CONTROL, name), ()) for name in found]


def _sizes(tables: Tables, factors: Sequence[Factor]) -> dict[Variable, int]:
    states = {site.name: site.size for site in tables.states}
    columns = {
        Role.STATE: states,
        Role.CONTROL: {f"action_{f}": size for f, size in enumerate(tables.controls)},
        Role.NEXT: states,
        Role.OUTCOME: {site.name: site.size for site in tables.outcomes},
    }
    found = {
        Variable(role, name): n for role, sites in columns.items() for name, n in sites.items()
    }
    return {variable: found[variable] for variable in _near_their_parents(list(found), factors)}


def _near_their_parents(variables: Sequence[Variable], factors: Sequence[Factor]) -> list[Variable]:
    """The same variables, observations in the order of the states that they are of."""
    states = [variable for variable in variables if variable.role is Role.NEXT]
    outcomes = [variable for variable in variables if variable.role is Role.OUTCOME]
    links = [
        (states.index(parent), outcomes.index(factor.child))
        for factor in factors
        if factor.kind is Kind.LIKELIHOOD
        for parent in factor.parents
        if parent.role is Role.NEXT
    ]
    means = neighbor_means(len(outcomes), np.arange(len(states), dtype=float), links)
    order = np.argsort(np.where(np.isnan(means), len(states), means), kind="stable")
    rest = [variable for variable in variables if variable.role is not Role.OUTCOME]
    return [*rest, *(outcomes[i] for i in order)]
