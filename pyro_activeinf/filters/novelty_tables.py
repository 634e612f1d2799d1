"""What outcomes and states would tell about the tables that they are drawn from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .._checks import complain
from ..compile import Role, Table, Tables, Variable
from ..records import ExpectedFreeEnergyTerms
from .joint import log_likelihood


class TableNovelty(ABC):
    """Information that one draw gives about the probabilities it is drawn with."""

    @abstractmethod
    def __call__(self, counts: Tensor) -> Tensor:
        """Nats ``(*rows)`` from Dirichlet counts ``(*rows, size)``."""


@dataclass(frozen=True)
class MutualInformation(TableNovelty):
    r"""The exact information gain, expected under what is predicted.

    .. math::
        I(\theta; x) = E_x KL[p(\theta|x) \| p(\theta)]
        = \sum_i \frac{a_i}{a_0} \Big[\psi(a_i + 1) - \psi(a_0 + 1) - \log \frac{a_i}{a_0} \Big]

    Filters average it over the states in which a row is used, that is, over q(o, s) and not over
    q(o) q(s).

    Reference: Da Costa et al. (2020), "Active inference on discrete state-spaces: a synthesis",
    eq. D.15; Friston et al. (2017), "Active inference, curiosity and insight".

    Example:
        >>> round(MutualInformation()(torch.tensor([1.0, 1.0])).item(), 4)
        0.1931
    """

    def __call__(self, counts: Tensor) -> Tensor:
        """See the class."""
        a = counts.double()
        total = a.sum(-1, keepdim=True)
        possible = a > 0
        mean = torch.where(possible, a, 1.0) / total
        each = torch.digamma(a + 1) - torch.digamma(total + 1) - mean.log()
        return torch.where(possible, mean * each, 0.0).sum(-1).to(counts)


@dataclass(frozen=True)
class InverseCounts(TableNovelty):
    r"""The approximation of the literature, good where counts are large.

    .. math:: W_i = \frac12 \Big( \frac{1}{a_i} - \frac{1}{a_0} \Big), \qquad
        I(\theta; x) \approx \sum_i \frac{a_i}{a_0} W_i

    Reference: Friston et al. (2017), "Active inference, curiosity and insight"; Da Costa et al.
    (2020), "Active inference on discrete state-spaces: a synthesis", eq. 40.

    Example:
        >>> round(InverseCounts()(torch.tensor([1.0, 1.0])).item(), 4)
        0.25
    """

    def __call__(self, counts: Tensor) -> Tensor:
        """See the class."""
        total = counts.sum(-1)
        return 0.5 * ((counts > 0).sum(-1) - 1) / total


def with_novelty(terms: ExpectedFreeEnergyTerms, gained: Tensor) -> ExpectedFreeEnergyTerms:
    """The terms with more novelty, ``(*batch)`` nats, in their total."""
    at = torch.zeros_like(terms.values)
    at[..., 3, 0] = gained
    return ExpectedFreeEnergyTerms(terms.values + at, terms.sites)


def outcome_novelty(tables: Tables, rule: TableNovelty) -> Tensor | None:
    r"""Information about the likelihood in each state, ``(states, 1 + sites)``, in nats.

    .. math:: E_{p(o|s)}[I(\theta_{row(s, o)}; o_m)], \quad \text{summed over sites in group } 0

    Where one step draws twice from the same row, both draws are counted as if they were the first.
    ``None`` where no likelihood has counts.
    """
    learned = [table for table in tables.observe if table.source is not None]
    if not learned:
        return None
    names = [site.name for site in tables.outcomes]
    found = tables.tensors[0].new_zeros(tables.joint_size, 1 + len(names))
    for table in learned:
        column = torch.zeros(1 + len(names)).to(found)
        column[[0, 1 + names.index(table.variable.name)]] = 1.0
        found = found + _in_state(tables, table, rule).unsqueeze(-1) * column
    return found


def _in_state(tables: Tables, table: Table, rule: TableNovelty) -> Tensor:
    """Information from one site in each state, ``(states,)``."""
    states = [(Variable(Role.STATE, site.name), site.size) for site in tables.states]
    beside = [v.name for v in table.parents if v.role is Role.OUTCOME]
    sizes = {site.name: site.size for site in tables.outcomes}
    outcomes = [(Variable(Role.OUTCOME, name), sizes[name]) for name in beside]
    each = _spread(table, rule, [*states, *outcomes]).reshape(tables.joint_size, -1)
    if not beside:
        return each.squeeze(-1)
    return (log_likelihood(tables, beside).exp().flatten(1) * each).sum(-1)


def transition_novelty(tables: Tables, transition: Tensor, rule: TableNovelty) -> Tensor | None:
    r"""Information about the transition in each state, ``(actions, states)``, in nats.

    .. math:: E_{p(s'|s,u)}[I(\theta_{row(s, u, s')}; s'_f)], \quad \text{summed over factors } f

    Args:
        tables: of the program.
        transition: p(s' | s, u), ``(actions, states, next states)``.
        rule: information of one draw.

    Returns:
        ``None`` where no transition has counts.
    """
    learned = [table for table in tables.transition if table.source is not None]
    if not learned:
        return None
    now = [(Variable(Role.STATE, site.name), site.size) for site in tables.states]
    then = [(Variable(Role.NEXT, site.name), site.size) for site in tables.states]
    do = [(Variable(Role.CONTROL, f"action_{f}"), n) for f, n in enumerate(tables.controls)]
    found = transition.new_zeros(transition.shape[:2])
    for table in learned:
        beside = [pair for pair in then if pair[0] in table.parents]
        each = _spread(table, rule, [*do, *now, *(beside and then)])
        each = each.reshape(*transition.shape[:2], -1)
        found = found + ((transition * each).sum(-1) if beside else each.squeeze(-1))
    return found


def spread(table: Table, rule: TableNovelty, order: Sequence[Variable]) -> Tensor:
    """Information of a table's rows with a dim for each variable of ``order``, to broadcast."""
    if table.source is None:
        raise ValueError(complain("table", "one with counts", f"that of {table.variable.name}"))
    values = rule(table.source.counts)
    dims = [table.parents.index(v) for v in order if v in table.parents]
    sizes = [values.shape[table.parents.index(v)] if v in table.parents else 1 for v in order]
    return values.permute(dims).reshape(sizes)


def _spread(table: Table, rule: TableNovelty, order: Sequence[tuple[Variable, int]]) -> Tensor:
    """Information of a table's rows, laid out over all values of some variables."""
    values = spread(table, rule, [variable for variable, _ in order])
    return values.expand([size for _, size in order])
