"""Response times whose logarithm is normal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from ..._checks import complain
from .base import ResponseTimes, check_numbers, wide
from .difficulty import entropy


@dataclass(frozen=True)
class LogNormalTimes(ResponseTimes):
    r"""Choices that are harder take longer.

    .. math:: \log RT_t \sim N(\alpha + \beta\, d_t, \sigma)

    where the difficulty :math:`d_t` is the entropy of the agent's action probabilities, or
    the surprise of what was chosen: ``difficulty=surprise``.

    Raises:
        TypeError: for fields that are no numbers, or a difficulty that is no function.

    Reference: van der Linden (2006), "A lognormal model for response times on test items", J. Educ.
    Behav. Stat. 31.

    Example:
        >>> times = LogNormalTimes(torch.tensor([-0.5]), torch.tensor([0.4]), torch.tensor([0.2]))
        >>> even = torch.full((1, 3, 2), 0.5).log()
        >>> times.distribution(even, torch.zeros(1, 3, dtype=torch.long)).loc.shape
        torch.Size([1, 3])
    """

    location: Tensor  # (*batch), alpha: log seconds of an easy choice
    slope: Tensor  # (*batch), beta: log seconds per nat
    scale: Tensor  # (*batch), sigma
    difficulty: Callable[[Tensor, Tensor], Tensor] = entropy
    # of log_probs (*batch, trials, actions) and actions (*batch, trials)

    def __post_init__(self) -> None:
        """See that these are numbers, and a function."""
        check_numbers(self)
        if not callable(self.difficulty):
            expected = "a function of log-probabilities and actions, such as entropy"
            raise TypeError(complain("difficulty", expected, repr(self.difficulty)))

    def distribution(self, log_probs: Tensor, action: Tensor) -> Any:
        """Distribution of seconds, batch ``(*batch, trials)``."""
        hard = self.difficulty(log_probs, action)
        location = wide(self.location) + wide(self.slope) * hard
        return dist.LogNormal(location, torch.as_tensor(wide(self.scale)).to(location))
