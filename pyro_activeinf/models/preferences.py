"""Preferences given as log-values rather than as a normalized distribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from .._checks import complain


class LogPreferences(TorchDistribution):
    r"""Log-preferences over 0, 1, .., taken as given: ``log_prob(o) = values[o]``.

    .. math:: \log \tilde p(o) = C_o \quad \text{rather than} \quad C_o - \log \sum_{o'} e^{C_{o'}}

    A ``Categorical(logits=C)`` in ``prefer`` means the same preferences, and G then differs by a
    constant: policies are chosen alike. Here the pragmatic value is in the units of C (rewards,
    say), as in the arrays of the literature. Samples are drawn from the normalized distribution.

    Args:
        values: log-preferences in nats, ``(*batch, outcomes)``; ``-inf`` forbids an outcome.

    Example:
        >>> LogPreferences(torch.tensor([0.0, 3.0])).log_prob(torch.tensor(1)).item()
        3.0
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"values": constraints.real_vector}
    has_enumerate_support = True

    def __init__(self, values: Tensor, validate_args: bool | None = None) -> None:
        self.values = values
        super().__init__(values.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        """The integers from 0 to ``outcomes - 1``."""
        return constraints.integer_interval(0, self.values.shape[-1] - 1)

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> LogPreferences:
        """The same preferences over a larger batch."""
        return LogPreferences(self.values.expand(*batch_shape, -1), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-preference of outcomes, ``(*batch)``, in nats."""
        batch = torch.broadcast_shapes(value.shape, self.batch_shape)
        rows = self.values.expand(*batch, -1)
        return rows.gather(-1, value.long().expand(batch).unsqueeze(-1)).squeeze(-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw outcomes from the normalized preferences."""
        return torch.distributions.Categorical(logits=self.values).sample(torch.Size(sample_shape))

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All outcomes, ``(outcomes, *batch)``."""
        found = torch.arange(self.values.shape[-1], device=self.values.device)
        found = found.reshape(-1, *[1] * len(self.batch_shape))
        return found.expand(-1, *self.batch_shape) if expand else found


class LogDensity(TorchDistribution):
    r"""Log-preferences over real values, given as a function: ``log_prob(o) = function(o)``.

    .. math:: \log \tilde p(o) = f(o)

    A constant that is added to it moves every G alike, and changes no choice. It has
    no draws: what needs them takes a distribution instead.

    Args:
        function: from values ``(*batch, *event)`` to log-preferences ``(*batch)``, in nats.
        event_dim: number of dims of an event.

    Example:
        >>> near = LogDensity(lambda place: -place.abs().sum(-1), event_dim=1)
        >>> near.log_prob(torch.tensor([[1.0, -2.0], [0.0, 0.5]])).tolist()
        [-3.0, -0.5]
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, function: Callable[[Tensor], Tensor], event_dim: int = 0) -> None:
        self.function, self._dims = function, event_dim
        super().__init__(torch.Size(), torch.Size([1] * event_dim), validate_args=False)

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> constraints.Constraint:
        """Real numbers."""
        return constraints.independent(constraints.real, self._dims)

    def expand(self, batch_shape: Sequence[int], _instance: object = None) -> LogDensity:
        """The same preferences: a function broadcasts by itself."""
        return self

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-preference of values, ``(*batch)``, in nats."""
        return self.function(value)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """A function has no draws.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            complain("preferences", "a distribution, to draw from", "a function")
        )
