"""Which density of a trial is compared: that of the choice, of its response time, or of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..._checks import complain, known_names, strings
from ..behavior_fit import BehaviorFit

CHOICE, TIME = "choice", "response_time"


def said_by(fit: BehaviorFit) -> tuple[str, ...]:
    """Variables that a model has a likelihood of."""
    return (CHOICE,) if fit.model.response_times is None else (CHOICE, TIME)


def shared(
    fits: Mapping[str, BehaviorFit], variables: str | Sequence[str] | None
) -> tuple[str, ...]:
    """The variables to compare; by default all that every model has a likelihood of.

    Raises:
        TypeError: for something else than names.
        ValueError: for none, an unknown one, one of which some model has no likelihood, or response
            times that are not the same.
    """
    common = [name for name in (CHOICE, TIME) if all(name in said_by(fit) for fit in fits.values())]
    wanted = common if variables is None else _names(variables)
    for name in wanted:
        without = [model for model, fit in fits.items() if name not in said_by(fit)]
        if without:
            got = f"{name!r}, of which {without} have no likelihood"
            way_out = "Give these models response_times=, or compare variables='choice'."
            raise ValueError(complain("variables", f"some of {common}", got, way_out))
    if TIME in wanted:
        _require_same_times(fits)
    return tuple(name for name in (CHOICE, TIME) if name in wanted)


def _names(variables: str | Sequence[str]) -> list[str]:
    each = [variables] if isinstance(variables, str) else variables
    strings("variables", each)
    known_names("variables", each, [CHOICE, TIME])
    if not each:
        raise ValueError(complain("variables", f"some of {[CHOICE, TIME]}", "none"))
    return list(each)


def _require_same_times(fits: Mapping[str, BehaviorFit]) -> None:
    first, *others = (fit.choices for fit in fits.values())
    for other in others:
        same = torch.equal(first.timed, other.timed)
        if not same or not torch.equal(first.seconds, other.seconds):
            way_out = "Fit every model to the same Choices, or compare variables='choice'."
            expected = "fits of the same response times"
            raise ValueError(complain("fits", expected, "different ones", way_out))


def pointwise(fit: BehaviorFit, variables: Sequence[str]) -> Tensor:
    """Log-densities of trials, ``(chains, draws, subjects, trials)``, nats; 0 where none counts."""
    parts = {CHOICE: lambda: fit.log_likelihood, TIME: lambda: fit.time_log_likelihood}
    first, *others = (parts[name]().double() for name in variables)
    return sum(others, first)
