"""Learning tables by counting: the conjugate update, with a rate, forgetting and a cap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from .._checks import complain
from ..compile import Programs
from ..filters import ExactFilter, FactorizedFilter
from ..models import CategoricalTable
from ..records import Trajectory
from .annealing import Schedule
from .counts import Counts, named
from .expected import expected_counts

Number = float | Tensor


@dataclass(frozen=True)
class DirichletUpdate:
    r"""How expected counts n change the counts a of a table.

    .. math:: a \leftarrow a_0 + (1 - \phi)(a - a_0) + \eta\, n

    where :math:`a_0` is the prior. Bayes' rule is :math:`\eta = 1, \phi = 0`. With a rate
    :math:`\eta = \rho N` and forgetting :math:`\phi = \rho` it is the natural-gradient step of
    stochastic variational inference on one of N episodes.

    Args:
        rate: eta, also as a tensor without dims; or a schedule, from the number of the update.
        forgetting: phi in [0, 1], or a schedule: what is forgotten of what was learned before.
        cap: rows whose counts sum to more are scaled down to it, so that they keep learning.

    Raises:
        ValueError: for a rate below 0, forgetting out of [0, 1] or a cap that is not above 0.

    Reference: Da Costa et al. (2020), "Active inference on discrete state-spaces";
    Hoffman et al. (2013), "Stochastic variational inference", JMLR 14, eq. 26.

    Example:
        >>> a, prior, n = torch.tensor([5.0, 1.0]), torch.ones(2), torch.tensor([0.0, 1.0])
        >>> DirichletUpdate(forgetting=0.5)(a, prior, n, 0).tolist()
        [3.0, 2.0]
    """

    rate: Number | Schedule = 1.0
    forgetting: Number | Schedule = 0.0
    cap: float = math.inf

    def __post_init__(self) -> None:
        _require_rates(
            0.0 if callable(self.rate) else self.rate,
            0.0 if callable(self.forgetting) else self.forgetting,
        )
        if not isinstance(self.cap, Real) or not self.cap > 0:
            raise ValueError(complain("cap", "a number above 0", self.cap))

    def __call__(self, counts: Tensor, prior: Tensor, seen: Tensor, update: int) -> Tensor:
        """The counts after an update, all of shape ``(*parents, size)``.

        Args:
            counts: before it.
            prior: what is forgotten towards.
            seen: expected counts.
            update: its number, from 0 on.

        Raises:
            ValueError: where a schedule leaves the range of its number.
        """
        rate = self.rate(update) if callable(self.rate) else self.rate
        lost = self.forgetting(update) if callable(self.forgetting) else self.forgetting
        _require_rates(rate, lost)
        return updated(counts, prior, seen, rate, lost, self.cap)


def updated(
    counts: Tensor, prior: Tensor, seen: Tensor, rate: Number, forgetting: Number, cap: float
) -> Tensor:
    """The rule of :class:`DirichletUpdate`; rates broadcast against ``(*parents, size)``."""
    learned = prior + (1 - forgetting) * (counts - prior) + rate * seen
    if math.isinf(cap):
        return learned
    total = learned.sum(-1, keepdim=True)
    return learned * (cap / total).clamp(max=1.0)


def _require_rates(rate: Number, forgetting: Number) -> None:
    for name, value in (("rate", rate), ("forgetting", forgetting)):
        if not isinstance(value, Real | Tensor):
            raise TypeError(complain(name, "a number, or a schedule", repr(value)))
    if not 0 <= rate < math.inf:
        raise ValueError(complain("rate", "a finite number >= 0", rate))
    if not 0 <= forgetting <= 1:
        raise ValueError(complain("forgetting", "a number from 0 to 1", forgetting))


@dataclass(frozen=True)
class LearnedCounts:
    """What an episode has taught."""

    counts: Mapping[str, Tensor]  # table, by its name in the model: expected counts of the episode
    free_energy: Tensor  # (*batch): -log p(o_{0:T}) under the tables as they were, in nats


def learn_dirichlet(
    model: Programs | ExactFilter | FactorizedFilter,
    observations: Mapping[str, Any] | Trajectory,
    actions: Any = None,
    rule: DirichletUpdate | None = None,
    tables: Iterable[CategoricalTable] | None = None,
    update: int = 0,
) -> LearnedCounts:
    r"""Add what was seen to the counts of a model's tables.

    .. math:: a_{ri} \leftarrow a_{ri} + \sum_t q(row_t = r, x_t = i \mid o_{0:T})

    The posterior over states is exact, given the expected probabilities; that of the tables is
    exact where rows and outcomes are observed, else variational (mean-field between states and
    tables). The tables are changed in place, and filters of the model follow.

    Args:
        model: a discrete model with tables, or its filter: an ``ExactFilter``, or a
            ``FactorizedFilter`` where there are too many joint states.
        observations: site to values ``(*batch, time, *event)``; or a trajectory, of which every
            episode is learned from at once.
        actions: ``(*batch, time - 1)``, with a last dim for several controls.
        rule: how counts change; Bayes' rule by default.
        tables: those that learn; all of the model by default.
        update: the number of the update, for schedules.

    Returns:
        The expected counts, by the names of the tables.

    Raises:
        ValueError: for a model without tables, tables of another model, or observations that are
            impossible or malformed; the counts are then as they were.

    Reference: Friston et al. (2016), "Active inference and learning"; Beal (2003), "Variational
    algorithms for approximate Bayesian inference", ch. 3.

    Example:
        >>> import pyro
        >>> from pyro_activeinf.models import POMDP
        >>> look = CategoricalTable(torch.ones(2, 2))
        >>> model = POMDP(A=[look], B=[torch.eye(2)[..., None]], D=[torch.tensor([1.0, 0.0])])
        >>> learned = learn_dirichlet(model, {"o0": torch.tensor([1, 1, 0])})
        >>> look.counts.tolist()
        [[2.0, 3.0], [1.0, 1.0]]
    """
    known = isinstance(model, ExactFilter | FactorizedFilter)
    filter: Any = model if known else ExactFilter(model)  # type: ignore[arg-type]
    if not isinstance(rule, DirichletUpdate | None):
        raise TypeError(complain("rule", "a DirichletUpdate", repr(rule)))
    tables = chosen_of(filter.model, tables)
    found: Counts = {}
    energy: list[Tensor] = []
    for seen, done in _episodes(observations, actions):
        counts, smoothing = expected_counts(filter, seen, done)
        found = added(found, counts)
        energy.append(smoothing.free_energy)
    names = named(filter.model, found)
    apply(found, rule or DirichletUpdate(), tables, update)
    return LearnedCounts(names, torch.stack(energy).sum(0))


def _episodes(observations: Any, actions: Any) -> list[tuple[Mapping[str, Any], Any]]:
    if not isinstance(observations, Trajectory):
        return [(observations, actions)]
    return [(part.observations, _played(part)) for part in observations.episodes()]


def _played(episode: Trajectory) -> Tensor:
    """Actions that were taken; where an episode of a batch was over, any will do."""
    return episode.actions.clamp(min=0)


def tables_of(model: Any) -> dict[str, CategoricalTable]:
    """The tables of a model by their names.

    Raises:
        ValueError: where there are none.
    """
    modules = model.named_modules() if isinstance(model, nn.Module) else []
    found = {name: module for name, module in modules if isinstance(module, CategoricalTable)}
    if not found:
        raise ValueError(
            complain(
                "model",
                "one with a models.CategoricalTable",
                repr(type(model).__name__),
                "Draw sites from table(*parents), with table = CategoricalTable(counts).",
            )
        )
    return found


def chosen_of(
    model: Any, tables: Iterable[CategoricalTable] | None
) -> tuple[CategoricalTable, ...]:
    """The tables of a model that learn: all, or those that are asked for.

    Raises:
        ValueError: where there are none, or one is not of the model.
    """
    own = tables_of(model)
    if not isinstance(tables, Iterable | None):
        raise TypeError(complain("tables", "some CategoricalTables", repr(tables)))
    chosen = tuple(own.values() if tables is None else tables)
    if any(table not in set(own.values()) for table in chosen):
        raise ValueError(
            complain("tables", f"some of the model's own, {list(own)}", "one that is not")
        )
    return chosen


def added(first: Counts, second: Counts) -> Counts:
    """The sum of counts, table by table."""
    found = dict(first)
    for owner, value in second.items():
        found[owner] = found[owner] + value if owner in found else value
    return found


@torch.no_grad()
def apply(
    found: Counts,
    rule: DirichletUpdate,
    tables: Iterable[CategoricalTable],
    update: int,
) -> None:
    """Change the counts of tables in place: all of them, or none where the rule raises."""
    changed = {
        table: rule(table.counts, table.prior, found[table], update)
        for table in tables
        if table in found
    }
    for table, counts in changed.items():
        table.counts.copy_(counts)
