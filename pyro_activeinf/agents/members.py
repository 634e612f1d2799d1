"""Plans for members of a batch that have to be made apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..records import Belief, ExpectedFreeEnergyTerms, PolicyPosterior


def alike(rows: Tensor) -> list[Tensor]:
    """Which rows ``(members, numbers)`` are equal: the members of each group, ``(n,)``.

    Example:
        >>> alike(torch.tensor([[1.0], [0.0], [1.0]]))
        [tensor([1]), tensor([0, 2])]
    """
    distinct, which = torch.unique(rows, dim=0, return_inverse=True)
    return [(which == d).nonzero().squeeze(-1) for d in range(len(distinct))]


def at_own_steps(
    plan: Callable[[Belief, Belief], PolicyPosterior], belief: Belief, above: Belief, steps: Tensor
) -> PolicyPosterior:
    """Plan for members of a batch that are at time steps ``(*batch)`` of their own."""
    each = steps.expand(belief.batch_shape).flatten()
    own, higher = belief.reshape(len(each)), above.reshape(len(each))
    members = alike(each[:, None])
    parts = []
    for index in members:
        now = int(each[index[0]])
        parts.append(plan(replace(own.take(index), step=now), higher.take(index)))
    return together(parts, members, belief.batch_shape)


def together(
    parts: Sequence[PolicyPosterior], members: Sequence[Tensor], batch: torch.Size
) -> PolicyPosterior:
    """Posteriors ``(members)`` over the same policies as one of the whole batch."""
    order = torch.cat(list(members)).argsort()

    def of(read: Callable[[PolicyPosterior], Tensor]) -> Tensor:
        rows = torch.cat([read(part) for part in parts])[order]
        return rows.reshape(*batch, *rows.shape[1:])

    first = parts[0]
    return replace(
        first,
        policies=of(lambda part: part.policies) if first.real else first.policies,
        nodes=ExpectedFreeEnergyTerms(of(lambda part: part.nodes.values), first.nodes.sites),
        expected_free_energy=of(lambda part: part.expected_free_energy),
        probs=of(lambda part: part.probs),
        action_probs=of(lambda part: part.action_probs),
    )
