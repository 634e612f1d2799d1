"""Persons of unknown type: what they choose is foretold by all types, weighed by what they did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from .chooser import Chooser, State


@dataclass(frozen=True)
class OfTypes(Chooser):
    r"""Each person is one of K choosers; what was chosen tells which.

    .. math::
        p(u_t \mid u_{<t}) = \sum_k r_{k,t}\, p_k(u_t \mid u_{<t}), \qquad
        r_{k,t} \propto w_k \prod_{s < t} p_k(u_s \mid u_{<s})

    so that the product over trials is the mixture :math:`\sum_k w_k \prod_t p_k(u_t)`.
    """

    types: Chooser  # batch (*outer, K, subjects)
    log_weights: Tensor  # (*outer, subjects, K), log w_k, nats

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the persons."""
        return tuple(self.log_weights.shape[:-1])

    @property
    def num_actions(self) -> int:
        """Number of actions to choose from."""
        return self.types.num_actions

    def initial(self) -> State:
        """States of the types, with K after the batch dims; and log-weights."""
        return self._inward(self.types.initial(), 0), self.log_weights

    def restart(self, state: State) -> State:
        """Another session: the type stays."""
        return self._moved(state, self.types.restart), state[1]

    def perceive(self, state: State, cue: Mapping[str, Tensor]) -> State:
        """Each type sees the cue."""
        return self._moved(state, lambda each: self.types.perceive(each, cue)), state[1]

    def learn(self, state: State, action: Tensor, outcome: Mapping[str, Tensor]) -> State:
        """Each type learns, and the action tells which type it may have been."""
        index = action[..., None, None].expand(*state[1].shape, 1)
        told = self._by_type(state).gather(-1, index).squeeze(-1)
        inner = self._moved(state, lambda each: self.types.learn(each, action, outcome))
        return inner, (state[1] + told).log_softmax(-1)

    def log_probs(self, state: State) -> Tensor:
        """Log-probabilities of the next action, ``(*batch, actions)``."""
        return (state[1].log_softmax(-1).unsqueeze(-1) + self._by_type(state)).logsumexp(-2)

    def _by_type(self, state: State) -> Tensor:
        """Log-probabilities of each type, ``(*batch, K, actions)``."""
        further = state[1].dim() - self.log_weights.dim()
        return self.types.log_probs(self._outward(state[0], further)).transpose(-3, -2)

    def _moved(self, state: State, move: Callable[[State], State]) -> State:
        further = state[1].dim() - self.log_weights.dim()
        return self._inward(move(self._outward(state[0], further)), further)

    def _inward(self, state: State, further: int) -> State:
        """``(.., K, subjects, *event)`` to ``(.., subjects, K, *event)``."""
        dim = further + len(self.batch_shape) - 1
        return pytree.tree_map(lambda each: each.transpose(dim, dim + 1), state)

    _outward = _inward  # a transposition is its own inverse


def weighed(log_weights: Tensor, evidence: Tensor) -> Tensor:
    """Log-probabilities of types before each piece of evidence.

    Args:
        log_weights: at first, ``(*outer, K, subjects)``.
        evidence: log-likelihoods of each piece, in order, ``(*outer, K, subjects, pieces)``.

    Returns:
        Normalized over K, ``(*outer, K, subjects, pieces + 1)``: the last is after all of them.
    """
    none = torch.zeros_like(evidence[..., :1])
    told = torch.cat([none, evidence], -1).cumsum(-1)
    return (log_weights.unsqueeze(-1) + told).log_softmax(-3)


def mixed(log_probs: Tensor, log_types: Tensor) -> Tensor:
    """Actions foretold by all types, ``(*outer, subjects, trials, actions)``.

    Args:
        log_probs: of each type, ``(*outer, K, subjects, trials, actions)``.
        log_types: of types at each trial, ``(*outer, K, subjects, trials)``.
    """
    return (log_types.unsqueeze(-1) + log_probs).logsumexp(-4)
