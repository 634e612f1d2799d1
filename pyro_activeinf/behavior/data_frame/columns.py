"""Columns of a data frame as tensors: one value for each row, checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..._checks import complain
from ..choices import Labels

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5  # rows that an error names


@dataclass(frozen=True)
class Column:
    """The values of a column."""

    values: Tensor  # (rows, *event): integers with -1, or reals with NaN, where missing
    labels: Labels = ()  # what 0, 1, .. stand for, where they are not the values themselves


def check_columns(frame: pd.DataFrame, argument: str, names: Iterable[Any]) -> None:
    """Raise where a frame does not have these columns, and suggest similar ones."""
    known = list(frame.columns)
    for name in names:
        if name in known:
            continue
        similar = get_close_matches(str(name), [str(each) for each in known], n=3)
        way_out = f"Did you mean {', '.join(map(repr, similar))}?" if similar else ""
        raise ValueError(complain(argument, f"a column among {known}", repr(name), way_out))


def complete(frame: pd.DataFrame, argument: str, name: Any) -> None:
    """Raise where a column that places rows has missing values."""
    refuse(frame, argument, name, frame[name].isna(), "no missing values")


def refuse(
    frame: pd.DataFrame, argument: str, name: Any, wrong: Any, expected: str, way_out: str = ""
) -> None:
    """Raise ``ValueError`` that names the column and the rows that are marked, if any."""
    rows = frame.index[np.asarray(wrong, dtype=bool)]
    if not len(rows):
        return
    values = frame.loc[np.asarray(wrong, dtype=bool), name].tolist()[:SHOWN]
    more = "" if len(rows) <= SHOWN else f" and {len(rows) - SHOWN} more"
    got = f"{values} in column {name!r}, rows {rows.tolist()[:SHOWN]}{more}"
    raise ValueError(complain(argument, expected, got, way_out))


def real(frame: pd.DataFrame, argument: str, name: Any) -> Tensor:
    """A column of numbers, ``(rows,)``; NaN where missing."""
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(frame[name]):
        got = f"{frame[name].dtype} in column {name!r}"
        raise ValueError(complain(argument, "a column of numbers", got))
    values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return torch.tensor(values, dtype=torch.get_default_dtype())


def discrete(
    frame: pd.DataFrame, argument: str, name: Any, labels: Sequence[Any] | None = None
) -> Column:
    """A column of integers from 0 on as they are, or of labels by position; -1 where missing.

    Labels are those given, the categories of a categorical column, or what occurs, sorted.
    """
    import pandas as pd

    column = frame[name]
    if labels is None and isinstance(column.dtype, pd.CategoricalDtype):
        labels = column.cat.categories.tolist()
    if pd.api.types.is_float_dtype(column):
        column = _whole(frame, argument, name)
    if labels is None and pd.api.types.is_integer_dtype(column):
        _no_negatives(frame, argument, name, column)
        if (column == 0).any():
            return Column(_integers(column))
    return _coded(frame, argument, name, column, labels)


def _integers(column: pd.Series[Any]) -> Tensor:
    return torch.tensor(column.fillna(-1).to_numpy(dtype=np.int64))


def _whole(frame: pd.DataFrame, argument: str, name: Any) -> pd.Series[Any]:
    column = frame[name]
    wrong = column.notna() & (column != column.round())
    refuse(frame, argument, name, wrong.fillna(False), "whole numbers or labels")
    return column.astype("Int64")


def _no_negatives(frame: pd.DataFrame, argument: str, name: Any, column: pd.Series[Any]) -> None:
    refuse(
        frame,
        argument,
        name,
        (column < 0).fillna(False),
        "integers from 0 on, or labels",
        "Write what is missing as NaN; where negative numbers are labels, make them strings.",
    )


def _coded(
    frame: pd.DataFrame,
    argument: str,
    name: Any,
    column: pd.Series[Any],
    labels: Sequence[Any] | None,
) -> Column:
    known = _sorted(frame, argument, name) if labels is None else list(labels)
    places = {label: place for place, label in enumerate(known)}
    missing = column.isna()
    unknown = ~missing & ~column.isin(known)
    refuse(frame, argument, name, unknown, f"labels among {known}")
    codes = [-1 if gone else places[v] for v, gone in zip(column, missing, strict=True)]
    return Column(torch.tensor(codes, dtype=torch.long), tuple(known))


def _sorted(frame: pd.DataFrame, argument: str, name: Any) -> list[Any]:
    """What occurs in a column, sorted."""
    try:
        return sorted(frame[name].dropna().unique().tolist())
    except TypeError as error:
        kinds = sorted({type(value).__name__ for value in frame[name].dropna()})
        got = f"{' and '.join(kinds)} in column {name!r}"
        raise ValueError(complain(argument, "labels of one kind", got)) from error


def observed(frame: pd.DataFrame, argument: str, names: Sequence[Any]) -> Column:
    """Columns of a site: reals where they are, positions of labels, or integers from 0 on.

    Several columns are the components of a vector.
    """
    found = [_observed(frame, argument, name) for name in names]
    if len(found) == 1:
        return found[0]
    labels = found[0].labels if len({each.labels for each in found}) == 1 else ()
    return Column(torch.stack([each.values for each in found], -1), labels)


def _observed(frame: pd.DataFrame, argument: str, name: Any) -> Column:
    import pandas as pd

    column = frame[name]
    if pd.api.types.is_bool_dtype(column):
        return Column(_integers(column.astype("Int64")))
    if pd.api.types.is_float_dtype(column):
        return Column(real(frame, argument, name))
    if not pd.api.types.is_integer_dtype(column):
        return _coded(frame, argument, name, column, _categories(column))
    if (column < 0).any():
        return Column(real(frame, argument, name))
    return Column(_integers(column))


def _categories(column: pd.Series[Any]) -> list[Any] | None:
    import pandas as pd

    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    return column.cat.categories.tolist() if categorical else None
