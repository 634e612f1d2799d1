"""Recorded choices step by step: trials that count, in a row, with what was seen before each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from ..choices import Choices
from .sites import Seen, Sites, joined


@dataclass(frozen=True)
class Record:
    """What led up to each choice; trials that do not count come last."""

    moves: Tensor  # (time, *ones, subjects): the action before; any at the start of a session
    starts: Tensor  # (time, *ones, subjects), bool: a session begins
    step: Tensor  # (time, *ones, subjects): time step within the session
    seen: Seen  # site: (time, *ones, subjects): positions of what was seen at this time step
    last: Seen  # site: (time, *ones, subjects): what the action before brought, in any session
    place: Tensor | None  # (trials, *ones, subjects): where each trial is found; None: as it is

    @classmethod
    def of(cls, choices: Choices, sites: Sites, batch_dims: int) -> Self:
        """Read choices, for persons with so many batch dims; the last one is the subjects.

        Raises:
            ValueError: for an unknown site, or a value outside of its support.
        """
        counted = choices.counted
        order = None if bool(counted.all()) else (~counted).long().argsort(dim=1, stable=True)

        def laid_out(values: Tensor) -> Tensor:
            kept = values if order is None else values.gather(1, order)
            return kept.T.reshape(kept.shape[1], *[1] * (batch_dims - 1), kept.shape[0])

        session = laid_out(choices.starts.long().cumsum(1))
        starts = torch.ones_like(session, dtype=torch.bool)
        starts[1:] = session[1:] != session[:-1]
        outcomes = _laid_out(sites.positions("outcomes", choices.outcomes), laid_out)
        cues = _laid_out(sites.positions("cues", choices.cues), laid_out)
        last = {name: _later(value) for name, value in outcomes.items()}
        before = {name: value.masked_fill(starts, -1) for name, value in last.items()}
        place = None if order is None else (counted.long().cumsum(1) - 1).clamp(min=0)
        if place is not None:
            place = place.T.reshape(session.shape)
        moves = _later(laid_out(choices.actions)).clamp(min=0)
        return cls(moves, starts, _since(starts), joined(before, cues), last, place)

    def at_trials(self, values: Tensor, event: int) -> Tensor:
        """From the steps ``(time, *batch, *event)`` to trials; between those, the last that was."""
        if self.place is None:
            return values
        index = self.place.reshape(*self.place.shape, *[1] * event)
        return values.gather(0, index.expand(len(index), *values.shape[1:]))


def _laid_out(seen: Mapping[str, Tensor], move: object) -> Seen:
    return {name: move(value) for name, value in seen.items()}  # type: ignore[operator]


def _later(values: Tensor) -> Tensor:
    """One step later, ``(time, ..)``; the first one stays."""
    return torch.cat([values[:1], values[:-1]])


def _since(starts: Tensor) -> Tensor:
    """Number of steps since the last start, ``(time, ..)``."""
    time = torch.arange(len(starts)).reshape(-1, *[1] * (starts.dim() - 1)).expand(starts.shape)
    return time - torch.where(starts, time, 0).cummax(0).values
