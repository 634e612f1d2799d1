"""A guide as the proposal of a particle filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .._checks import complain, known_names
from ..models.series import Observed
from .particle_belief import Origin, ParticleBelief
from .particle_program import ParticlePrograms
from .sampling import Sampler, log_prob


class Proposal:
    r"""Draws :math:`q(s_t | s_{t-1}, u_{t-1}, o_t)`, and what that does to the weights.

    Raises:
        TypeError: where the guide has no ``recognize``.
        ValueError: where it reads the whole series.
    """

    def __init__(self, programs: ParticlePrograms, guide: Any) -> None:
        if isinstance(guide, type) or not hasattr(guide, "recognize"):
            raise TypeError(
                complain("guide", "a RecognitionGuide (an instance) or None", repr(guide))
            )
        if getattr(guide, "summary", None) is not None:
            raise ValueError(
                complain(
                    "guide",
                    "one that recognizes a state from the present observation",
                    f"a summary, {type(guide.summary).__name__}, of the series",
                    "Leave the summary out, or filter with guide=None.",
                )
            )
        self._programs, self._guide = programs, guide

    def parameters(self, shape: torch.Size) -> dict[str, Tensor] | None:
        """Random parameters as learned, ``(*shape, *event)``; ``None`` where there are none."""
        learned = getattr(self._guide, "random_parameters", None)
        if learned is None:
            return None
        return {
            name: draws.reshape(*shape, *draws.shape[1:])
            for name, draws in learned.draw(shape.numel()).items()
        }

    def __call__(
        self, belief: ParticleBelief, origin: Origin, seen: Mapping[str, Observed]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """States, and log p(s_t | s_{t-1}, u) - log q(s_t | s_{t-1}, u, o_t) of each particle."""
        programs, values = self._programs, {name: each.values for name, each in seen.items()}
        previous = None if origin.states is None else programs.assembled(origin.states)
        guide = Sampler(belief.shape, parameters=belief.parameters)
        guide.run(self._guide.recognize, previous, origin.action, values)
        known_names("guide", guide.sites, list(programs.states))
        model = Sampler(belief.shape, guide.values, belief.parameters)
        if origin.states is None:
            model.run(programs.call, programs.model.initial)
        else:
            model.run(programs.transition(origin.action), origin.states)
        ratio = sum(
            (
                log_prob(model.sites[name], value) - log_prob(fn, value)
                for (name, fn), value in zip(
                    guide.sites.items(), guide.values.values(), strict=True
                )
            ),
            belief.log_weights.new_zeros(belief.shape),
        )
        return programs.full(model.values, "transition"), ratio
