"""Where guides over real-valued policies begin: in the middle, and at the best of random tries."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..filters import Filter
from ..records import Belief
from .action_box import action_box
from .candidates import Objective, rows_of

TRIES = (1, 4)  # policies, at the best of which restarts but the first begin, in turn


def first_policies(
    objective: Objective, filter: Filter, belief: Belief, horizon: int, restarts: int
) -> Tensor:
    """A policy to begin at for each restart, ``(restarts, *batch, time, *event)``.

    The first one is that of the prior, or the middle of the box. Each of the others is the best
    one of some draws, from the prior's proposal or from all over the box: of several, to be
    close to what is good; or of one, to be close to what may become good.
    """
    box = action_box(filter)
    proposal = objective.prior.proposal(filter, belief, horizon)
    shape = (*belief.batch_shape, horizon, *box.event)
    middle = box.center.expand(shape) if proposal is None else box.clamp(proposal.mean)
    if restarts == 1:
        return middle.unsqueeze(0)
    tries = (restarts - 1, max(TRIES), *shape)
    if proposal is None:
        drawn = box.center + box.half_width * (2 * torch.rand(tries).to(middle) - 1)
    else:
        drawn = box.clamp(proposal.mean + proposal.std * torch.randn(tries).to(middle))
    return torch.cat([middle.unsqueeze(0), _best(objective, filter, belief, drawn)])


def _best(objective: Objective, filter: Filter, belief: Belief, drawn: Tensor) -> Tensor:
    """The best of the tries ``(restarts, tries, *batch, ..)``: ``(restarts, *batch, ..)``."""
    batch = len(belief.batch_shape)
    rows = drawn.flatten(0, 1).movedim(0, batch)
    with torch.no_grad():
        cost = objective(filter, belief, rows).cost.unflatten(-1, drawn.shape[:2])
    each = rows.unflatten(batch, drawn.shape[:2])
    counts = torch.tensor([TRIES[r % len(TRIES)] for r in range(len(drawn))], device=cost.device)
    left_out = torch.arange(max(TRIES), device=cost.device) >= counts[:, None]
    cost = cost.masked_fill(left_out, math.inf)
    index = cost.argmin(-1, keepdim=True)
    return rows_of(each, index).squeeze(batch + 1).movedim(batch, 0)
