"""Rows of a data frame placed in subjects by trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..._checks import complain
from ..choices import Labels
from .columns import complete, refuse

if TYPE_CHECKING:
    import pandas as pd

ORDER = "__order of subjects"  # a column of ours


def in_order(df: pd.DataFrame, subject: str, session: str | None, trial: str) -> pd.DataFrame:
    """Rows by subject (in the order of their first rows), session and trial."""
    keys = {"subject": subject, "session": session, "trial": trial}
    named = {argument: name for argument, name in keys.items() if name is not None}
    for argument, name in named.items():
        complete(df, argument, name)
    by = list(named.values())
    refuse(df, "trial", trial, df.duplicated(by, keep=False), f"one row for each of {by}")
    number = df.groupby(subject, sort=False, observed=True).ngroup()
    order = df.assign(**{ORDER: number.to_numpy()})
    try:
        return order.sort_values([ORDER, *by[1:]], kind="stable")
    except TypeError as error:
        expected = "values that can be sorted"
        raise ValueError(complain("session, trial", expected, f"columns {by[1:]}")) from error


class Grid:
    """Places sorted rows in subjects by trials."""

    def __init__(self, rows: pd.DataFrame, subject: str, session: str | None) -> None:
        self.who = torch.tensor(rows[ORDER].to_numpy())  # (rows,)
        first = torch.searchsorted(self.who, self.who)
        self.trial = torch.arange(len(self.who)) - first  # (rows,)
        self.shape = (int(self.who.max()) + 1, int(self.trial.max()) + 1)
        self.subjects: Labels = tuple(rows[subject].drop_duplicates().tolist())
        self.present = self(torch.ones(len(rows), dtype=torch.long)) == 1
        self.starts = self(_starts(rows, self.trial, session)) == 1

    def __call__(self, values: Tensor) -> Tensor:
        """``(rows, *event)`` to ``(subjects, trials, *event)``, with -1 or NaN elsewhere."""
        missing = float("nan") if values.is_floating_point() else -1
        wide = values.new_full((*self.shape, *values.shape[1:]), missing)
        return wide.index_put((self.who, self.trial), values)


def _starts(rows: pd.DataFrame, trial: Tensor, session: str | None) -> Tensor:
    """1 where a session begins, ``(rows,)``."""
    if session is None:
        return (trial == 0).long()
    changed = rows[session].ne(rows[session].shift()).to_numpy()
    return ((trial == 0) | torch.tensor(changed)).long()
