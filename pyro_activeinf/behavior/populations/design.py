"""Design matrices: what a formula makes of covariates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..._checks import complain, instance
from ..choices import Choices

INTERCEPT = "Intercept"  # formulaic's name of it


@dataclass(frozen=True)
class Design:
    """A row of numbers for each subject."""

    matrix: Tensor  # (subjects, columns)
    columns: tuple[str, ...]  # their names

    def shift(self, coefficients: Tensor, inner: torch.Size) -> Tensor:
        """``(*outer, columns, *inner)`` to what each subject is moved by.

        ``(*outer, subjects, 1, *inner)``, where ``outer`` has the dims of the plates once.
        """
        outer = coefficients.shape[: coefficients.dim() - len(inner)]
        flat = coefficients.reshape(*outer, inner.numel())
        moved = (self.matrix.to(flat)[:, None, None, :] @ flat).squeeze(-2)
        return moved.reshape(*moved.shape[:-1], *inner)


def design(choices: Choices, formula: str) -> Design:
    """The columns of a formula without its intercept, which is the typical person.

    Raises:
        ImportError: without ``formulaic``.
        ValueError: for a formula that cannot be read, an unknown or missing covariate, or no
            column at all.
    """
    instance("formula", formula, str, "a formula of the covariates, such as 'age + group'")
    key = ("design", formula)
    if key not in choices.memo:
        choices.memo[key] = _design(formula, choices.covariates, choices.subjects)
    return choices.memo[key]


def _design(formula: str, covariates: Mapping[str, Any], subjects: tuple[Any, ...]) -> Design:
    import pandas as pd

    frame = pd.DataFrame({name: _column(value) for name, value in covariates.items()})
    _complete(formula, frame, subjects)
    found = _matrix(formula, frame)
    columns = [name for name in found.columns if name != INTERCEPT]
    if not columns or len(found) != len(subjects):
        raise ValueError(complain("formula", "at least one covariate", repr(formula)))
    values = torch.tensor(found[columns].to_numpy(dtype=float), dtype=torch.get_default_dtype())
    return Design(values, tuple(columns))


def _matrix(formula: str, frame: Any) -> Any:
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    known = f"a formula of the covariates {list(frame.columns)}, without a left side"
    try:
        parsed = Formula(formula)
        found = None if hasattr(parsed, "lhs") else parsed.get_model_matrix(frame)
    except FormulaicError as error:
        got = f"{formula!r} ({error})"
        way_out = "Covariates are named in from_dataframe(.., covariates=[..])."
        raise ValueError(complain("formula", known, got, way_out)) from error
    if not hasattr(found, "columns"):
        raise ValueError(complain("formula", known, repr(formula)))
    return found


def _complete(formula: str, frame: Any, subjects: tuple[Any, ...]) -> None:
    """Raise where a covariate that the formula mentions is missing for someone."""
    words = set(re.findall(r"\w+", formula))
    for name in frame.columns:
        missing = frame[name].isna().to_numpy()
        if missing.any() and words.intersection(re.findall(r"\w+", name)):
            gone = [subject for subject, none in zip(subjects, missing, strict=True) if none]
            expected = f"a value of {name!r} for every subject"
            raise ValueError(complain("formula", expected, f"none for {gone}"))


def _column(value: Any) -> Any:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else list(value)
