"""What sessions have in common: each history that led up to a choice, once for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

LONGEST = 30  # trials of a session
WORTHWHILE = 3  # times as many trials as rows of histories


Values = Mapping[str, Tensor]


@dataclass(frozen=True)
class Histories:
    """The different histories within sessions, of all subjects, as short sessions in a row."""

    rows: Tensor  # (rows,), trials (flattened) at which there is what the histories are made of
    starts: Tensor  # (rows,), bool: another history begins
    ends: Tensor  # (histories,): the row at which the choice after each of them is made
    number: Tensor  # (subjects, trials): the history of each trial

    @classmethod
    def of(cls, starts: Tensor, shown: Values, done: Values) -> Histories | None:
        """Find histories that come again; ``None`` where that spares little.

        Two trials have the same history where their sessions began alike.

        Args:
            starts: of sessions, ``(subjects, trials)``.
            shown: what is known before a choice, name to ``(subjects, trials, *event)``.
            done: the choice, and what is known after it.
        """
        position = _positions(starts)
        longest, trials = int(position.max()) + 1, starts.shape[1]
        if longest > min(LONGEST, trials // WORTHWHILE):
            return None
        number, first = _numbered(_codes(shown), _codes(done), position, longest)
        lengths = position.flatten()[first] + 1
        total = int(lengths.sum())
        if total * WORTHWHILE > trials:
            return None
        ends = lengths.cumsum(0)
        since = torch.arange(total) - (ends - lengths).repeat_interleave(lengths)
        rows = (first - lengths + 1).repeat_interleave(lengths) + since
        return cls(rows, since == 0, ends - 1, number)

    def taken(self, values: Tensor) -> Tensor:
        """Values at the rows, the same for every subject: ``(subjects, rows, *event)``."""
        found = values.flatten(0, 1)[self.rows]
        return found.expand(len(self.number), *found.shape)


def _positions(starts: Tensor) -> Tensor:
    """Number of trials since the start of the session, ``(subjects, trials)``."""
    trial = torch.arange(starts.shape[1]).expand(starts.shape)
    return trial - torch.where(starts, trial, 0).cummax(1).values


def _numbered(shown: Tensor, done: Tensor, position: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """Numbers of histories ``(subjects, trials)``, and for each a trial (flattened) that has it."""
    shown, done, place = shown.flatten(), done.flatten(), position.flatten()
    number = torch.zeros_like(place)
    found: list[Tensor] = []
    total = 0
    for at in range(longest):
        here = (place == at).nonzero().squeeze(-1)
        keys = shown[here].unsqueeze(-1)
        if at:
            keys = torch.stack([number[here - 1], done[here - 1], shown[here]], -1)
        each, code = keys.unique(dim=0, return_inverse=True)
        number[here] = total + code
        found.append(torch.empty(len(each), dtype=torch.long).scatter_(0, code, here))
        total += len(each)
    return number.reshape(position.shape), torch.cat(found)


def _codes(values: Values) -> Tensor:
    """A number for each different row of values, ``(subjects, trials)``."""
    columns = [v.detach().flatten(2) if v.dim() > 2 else v.unsqueeze(-1) for v in values.values()]
    rows = torch.cat([column.double() for column in columns], -1)
    found: Tensor = rows.flatten(0, 1).unique(dim=0, return_inverse=True)[1]
    return found.reshape(rows.shape[:2])
