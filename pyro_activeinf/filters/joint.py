"""Joint arrays of a compiled program: what the exact filter computes with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .. import ops
from .._checks import complain, readable_bytes
from ..compile import Role, Site, Table, Tables, Variable

LIMIT_BYTES = 2**31


@dataclass(frozen=True)
class Dynamics:
    """p(s_0) and p(s' | s, u) over joint states."""

    log_initial: Tensor  # (states)
    log_transition: Tensor  # (actions, states, next states)
    transition: Tensor  # (actions, states, next states), as probabilities

    @cached_property
    def smallest(self) -> float:
        """The smallest finite log-probability of a transition."""
        return float(ops.smallest_log(self.log_transition.detach()))

    @cached_property
    def each(self) -> tuple[Tensor, ...]:
        """The transition under each action, ``(states, next states)``."""
        return self.transition.unbind(0)

    @cached_property
    def wide_transition(self) -> Tensor:
        """The transition in double precision, whose probabilities may be far smaller."""
        return self.transition.double()


def require_room(what: str, count: float, dtype: torch.dtype, way_out: str) -> None:
    """Raise ``ValueError`` where a joint array would be larger than the filter's limit."""
    size = count * torch.empty(0, dtype=dtype).element_size()
    if size > LIMIT_BYTES:
        raise ValueError(
            complain(
                what,
                f"at most {readable_bytes(LIMIT_BYTES)}",
                f"{count:.3g} numbers, {readable_bytes(size)}",
                way_out,
            )
        )


def table_dtype(tables: Tables) -> torch.dtype:
    """The widest floating type among the tables."""
    found = tables.tensors[0].dtype
    for tensor in tables.tensors[1:]:
        found = torch.promote_types(found, tensor.dtype)
    return found


def dynamics(tables: Tables) -> Dynamics:
    """Multiply the tables of ``initial`` and ``transition`` out over the joint state."""
    dtype, states = table_dtype(tables), tables.joint_size
    actions = math.prod(tables.controls)
    require_room(
        f"joint state of {states:,} values ({' x '.join(str(s.size) for s in tables.states)})",
        float(states) ** 2 * actions,
        dtype,
        "Use filters.FactorizedFilter, whose cost grows with the dependencies, or drop sites.",
    )
    now = [Variable(Role.STATE, site.name) for site in tables.states]
    then = [Variable(Role.NEXT, site.name) for site in tables.states]
    do = [Variable(Role.CONTROL, f"action_{f}") for f in range(len(tables.controls))]
    sizes = [site.size for site in tables.states]
    log_initial = product(tables.initial, now, sizes, dtype).reshape(states)
    log_transition = product(
        tables.transition, [*do, *now, *then], [*tables.controls, *sizes, *sizes], dtype
    ).reshape(actions, states, states)
    return Dynamics(log_initial, log_transition, log_transition.exp())


def product(
    tables: Iterable[Table], order: Sequence[Variable], sizes: Sequence[int], dtype: torch.dtype
) -> Tensor:
    """Sum of log-tables over a common set of variables: ``(*sizes)``."""
    total = torch.zeros((), dtype=dtype)
    for table in tables:
        total = total.to(table.log_probs.device) + table.aligned(tuple(order)).to(dtype)
    return total.expand(*sizes)


def log_likelihood(tables: Tables, names: Sequence[str]) -> Tensor:
    """log p(o | s) of some observation sites together: ``(states, *sizes of the sites)``.

    Sites that they depend on are summed out.
    """
    needed = ancestors(tables.observe, names)
    hidden = [site for site in tables.outcomes if site.name in needed and site.name not in names]
    shown = [next(s for s in tables.outcomes if s.name == name) for name in names]
    order = [Variable(Role.STATE, site.name) for site in tables.states]
    order += [Variable(Role.OUTCOME, site.name) for site in [*shown, *hidden]]
    sizes = [site.size for site in [*tables.states, *shown, *hidden]]
    dtype = table_dtype(tables)
    require_room(
        f"joint outcomes of {list(needed)}",
        float(math.prod(sizes)),
        dtype,
        "Use ExactFilter(model, joint_outcomes=False), which scores each site by itself.",
    )
    used = [table for table in tables.observe if table.variable.name in needed]
    full = product(used, order, sizes, dtype).reshape(
        tables.joint_size, *[site.size for site in shown], -1
    )
    return ops.logsumexp(full, -1) if hidden else full.squeeze(-1)


def ancestors(tables: Sequence[Table], names: Iterable[str]) -> tuple[str, ...]:
    """Observation sites that some sites depend on, themselves included, in program order."""
    needed = set(names)
    for table in reversed(tables):
        if table.variable.name in needed:
            needed |= {v.name for v in table.parents if v.role is Role.OUTCOME}
    return tuple(table.variable.name for table in tables if table.variable.name in needed)


def linked_sites(tables: Tables) -> list[tuple[str, ...]]:
    """Groups of observation sites that depend on each other, in program order."""
    groups: list[set[str]] = []
    for table in tables.observe:
        linked = {table.variable.name, *(v.name for v in table.parents if v.role is Role.OUTCOME)}
        joined = [group for group in groups if group & linked]
        groups = [group for group in groups if not group & linked]
        groups.append(linked.union(*joined))
    names = [site.name for site in tables.outcomes]
    return sorted(
        (tuple(sorted(group, key=names.index)) for group in groups),
        key=lambda group: names.index(group[0]),
    )


def outcome_sites(tables: Tables, names: Sequence[str]) -> list[Site]:
    """The observation sites of these names, in the order of the names."""
    return [next(site for site in tables.outcomes if site.name == name) for name in names]
