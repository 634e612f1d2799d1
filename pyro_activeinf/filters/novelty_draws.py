"""What draws from tables with counts would tell about them, particle by particle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from ..compile.counted import CountedCategorical
from ..records import ExpectedFreeEnergyTerms
from .nested import expected, standard_error
from .novelty_rules import MutualInformation, TableNovelty, after_draws
from .prediction import Estimate, Lazily, Likelihood, Prediction

Terms = TypeVar("Terms", bound=ExpectedFreeEnergyTerms)


def with_table_novelty(
    terms: Terms,
    prediction: Prediction,
    rule: TableNovelty | None = None,
    gained: Tensor | None = None,
) -> Terms:
    r"""Terms with the information about tables, were the step and its outcome seen, in nats.

    .. math:: \sum_i w_i \Big[ \sum_f I(\theta_{row(s_i, u, s'_i)}; s'_f)
              + \sum_m I(\theta_{row(s_i, o_i)}; o_m) \Big]

    Args:
        terms: of the prediction.
        prediction: whose particles have rows of tables.
        rule: information of one draw; exact mutual information by default.
        gained: of the move, ``(*batch)``, where the belief knows it; else that of the particles'
            moves counts, where these are from tables.

    Reference: Friston et al. (2017), "Active inference, curiosity and insight".
    """
    rule = rule or MutualInformation()
    parts = [told_by_draws(prediction.likelihood, rule)]
    if gained is None and prediction.counted_moves and prediction.moves is not None:
        parts.append(told_by_draws(prediction.moves(), rule))
    found = [part for part in parts if part is not None]
    if not found and gained is None:
        return terms
    each = sum(found[1:], found[0]) if found else torch.zeros_like(prediction.weights)
    return add_novelty(terms, prediction.weights, each, gained)


def told_by_draws(likelihood: Likelihood, rule: TableNovelty) -> Tensor | None:
    """Information of each particle's draws ``(particles, *batch)``, in nats; ``None`` of no table.

    Where several sites are drawn from the same row, a later one counts for what it adds.
    """
    learned = [fn for fn in likelihood.sites.values() if isinstance(fn, CountedCategorical)]
    if not learned:
        return None
    parts = [_added(fn, learned[:i], rule) for i, fn in enumerate(learned)]
    return sum(parts[1:], parts[0]).expand(likelihood.shape)


def _added(fn: CountedCategorical, earlier: list[CountedCategorical], rule: TableNovelty) -> Tensor:
    rows, counts = fn.rows, fn.owner.counts.reshape(-1, fn.owner.counts.shape[-1])
    same = [other.rows == rows for other in earlier if other.owner is fn.owner]
    repeated = sum(same, torch.zeros_like(rows))
    found = rule(counts)[rows]
    for draws in range(1, len(same) + 1):
        found = torch.where(repeated == draws, after_draws(rule, counts, draws)[rows], found)
    return found


def add_novelty(terms: Terms, weights: Tensor, each: Tensor, known: Tensor | None = None) -> Terms:
    """Terms with the novelty of particles, ``(particles, *batch)``, and some that is known.

    Its error, and that of the total, are as if those of their parts were independent.
    """
    gained = expected(weights, each)
    gained = gained if known is None else gained + known
    at = torch.zeros_like(terms.values)
    at[..., 3, 0] = 1.0
    values = terms.values + at * gained[..., None, None]
    if not isinstance(terms, Estimate) or not terms.standard_error:
        return replace(terms, values=values)
    errors, own = terms.standard_error, standard_error(weights, each)
    make: dict[str, Callable[[], Tensor]] = {
        name: partial(errors.__getitem__, name) for name in errors
    }
    for name in ("novelty", "total"):
        make[name] = partial(_hypotenuse, errors, name, own)
    return replace(terms, values=values, standard_error=Lazily(make))


def _hypotenuse(errors: Mapping[str, Tensor], name: str, other: Tensor) -> Tensor:
    return torch.hypot(errors.get(name, torch.zeros_like(other)), other)
