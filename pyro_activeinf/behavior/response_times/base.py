"""What a model of response times is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any

from torch import Tensor

from ..._checks import complain, instance


class ResponseTimes(ABC):
    """A model of response times. Subclasses are frozen dataclasses of tensors and constants.

    Tensor fields have the shape ``(*batch)``, where the last batch dim is that of the subjects.
    """

    @abstractmethod
    def distribution(self, log_probs: Tensor, action: Tensor) -> Any:
        """Distribution of seconds, batch ``(*batch, trials)``.

        Args:
            log_probs: of all actions as the agent has them, ``(*batch, trials, actions)``, nats.
            action: what was chosen, ``(*batch, trials)``.
        """


def check_numbers(times: Any) -> None:
    """Raise ``TypeError`` where a field that holds numbers of persons holds something else."""
    for each in fields(times):
        if each.type == "Tensor":
            expected = "a tensor over persons (*batch), or a number"
            instance(each.name, getattr(times, each.name), (Tensor, int, float), expected)


def times_of(made: Any) -> ResponseTimes:
    """See that something is a model of response times.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(made, ResponseTimes):
        expected = "a function that returns ResponseTimes"
        raise TypeError(complain("response_times", expected, repr(made)))
    return made


def wide(value: Tensor | float) -> Any:
    """A number of each person, ``(*batch)``, beside trials ``(*batch, trials)``."""
    return value.unsqueeze(-1) if isinstance(value, Tensor) else value
