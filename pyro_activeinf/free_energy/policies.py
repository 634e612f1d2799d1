"""Expected free energy of given policies, step by step, under any filter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .._checks import complain, numbers, one_batch, positive_int
from ..compile import Settled
from ..filters import Filter
from ..filters.base import PolicyScoring
from ..filters.prediction import Estimate, Lazily
from ..records import Belief, ExpectedFreeEnergyTerms


def score_policies(
    filter: Filter, belief: Belief, policies: Tensor, memory_limit: int = 2**30
) -> ExpectedFreeEnergyTerms:
    r"""Terms of each step of each policy, in nats; differentiable in real-valued policies.

    .. math:: G(\pi, \tau) = E_{q(o, s|\pi)}[\log q(s_\tau|\pi) - \log \tilde p(o_\tau, s_\tau)],
              \qquad \tau = t+1, \dots, t+H

    All policies move at once, one ``predict`` and one ``expected_free_energy`` of the filter for
    each step; chunks of policies keep within the memory limit. Where gradients are asked for,
    what the backward pass needs of each chunk comes on top.

    Args:
        filter: any :class:`~pyro_activeinf.filters.Filter`; one that scores policies by itself
            (:class:`~pyro_activeinf.filters.base.PolicyScoring`) does so.
        belief: q(s_t), of batch shape ``(*batch)``.
        policies: ``(policies, time, *event)`` for the whole batch, or
            ``(*batch, policies, time, *event)``. Where the model has no actions, anything of these
            shapes (with no event dims) tells how many steps are to be scored.
        memory_limit: bytes that predicting and scoring a chunk may take.

    Returns:
        Terms ``(*batch, policies, time)``; their ``values`` are
        ``(*batch, policies, time, 4, 1 + sites)``. Where the filter estimates them, an
        :class:`~pyro_activeinf.filters.prediction.Estimate` with the error of each step.

    Raises:
        TypeError: for what is no filter, or no belief.
        ValueError: for policies whose shape does not fit the actions or the belief.

    Reference: Friston et al. (2017), "Active inference: a process theory", eqs. 2.4-2.5.

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.models import TMaze
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> terms = score_policies(filter, start, torch.tensor([[3, 1], [1, 1]]))
        >>> tuple(terms.total.shape)  # policies, time
        (2, 2)
        >>> bool(terms.total[0].sum() < terms.total[1].sum())  # the cue first
        True
    """
    if not (isinstance(filter, Filter) and isinstance(belief, Belief)):
        expected, got = "a filter and one of its beliefs", f"{filter!r} and {belief!r}"
        way_out = "filters.auto(model) makes a filter of a model."
        raise TypeError(complain("filter, belief", expected, got, way_out))
    space = filter.actions
    event = len(getattr(space, "shape", None) or ())
    moves = _laid_out(policies, belief.batch_shape, getattr(space, "shape", None) or ())
    if isinstance(filter, PolicyScoring):
        return filter.score(belief, moves)
    count = math.prod(belief.batch_shape) * filter.scoring_bytes
    rows = max(1, positive_int("memory_limit", memory_limit) // max(1, count))
    spare = rows >= moves.shape[-2 - event] * moves.shape[-1 - event]
    with Settled():
        chunks = [
            _scored(filter, belief, chunk, event, spare) for chunk in moves.split(rows, -2 - event)
        ]
    values = torch.cat([values for values, _ in chunks], -4)
    errors = [errors for _, errors in chunks]
    if not all(each for chunk in errors for each in chunk):
        return ExpectedFreeEnergyTerms(values, filter.observation_sites)
    make = {name: partial(_over_time, name, errors) for name in errors[0][0]}
    return Estimate(values, filter.observation_sites, Lazily(make))


def _laid_out(policies: Any, batch: torch.Size, event: tuple[int, ...]) -> Tensor:
    """Policies checked against the batch: ``(*batch or none, policies, time, *event)``."""
    moves = numbers("policies", policies)
    dims = moves.dim() - len(event)
    lead = moves.shape[: max(0, dims - 2)]
    if dims < 2 or moves.shape[dims:] != event or 0 in moves.shape[dims - 2 : dims]:
        inner = ", ".join(["policies", "time", *map(str, event)])
        raise ValueError(
            complain("policies", f"shape ({inner}) or (*batch, {inner})", tuple(moves.shape))
        )
    with one_batch(belief=batch, policies=lead):
        wide = torch.broadcast_shapes(batch, lead)
    if lead and wide != batch:
        raise ValueError(complain("policies", f"batch dims of the belief, {tuple(batch)}", lead))
    return moves


def _scored(
    filter: Filter, belief: Belief, moves: Tensor, event: int, spare: bool
) -> tuple[Tensor, list[Mapping[str, Tensor]]]:
    """Terms of some policies, ``(*batch, policies, time, 4, 1 + sites)``; errors of each step.

    Errors wait until they are asked for where there is memory to spare for what they are made of.
    """
    count, steps = moves.shape[moves.dim() - event - 2 : moves.dim() - event]
    wide = (*belief.batch_shape, count)
    current = belief.reshape(*belief.batch_shape, 1)
    found: list[Tensor] = []
    errors: list[Mapping[str, Tensor]] = []
    for t in range(steps):
        action = None if filter.actions is None else moves.select(-1 - event, t)
        current = filter.predict(current, action)
        terms = filter.expected_free_energy(current)
        found.append(terms.values.expand(*wide, *terms.values.shape[-2:]))
        each = terms.standard_error if isinstance(terms, Estimate) else {}
        late = Lazily({name: partial(_wide, each, name, wide) for name in each})
        errors.append(late if spare else dict(late))
    return torch.stack(found, -3), errors


def _wide(errors: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    return errors[name].expand(shape)


def _over_time(name: str, chunks: Sequence[Sequence[Mapping[str, Tensor]]]) -> Tensor:
    """The standard error of a term, ``(*batch, policies, time)``."""
    return torch.cat([torch.stack([step[name] for step in chunk], -1) for chunk in chunks], -2)
