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

from .._checks import complain, positive_int
from ..store.groups import held
from .choice_model import ChoiceModel
from .choices import Choices
from .data_sets import dataset, drawn, labels
from .engines.base import Engine, Found
from .engines.importance import chunks
from .engines.target import OUTER, Target
from .foretold import check_draws
from .quality import Quality, quality_of


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
        return self._by_draw(self.model.log_likelihood, self.parameters)

    @cached_property
    def time_log_likelihood(self) -> Tensor:
        """Log-densities of response times, ``(chains, draws, subjects, trials)``."""
        return self._by_draw(self.model.time_log_likelihood, self.parameters)

    @cached_property
    def probs(self) -> Tensor:
        """Probabilities of actions, ``(chains, draws, subjects, trials, actions)``."""
        return self._by_draw(self.model.log_probs, self.parameters).exp()

    @cached_property
    def quality(self) -> Quality:
        """Diagnostics: r-hat, effective draws, divergences, k-hat; and what to make of them."""
        return quality_of(self.found, self.draws, self.dims, getattr(self.engine, "max_depth", 0))

    @property
    def efficiency(self) -> float:
        """Effective draws over draws: 1 for draws that are independent."""
        if not self.quality.ess:
            return 1.0
        each = torch.cat([value.flatten() for value in self.quality.ess.values()])
        return min(1.0, float(each.mean()) / self.found.z.shape[:2].numel())

    @property
    def means(self) -> dict[str, Tensor]:
        """Posterior means of the parameters of each subject, ``(subjects, *event)``."""
        return {name: value.mean((0, 1)) for name, value in self.parameters.items()}

    @property
    def spreads(self) -> dict[str, Tensor]:
        """Posterior standard deviations of the parameters of each subject."""
        return {name: value.flatten(0, 1).std(0) for name, value in self.parameters.items()}

    @property
    def group(self) -> dict[str, Tensor]:
        """Draws of what is of no subject alone, ``(chains, draws, *event)``: typical values, .."""
        return {name: value for name, value in self.draws.items() if not self.dims[name]}

    def intervals(self, mass: float = 0.9) -> dict[str, Tensor]:
        """Ends of central intervals of each subject's parameters, ``(2, subjects, *event)``.

        Args:
            mass: posterior probability of an interval.

        Raises:
            ValueError: for a mass that is not between 0 and 1.
        """
        if not isinstance(mass, float) or not 0 < mass < 1:
            raise ValueError(complain("mass", "a number in (0, 1)", repr(mass)))
        ends = torch.tensor([0.5 - mass / 2, 0.5 + mass / 2])
        return {
            name: value.flatten(0, 1).quantile(ends.to(value.dtype), 0)
            for name, value in self.parameters.items()
        }

    def prior(self, draws: int = 1000) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Draws of the prior: latent sites ``(1, draws, *plates, *event)``, and parameters."""
        target = Target(self.model, self.choices)
        z = target.prior(positive_int("draws", draws)).unsqueeze(0)
        return target.draws(z), parameters_at(self.model, self.choices, target, z)

    def foretold(self, parameters: Mapping[str, Tensor] | None = None) -> Tensor:
        """Choices drawn one step ahead, each given what was done and seen before.

        Args:
            parameters: site to ``(chains, draws, subjects, *event)``, such as draws of the prior;
                those of the posterior by default.

        Returns:
            Actions ``(chains, draws, subjects, trials)``.
        """
        given = self.parameters if parameters is None else parameters
        return self._by_draw(self._act, given)

    def foretold_times(self, parameters: Mapping[str, Tensor] | None = None) -> Tensor:
        """Response times of the choices that were made, drawn one step ahead; as ``foretold``.

        Returns:
            Seconds ``(chains, draws, subjects, trials)``; NaN at trials that do not count.

        Raises:
            ValueError: for a model without response times.
        """
        given = self.parameters if parameters is None else parameters
        return self._by_draw(self.model.draw_times, given)

    def _act(self, parameters: Mapping[str, Tensor], choices: Choices) -> Tensor:
        log_probs = self.model.log_probs(parameters, choices)
        uniform = torch.rand(*log_probs.shape[:-1], 1, dtype=log_probs.dtype)
        last = log_probs.shape[-1] - 1
        return (log_probs.exp().cumsum(-1) < uniform).sum(-1).clamp(max=last)

    def summary(self, **options: Any) -> Any:
        """ArviZ's table of the parameters, and of what is of no subject alone.

        Args:
            options: of ``arviz.summary``.
        """
        import arviz

        plates = dict.fromkeys(self.parameters, ("subject",))
        found = drawn({**self.group, **self.parameters}, {**self.dims, **plates})
        data = held({"posterior": dataset(found, labels(self.choices))})
        kind = {} if self.quality.r_hat else {"kind": "stats"}
        return arviz.summary(data, **{**kind, **options})

    def _by_draw(self, function: Any, parameters: Mapping[str, Tensor]) -> Tensor:
        """A function of parameters and choices at all draws, some at a time."""
        check_draws(parameters, self.model.events, self.choices)
        shape = next(iter(parameters.values())).shape[:2]
        sizes = chunks(shape.numel())
        parts = {name: value.flatten(0, 1).split(sizes) for name, value in parameters.items()}
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
