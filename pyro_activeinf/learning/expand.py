"""More values of a state, where what was seen asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .._checks import complain, nonnegative, positive_int
from ..filters import ExactFilter
from ..models import CategoricalTable, GenerativeModel
from .dirichlet import tables_of
from .dirichlet_evidence import Explained, evidence_bound
from .reduce import STRONG


@dataclass(frozen=True)
class Expansion:
    """The models that were compared, of which the last but one (or the last) was chosen."""

    model: GenerativeModel  # the chosen one, with the counts that it has learned
    size: int
    evidence: Mapping[int, float]  # size: bound of the log-evidence, in nats


@torch.no_grad()
def expand(
    make: Callable[[int], GenerativeModel],
    observations: Mapping[str, Any],
    actions: Any = None,
    size: int = 1,
    most: int = 16,
    sweeps: int = 30,
    restarts: int = 5,
    threshold: float = STRONG,
) -> Expansion:
    r"""Give a state factor one value more, for as long as the evidence grows by it.

    .. math:: \log p(o | m_{k+1}) - \log p(o | m_k) > threshold

    by the variational bound of :func:`~.dirichlet_evidence.evidence_bound`, each model fitted by
    sweeps of smoothing and counting.

    Args:
        make: from the number of values to a new model, whose tables hold their priors.
        observations: site to values ``(*batch, time, *event)``.
        actions: ``(*batch, time - 1)``.
        size: number of values to begin with.
        most: number of values at most.
        sweeps: of smoothing and counting.
        restarts: fits from different starts, which break the symmetry between values.
        threshold: what a value more has to be worth, in nats.

    Raises:
        ValueError: for numbers below one, or models without tables.
        TypeError: for what makes no models.

    Reference: Smith, Schwartenbeck, Parr and Friston (2020), "An active inference approach to
    modeling structure learning: concept learning as an example case".
    """
    if not callable(make):
        raise TypeError(complain("make", "a function from a number to a model", repr(make)))
    size, most = positive_int("size", size), positive_int("most", most)
    nonnegative("threshold", threshold)
    chosen, explained = _fitted(make, size, observations, actions, sweeps, restarts)
    evidence = {size: explained}
    while size < most:
        larger, explained = _fitted(make, size + 1, observations, actions, sweeps, restarts)
        evidence[size + 1] = explained
        if explained - evidence[size] <= threshold:
            break
        chosen, size = larger, size + 1
    return Expansion(chosen, size, evidence)


def _fitted(
    make: Callable[[int], GenerativeModel],
    size: int,
    observations: Mapping[str, Any],
    actions: Any,
    sweeps: int,
    restarts: int,
) -> tuple[GenerativeModel, float]:
    """The best of several fits, and its evidence."""
    fits = [
        _fit(make(size), observations, actions, positive_int("sweeps", sweeps))
        for _ in range(positive_int("restarts", restarts))
    ]
    return max(fits, key=lambda fit: fit[1])


def _fit(
    model: GenerativeModel, observations: Mapping[str, Any], actions: Any, sweeps: int
) -> tuple[GenerativeModel, float]:
    """Smooth and count in turns; the tables end at the counts of the best sweep."""
    filter, tables = ExactFilter(model), tables_of(model).values()
    for table in tables:
        table.counts.mul_(1 + torch.rand_like(table.counts))
    found: list[Explained] = []
    for _ in range(sweeps):
        found.append(evidence_bound(filter, observations, actions))
        for table in tables:
            table.counts.copy_(_learned(table, found[-1]))
    best = max(found, key=lambda explained: explained.bound)
    for table in tables:
        table.counts.copy_(_learned(table, best))
    return model, best.bound


def _learned(table: CategoricalTable, explained: Explained) -> Tensor:
    seen = explained.counts.get(table)
    return table.prior if seen is None else table.prior + seen
