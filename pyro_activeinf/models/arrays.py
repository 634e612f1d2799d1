"""The arrays of the literature, read off a compiled program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .._checks import complain
from ..compile import (
    Compiled,
    Programs,
    Role,
    Table,
    Tables,
    Variable,
    compile_habit,
    compile_preferences,
)
from ..compile.program import depends_on_step


@dataclass(frozen=True)
class Arrays:
    """A discrete model as arrays; the fields are the arguments of :class:`~.pomdp.POMDP`.

    ``A[m]`` is p(o_m | states), ``B[f]`` p(s_f' | states, controls), ``C[m]`` log-preferences,
    ``D[f]`` p(s_f at time 0), ``E`` a prior over actions.
    """

    A: list[Tensor]  # (o, *states in A_dependencies[m])
    B: list[Tensor]  # (s', *states in B_dependencies[f], *controls in B_action_dependencies[f])
    C: list[Tensor]  # (o,) or (time, o)
    D: list[Tensor]  # (s,)
    E: Tensor | None  # (actions,) or (policies,)
    A_dependencies: list[list[int]]
    B_dependencies: list[list[int]]
    B_action_dependencies: list[list[int]]
    state_names: list[str]
    observation_names: list[str]


def to_arrays(programs: Programs, steps: int | None = None) -> Arrays:
    """Compile a discrete program and write its tables as A, B, C, D, E.

    Args:
        programs: a discrete model.
        steps: number of time steps to write C for, where ``prefer`` takes the step.

    Raises:
        ValueError: where a site depends on an earlier site of the same step (the arrays have no
            place for it), or ``steps`` is missing.

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> arrays = TMaze().to_arrays()
        >>> [tuple(a.shape) for a in arrays.A], arrays.state_names
        ([(5, 2, 4), (3, 2, 4)], ['context', 'location'])
    """
    tables = Compiled(programs).tables
    states = [site.name for site in tables.states]
    parents_a = [_parents(t, Role.STATE, states, "observe") for t in tables.observe]
    moves = sorted(tables.transition, key=lambda t: states.index(t.variable.name))
    controls = [f"action_{f}" for f in range(len(tables.controls))]
    moves[0] = _with_idle_controls(moves[0], tables)
    parents_b = [_parents(t, Role.STATE, states, "transition") for t in moves]
    return Arrays(
        A=[_last_first(t) for t in tables.observe],
        B=[_controls_last(t) for t in moves],
        C=_preferences(programs, tables, steps),
        D=[_unconditional(t).log_probs.exp() for t in tables.initial],
        E=_one_habit(compile_habit(programs, tables.controls)),
        A_dependencies=parents_a,
        B_dependencies=parents_b,
        B_action_dependencies=[_parents(t, Role.CONTROL, controls, "transition") for t in moves],
        state_names=states,
        observation_names=[site.name for site in tables.outcomes],
    )


def _parents(table: Table, role: Role, order: Sequence[str], program: str) -> list[int]:
    same_step = [v.name for v in table.parents if v.role in (Role.NEXT, Role.OUTCOME)]
    if same_step:
        raise ValueError(
            complain(
                f"site '{table.variable.name}' of {program}",
                "no dependence on sites of the same step, for which the arrays have no place",
                f"a dependence on {same_step}",
                "Join these sites into one, or keep the model as a program.",
            )
        )
    return [order.index(v.name) for v in table.parents if v.role is role]


def _unconditional(table: Table) -> Table:
    if table.parents:
        raise ValueError(
            complain(
                f"site '{table.variable.name}' of initial",
                "independent initial sites (D has one vector for each)",
                f"a dependence on {[v.name for v in table.parents]}",
                "Join these sites into one, or keep the model as a program.",
            )
        )
    return table


def _last_first(table: Table) -> Tensor:
    return table.log_probs.exp().movedim(-1, 0)


def _controls_last(table: Table) -> Tensor:
    """(parents, s') to (s', states, controls); an uncontrolled factor keeps an axis of size 1."""
    probs = _last_first(table)
    order = [1 + i for i, v in enumerate(table.parents) if v.role is Role.STATE]
    controls = [1 + i for i, v in enumerate(table.parents) if v.role is Role.CONTROL]
    moved = probs.permute(0, *order, *controls)
    return moved if controls else moved.unsqueeze(-1)


def _with_idle_controls(table: Table, tables: Tables) -> Table:
    """Let the first factor carry the controls that nothing depends on, so that none is lost."""
    used = {v.name for t in tables.transition for v in t.parents if v.role is Role.CONTROL}
    for f, size in enumerate(tables.controls):
        variable = Variable(Role.CONTROL, f"action_{f}")
        if variable.name not in used:
            log_probs = table.log_probs.expand(size, *table.log_probs.shape)
            table = Table(table.variable, (variable, *table.parents), log_probs)
    return table


def _preferences(programs: Any, tables: Tables, steps: int | None) -> list[Tensor]:
    if not depends_on_step(programs):
        return [c[0] for c in _stacked(programs, tables, 1)]
    if steps is None:
        raise ValueError(
            complain("steps", "a number of time steps (`prefer` takes the step)", None)
        )
    return _stacked(programs, tables, steps)


def _stacked(programs: Any, tables: Tables, steps: int) -> list[Tensor]:
    """Log-preferences of each observation site, ``(steps, outcomes)``."""
    rows: list[list[Tensor]] = [[] for _ in tables.outcomes]
    for step in range(steps):
        found = {t.variable.name: t for t in compile_preferences(programs, tables.outcomes, step)}
        for row, site in zip(rows, tables.outcomes, strict=True):
            row.append(_preference(found.get(site.name), site.size, tables))
    return [torch.stack(row) for row in rows]


def _preference(table: Table | None, size: int, tables: Tables) -> Tensor:
    if table is None:
        return tables.observe[0].log_probs.new_zeros(size)
    if table.parents:
        raise ValueError(
            complain(
                f"site '{table.variable.name}' of prefer",
                "no dependence on other sites",
                f"a dependence on {[v.name for v in table.parents]}",
            )
        )
    return table.log_probs


def _one_habit(habit: dict[str, Tensor]) -> Tensor | None:
    if len(habit) > 1 or not habit.keys() <= {"action", "policy"}:
        raise ValueError(
            complain("habit", "one site, action or policy, for the array E", list(habit))
        )
    return next((log_probs.exp() for log_probs in habit.values()), None)
