"""What a fit is: draws of parameters, and all that is read off them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor

from .choice_model import ChoiceModel
from .choices import Choices
from .engines.base import Engine, Found
from .engines.importance import chunks
from .engines.target import OUTER, Target


@dataclass(frozen=True)
class BehaviorFit:
    """Draws from the posterior of a :class:`ChoiceModel`.

    Log-likelihoods and choices foretold are computed where they are first asked for.
    """

    model: ChoiceModel
    choices: Choices
    engine: Engine  # what has drawn
    draws: Mapping[str, Tensor]  # latent site -> (chains, draws, *plates, *event)
    dims: Mapping[str, tuple[str, ...]]  # latent site -> names of its plates
    parameters: Mapping[str, Tensor]  # parameter -> (chains, draws, subjects, *event)
    found: Found  # coordinates, statistics of the sampler, evidence, k-hat

    @cached_property
    def log_likelihood(self) -> Tensor:
        """log p(u_t | ..) ``(chains, draws, subjects, trials)``, nats; 0 where no choice counts."""
        return self._by_draw(self.model.log_likelihood)

    @cached_property
    def probs(self) -> Tensor:
        """Probabilities of actions ``(chains, draws, subjects, trials, actions)``."""
        return self._by_draw(self.model.log_probs).exp()

    def _by_draw(self, function: Any) -> Tensor:
        """A function of parameters and choices at all draws, some at a time."""
        shape = next(iter(self.parameters.values())).shape[:2]
        flat = {name: value.flatten(0, 1) for name, value in self.parameters.items()}
        sizes = chunks(shape.numel())
        parts = {name: value.split(sizes) for name, value in flat.items()}
        with torch.no_grad():
            found = [
                function({name: part[i] for name, part in parts.items()}, self.choices)
                for i in range(len(sizes))
            ]
        return torch.cat(found).unflatten(0, shape)


def read_off(
    model: ChoiceModel, choices: Choices, engine: Engine, target: Target, found: Found
) -> BehaviorFit:
    """The record of what an engine has found."""
    z = found.z.detach()
    return BehaviorFit(
        model=model,
        choices=choices,
        engine=engine,
        draws=target.draws(z),
        dims={lt.name: tuple(frame.name for frame in lt.plates) for lt in target.latents},
        parameters=parameters_at(model, choices, target, z),
        found=found,
    )


def parameters_at(
    model: ChoiceModel, choices: Choices, target: Target, z: Tensor
) -> dict[str, Tensor]:
    """Parameters of all subjects ``(*batch, subjects, *event)`` at points ``(*batch, dim)``."""
    with torch.no_grad():
        values, _ = target.transformed(z.reshape(-1, target.dim))
        with (
            poutine.block(),
            poutine.condition(data=values),
            pyro.plate(OUTER, z.shape[:-1].numel(), dim=-3),
        ):
            subjects = pyro.plate("subject", choices.num_subjects, dim=-2)
            found = model.population(model.parameters, choices, subjects)
    shape = z.shape[:-1]
    return {name: value.unflatten(0, shape) for name, value in found.items()}
