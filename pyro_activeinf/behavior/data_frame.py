"""Choices from data in long format, and back: one row for each trial of each subject."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .._checks import complain
from .choices import Choices, Labels
from .columns import Column, check_columns, complete, discrete, observed, real, refuse

if TYPE_CHECKING:
    import pandas as pd

LOG = logging.getLogger("pyro_activeinf")
_ORDER = "__order of subjects"  # a column of ours
Columns = str | Sequence[Any] | Mapping[Any, str]


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
    sites = {"observation": _sites(observation), "cue": _sites(cue)}
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
    rows = _sorted(df, subject, session, trial)
    grid = _Grid(rows, subject, session)
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


def _sites(columns: Columns) -> dict[str, tuple[Any, ...]]:
    """Site to its columns."""
    if isinstance(columns, str):
        columns = (columns,)
    named = columns if isinstance(columns, Mapping) else {name: name for name in columns}
    return {
        site: column if isinstance(column, tuple) else (column,) for column, site in named.items()
    }


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


def _sorted(df: pd.DataFrame, subject: str, session: str | None, trial: str) -> pd.DataFrame:
    """Rows by subject (in the order of their first rows), session and trial."""
    keys = {"subject": subject, "session": session, "trial": trial}
    named = {argument: name for argument, name in keys.items() if name is not None}
    for argument, name in named.items():
        complete(df, argument, name)
    by = list(named.values())
    refuse(df, "trial", trial, df.duplicated(by, keep=False), f"one row for each of {by}")
    number = df.groupby(subject, sort=False, observed=True).ngroup()
    order = df.assign(**{_ORDER: number.to_numpy()})
    try:
        return order.sort_values([_ORDER, *by[1:]], kind="stable")
    except TypeError as error:
        expected = "values that can be sorted"
        raise ValueError(complain("session, trial", expected, f"columns {by[1:]}")) from error


class _Grid:
    """Places sorted rows in subjects by trials."""

    def __init__(self, rows: pd.DataFrame, subject: str, session: str | None) -> None:
        self.who = torch.tensor(rows[_ORDER].to_numpy())  # (rows,)
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
    first = column.groupby(rows[_ORDER]).transform(lambda values: values.iloc[0])
    changed = ((column != first) & ~(column.isna() & first.isna())).fillna(True)
    if changed.any():
        who = rows.loc[changed, subject].iloc[0]
        refuse(rows, "covariates", name, changed, f"one value of {name!r} for subject {who!r}")
    each = rows.drop_duplicates(_ORDER)
    if pd.api.types.is_numeric_dtype(column):
        return real(each, "covariates", name)
    return tuple(each[name].tolist())


def to_dataframe(choices: Choices) -> pd.DataFrame:
    """Write choices in long format: the inverse of :func:`from_dataframe`.

    Columns ``subject``, ``session``, ``trial``, ``action``, ``response_time`` (where there are
    any), then outcomes, cues, conditions and covariates under their names (``<site>_0``, .. for
    the components of a vector). Sessions and trials count from 1; integers are nullable.
    """
    import pandas as pd

    who, when = choices.present.nonzero(as_tuple=True)
    trial = choices.present.cumsum(-1)[who, when]
    columns: dict[str, Any] = {
        "subject": [choices.subjects[i] for i in who.tolist()],
        "session": choices.starts.cumsum(-1)[who, when].numpy(),
        "trial": trial.numpy(),
        "action": _written(choices.actions[who, when], choices.labels.get("action", ())),
    }
    if choices.response_times is not None:
        columns["response_time"] = choices.response_times[who, when].numpy()
    for site, value in {**choices.outcomes, **choices.cues}.items():
        columns |= _components(site, value[who, when], choices.labels.get(site, ()))
    for name, value in choices.conditions.items():
        columns[name] = _written(value[who, when], choices.levels.get(name, ()))
    for name, value in choices.covariates.items():
        columns[name] = [_plain(value[i]) for i in who.tolist()]
    return pd.DataFrame(columns)


def _components(site: str, values: Tensor, labels: Labels) -> dict[str, Any]:
    if values.dim() == 1:
        return {site: _written(values, labels)}
    parts = values.flatten(1).unbind(-1)
    return {f"{site}_{i}": _written(part, labels) for i, part in enumerate(parts)}


def _written(values: Tensor, labels: Labels) -> Any:
    """A column: reals, nullable integers, or labels."""
    import pandas as pd

    if values.is_floating_point():
        return values.numpy()
    if not labels:
        return pd.array([None if v < 0 else v for v in values.tolist()], dtype="Int64")
    return pd.Categorical.from_codes(values.tolist(), categories=list(labels))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) else value
