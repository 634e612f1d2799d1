"""Choices that nothing moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from ..._checks import complain, instance
from ..chooser import Chooser, State


@dataclass(frozen=True)
class RandomChoice(Chooser):
    r"""The same probabilities at every trial.

    .. math:: p(u) \propto e^{b_u}

    Args:
        bias: b, ``(*batch, actions)``, in nats. One of them may be fixed at 0, for only their
            differences matter.

    Raises:
        TypeError: for biases that are no tensor.
        ValueError: for a single number.

    Reference: R. Wilson and A. Collins (2019), "Ten simple rules for the computational modeling of
    behavioral data", eLife 8, model 1.

    Example:
        >>> import math
        >>> import torch
        >>> person = RandomChoice(torch.tensor([[0.0, 0.0], [0.0, math.log(4.0)]]))
        >>> person.log_probs(person.initial()).exp()
        tensor([[0.5000, 0.5000],
                [0.2000, 0.8000]])
    """

    bias: Tensor  # (*batch, actions)

    def __post_init__(self) -> None:
        """See that there are persons with something to choose."""
        instance("bias", self.bias, Tensor, "a tensor (*batch, actions)")
        if not self.bias.dim():
            raise ValueError(complain("bias", "a tensor (*batch, actions)", "a single number"))

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the persons."""
        return tuple(self.bias.shape[:-1])

    @property
    def num_actions(self) -> int:
        """Number of actions to choose from."""
        return self.bias.shape[-1]

    def initial(self) -> Tensor:
        """Log-probabilities of the next action, ``(*batch, actions)``: nothing is remembered."""
        return self.bias.log_softmax(-1)

    def restart(self, state: State) -> State:
        """Nothing changes."""
        return state

    def perceive(self, state: State, cue: Mapping[str, Tensor]) -> State:
        """Nothing changes."""
        return state

    def learn(self, state: State, action: Tensor, outcome: Mapping[str, Tensor]) -> State:
        """Nothing changes."""
        return state

    def log_probs(self, state: Tensor) -> Tensor:
        """The state."""
        return state
