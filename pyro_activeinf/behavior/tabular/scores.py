"""Expected free energy of the next step, for beliefs of persons and trials at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ... import ops
from ..._checks import complain
from .arrays import Arrays


def look_ahead(
    arrays: Arrays, probs: Tensor, step: Tensor, terms: frozenset[str]
) -> tuple[Tensor, Tensor]:
    r"""The next step under every action, and its expected free energy in nats.

    .. math:: G = -E_q[\log \tilde p(o)] - H[q(o)] + E_{q(s)} H[p(o|s)] - novelty

    Args:
        arrays: of the persons, ``(*batch)``.
        probs: beliefs, ``(*batch, rows * n, states)``, where each row has a time step.
        step: of the outcomes, ``(*batch, rows)``.
        terms: which of pragmatic, epistemic and novelty count.

    Returns:
        The beliefs ``(*batch, rows * n, actions, states)`` and G ``(*batch, rows * n, actions)``;
        infinite where an outcome with a preference of -inf is possible.
    """
    actions = arrays.log_transition.shape[-3]
    move = arrays.log_transition.exp().movedim(-3, -2).flatten(-2)
    then = (probs @ move).unflatten(-1, (actions, -1))
    energy = outcome_energy(arrays, then.flatten(-3, -2), step, terms)
    energy = energy.unflatten(-1, (-1, actions))
    if "novelty" in terms:
        energy = energy - probs @ arrays.gained.mT
    return then, energy


def outcome_energy(arrays: Arrays, probs: Tensor, step: Tensor, terms: frozenset[str]) -> Tensor:
    """G of predicted states ``(*batch, rows * n, states)`` but for novelty of the move."""
    pragmatic = "pragmatic" in terms
    linear = torch.zeros_like(arrays.ambiguity)
    if "epistemic" in terms:
        linear = linear + arrays.ambiguity
    if "novelty" in terms:
        linear = linear - arrays.novelty
    parts = [arrays.likelihood, linear.unsqueeze(-1)]
    if pragmatic:
        parts += [arrays.preference.mT, arrays.forbidden.mT]
    shown, energy, *rest = (probs @ torch.cat(parts, -1)).split([x.shape[-1] for x in parts], -1)
    energy = energy.squeeze(-1)
    if "epistemic" in terms:
        energy = energy - ops.entropy(shown)
    if not pragmatic:
        return energy
    worth, mass = (_at(each, step) for each in rest)
    return energy - worth + torch.where(mass.detach() > 0, math.inf, 0.0)


def _at(values: Tensor, step: Tensor) -> Tensor:
    """Those of a time step ``(*batch, rows)``, from ``(*batch, rows * n, steps)``.

    Steps after the last one are as that one.
    """
    if values.shape[-1] == 1:
        return values.squeeze(-1)
    each = step.clamp(max=values.shape[-1] - 1).repeat_interleave(
        values.shape[-2] // step.shape[-1], -1
    )
    return values.gather(-1, each.unsqueeze(-1)).squeeze(-1)


def require_told(step: Tensor, told: int | None) -> None:
    """Raise ``ValueError`` where preferences are asked for beyond the last step that is told."""
    last = int(step.max()) if told is not None and step.numel() else 0
    if told is not None and last >= told:
        raise ValueError(
            complain(
                "prefer",
                f"sessions of which plans see no more than {told} time steps",
                f"time step {last}",
                "Preferences that depend on the step are told step by step. Begin sessions anew, "
                "or write them as POMDP(C=..), which may be as long as the sessions.",
            )
        )
