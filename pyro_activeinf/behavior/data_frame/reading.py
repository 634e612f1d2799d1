"""Choices from data in long format: one row for each trial of each subject."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..._checks import complain, instance
from ..choices import Choices, Labels
from .columns import Column, check_columns, discrete, observed, real, refuse
from .grid import ORDER, Grid, in_order

if TYPE_CHECKING:
    import pandas as pd

LOG = logging.getLogger("pyro_activeinf")
Columns = None | str | Sequence[Any] | Mapping[Any, str]


def from_dataframe(  # noqa: PLR0913 -- what each column means
    df: pd.DataFrame,
    *,
    subject: str,
    trial: str,
    action: str,
    observation: Columns = (),
    cue: Columns = (),
    session: str | None = None,
    condition: str | Sequence[str] = (),
    covariates: str | Sequence[str] = (),
    response_time: str | None = None,
    actions: Sequence[Any] | None = None,
) -> Choices:
    """Read the choices of subjects from a data frame in long format.

    Rows may come in any order: trials are sorted within session, and sessions within subject;
    subjects keep the order of their first rows. Shorter subjects are padded.

    Actions and conditions are integers from 0 on as they are, or labels in the order of a
    categorical column, else sorted: choices 1 and 2 become 0 and 1. What was relabeled is logged
    (``pyro_activeinf``, at level INFO) and kept in ``labels`` and ``levels``. Columns of what was
    observed are read by their dtype: floats are real, with NaN where missing; bools, labels and
    integers from 0 on are discrete, with -1 where missing (``df.astype({"seen": "Int64"})`` for
    integers that pandas holds as floats); integers with negative ones are real.

    Args:
        df: the data.
        subject: column of the subjects' labels.
        trial: column of the order of trials.
        action: column of what was chosen.
        observation: columns of what the action of the trial brought; each gives the site of its
            name. A dict says which column (or tuple of columns: a vector) is which site.
        cue: likewise what was shown before the action.
        session: column of sessions; each begins anew.
        condition: columns that differ by trial.
        covariates: columns that are constant within a subject.
        response_time: column of seconds.
        actions: labels of the actions, in their order.

    Raises:
        TypeError: where ``df`` is no data frame.
        ValueError: where a column does not exist or has values of a wrong kind, rows are
            duplicates, or a covariate changes; the error names row and column.

    Example:
        >>> import pandas as pd
        >>> df = pd.DataFrame({"who": ["a", "a", "b"], "t": [2, 1, 1], "arm": [1, 2, 2],
        ...                    "won": [1.0, 0.0, 1.0]})
        >>> read = from_dataframe(df, subject="who", trial="t", action="arm", observation=["won"])
        >>> read.actions.tolist(), read.outcomes["won"].tolist(), read.labels["action"]
        ([[1, 0], [1, -1]], [[0.0, 1.0], [1.0, nan]], (1, 2))
    """
    sites = {"observation": _sites("observation", observation), "cue": _sites("cue", cue)}
    conditions, constants = _names(condition), _names(covariates)
    named = {
        "subject": [subject],
        "trial": [trial],
        "action": [action],
        "session": _names(session),
        "response_time": _names(response_time),
        "condition": conditions,
        "covariates": constants,
        **{
            kind: [name for names in found.values() for name in names]
            for kind, found in sites.items()
        },
    }
    _check(df, named)
    df = df.rename_axis(index=lambda _: None)  # a name may be that of a column too
    rows = in_order(df, subject, session, trial)
    grid = Grid(rows, subject, session)
    if actions is not None:
        _check_labels(actions)
    acted = discrete(rows, "action", action, actions)
    seen = {kind: _read(rows, kind, found) for kind, found in sites.items()}
    levels = {name: discrete(rows, "condition", name) for name in conditions}
    labels = {"action": acted.labels, **_labels(seen["cue"]), **_labels(seen["observation"])}
    _tell(labels)
    return Choices(
        actions=grid(acted.values),
        outcomes={site: grid(column.values) for site, column in seen["observation"].items()},
        cues={site: grid(column.values) for site, column in seen["cue"].items()},
        present=grid.present,
        starts=grid.starts,
        response_times=None if response_time is None else grid(_seconds(rows, response_time)),
        conditions={name: grid(column.values) for name, column in levels.items()},
        levels={name: column.labels or _range(column) for name, column in levels.items()},
        covariates={name: _constant(rows, subject, name) for name in constants},
        subjects=grid.subjects,
        labels={name: each for name, each in labels.items() if each},
    )


def _sites(argument: str, columns: Columns) -> dict[str, tuple[Any, ...]]:
    """Site to its columns."""
    if isinstance(columns, str) or columns is None:
        columns = _names(columns)
    expected = "names of columns, or a dict from column to site"
    instance(argument, columns, (Sequence, Mapping), expected)
    named = columns if isinstance(columns, Mapping) else {name: name for name in columns}
    return {
        site: column if isinstance(column, tuple) else (column,) for column, site in named.items()
    }


def _check_labels(actions: Sequence[Any]) -> None:
    wrong = isinstance(actions, str) or len(set(actions)) < len(actions)
    if wrong:
        raise ValueError(complain("actions", "a list of labels that differ", repr(actions)))


def _names(given: str | Sequence[str] | None) -> list[str]:
    if given is None:
        return []
    return [given] if isinstance(given, str) else list(given)


def _check(df: Any, named: Mapping[str, Sequence[Any]]) -> None:
    if not hasattr(df, "columns") or not hasattr(df, "iloc"):
        raise TypeError(complain("df", "a pandas DataFrame", repr(df)))
    for argument, names in named.items():
        check_columns(df, argument, names)
    if not len(df):
        raise ValueError(complain("df", "at least one row", "none"))


def _read(
    rows: pd.DataFrame, argument: str, sites: Mapping[str, Sequence[Any]]
) -> dict[str, Column]:
    return {site: observed(rows, argument, names) for site, names in sites.items()}


def _labels(read: Mapping[str, Column]) -> dict[str, Labels]:
    return {name: column.labels for name, column in read.items() if column.labels}


def _range(column: Column) -> Labels:
    return tuple(range(int(column.values.max()) + 1))


def _tell(labels: Mapping[str, Labels]) -> None:
    for name, each in labels.items():
        LOG.info("%s: %s", name, ", ".join(f"{label!r} is {i}" for i, label in enumerate(each)))


def _seconds(rows: pd.DataFrame, name: str) -> Tensor:
    seconds = real(rows, "response_time", name)
    refuse(rows, "response_time", name, (seconds <= 0).numpy(), "seconds above 0, or NaN")
    return seconds


def _constant(rows: pd.DataFrame, subject: str, name: str) -> Any:
    """A covariate of each subject: reals ``(subjects,)``, or a tuple of labels."""
    import pandas as pd

    column = rows[name]
    first = column.groupby(rows[ORDER]).transform(lambda values: values.iloc[0])
    changed = ((column != first) & ~(column.isna() & first.isna())).fillna(True)
    if changed.any():
        who = rows.loc[changed, subject].iloc[0]
        refuse(rows, "covariates", name, changed, f"one value of {name!r} for subject {who!r}")
    each = rows.drop_duplicates(ORDER)
    if pd.api.types.is_numeric_dtype(column):
        return real(each, "covariates", name)
    return tuple(each[name].tolist())
