"""Choices as data in long format: one row for each trial of each subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..choices import Choices, Labels, check_choices

if TYPE_CHECKING:
    import pandas as pd


def to_dataframe(choices: Choices) -> pd.DataFrame:
    """Write choices in long format: the inverse of :func:`from_dataframe`.

    Columns ``subject``, ``session``, ``trial``, ``action``, ``response_time`` (where there are
    any), then outcomes, cues, conditions and covariates under their names (``<site>_0``, .. for
    the components of a vector). Sessions and trials count from 1; integers are nullable.

    Raises:
        TypeError: for what is no table of choices.

    Example:
        >>> import torch
        >>> choices = Choices(torch.tensor([[0, -1]]), {"won": torch.tensor([[1.0, torch.nan]])})
        >>> to_dataframe(choices)[["subject", "trial", "won"]].values.tolist()
        [[0.0, 1.0, 1.0], [0.0, 2.0, nan]]
    """
    import pandas as pd

    check_choices(choices)
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
