"""What a model says about each trial before it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from .._checks import complain, instance
from .choices import Choices
from .of_types import mixed, weighed
from .response_times import ResponseTimes


@dataclass(frozen=True)
class Foretold:
    """Distributions of what is chosen, and of how long it takes, given all trials before."""

    log_probs: Tensor  # (*batch, subjects, trials, actions), nats
    times: Any = None  # distribution of seconds given the choice, (*batch, subjects, trials)


def check_parameters(parameters: object, events: Mapping[str, int]) -> None:
    """Raise unless there are values of each site of a program, and of no other.

    Args:
        parameters: site to values ``(*batch, *event)``.
        events: number of event dims of each site.
    """
    instance("parameters", parameters, Mapping, "a dict from site to values")
    named: Mapping[str, Any] = parameters  # type: ignore[assignment]
    if set(named) != set(events):
        way_out = "A fit's own are fit.parameters, a simulation's are simulation.parameters."
        raise ValueError(
            complain("parameters", f"the sites {sorted(events)}", sorted(named), way_out)
        )


def check_draws(parameters: Mapping[str, Any], events: Mapping[str, int], of: Choices) -> None:
    """Raise unless parameters are draws of the persons of some choices."""
    check_parameters(parameters, events)
    for site, value in parameters.items():
        expected = f"tensors (chains, draws, {of.num_subjects} subjects, *event)"
        instance("parameters", value, Tensor, f"{expected} as {site!r}")
        if value.dim() != 3 + events[site] or value.shape[2] != of.num_subjects:
            got = f"{tuple(value.shape)} as {site!r}"
            way_out = "fit.parameters, and the second of fit.prior(draws), are of this form."
            raise ValueError(complain("parameters", expected, got, way_out))


def foretold(log_probs: Tensor, choices: Choices, times: ResponseTimes | None) -> Foretold:
    """Of persons who are as they are."""
    if times is None:
        return Foretold(log_probs)
    return Foretold(log_probs, times.distribution(log_probs, acted(log_probs, choices)))


def foretold_by_types(each: Foretold, log_weights: Tensor, choices: Choices) -> Foretold:
    """Of persons of unknown type, from the types ``(*outer, K, subjects, trials)``.

    A choice tells of the type before its response time does.
    """
    log_types = weighed(log_weights, evidence(each, choices))
    if each.times is None:
        return Foretold(mixed(each.log_probs, log_types[..., :-1]))
    before_times = log_types[..., 1::2]
    return Foretold(mixed(each.log_probs, log_types[..., :-1:2]), AnyOf(each.times, before_times))


def evidence(each: Foretold, choices: Choices) -> Tensor:
    """Log-likelihoods in the order of time, ``(*batch, subjects, trials)``, or twice as many."""
    chosen = picked(each.log_probs, choices)
    if each.times is None:
        return chosen
    return torch.stack([chosen, timed(each, choices)], -1).flatten(-2)


def acted(log_probs: Tensor, choices: Choices) -> Tensor:
    """Actions in the shape of log-probabilities without their last dim; 0 where there is none."""
    return choices.actions.clamp(min=0).expand(log_probs.shape[:-1])


def picked(log_probs: Tensor, choices: Choices) -> Tensor:
    """Log-probabilities of what was chosen; 0 at trials that do not count."""
    found = log_probs.gather(-1, acted(log_probs, choices).unsqueeze(-1)).squeeze(-1)
    return torch.where(choices.counted, found, 0.0)


def timed(each: Foretold, choices: Choices) -> Tensor:
    """Log-densities of response times; 0 where there is none."""
    return torch.where(choices.timed, each.times.log_prob(choices.seconds), 0.0)


def drawn_times(each: Foretold, log_weights: Tensor | None, choices: Choices) -> Tensor:
    """Draw response times ``(*batch, subjects, trials)``; NaN at trials that do not count.

    Of persons of unknown type, the type is drawn given all that they chose.
    """
    seconds = each.times.sample()
    if log_weights is not None:
        log_types = weighed(log_weights, picked(each.log_probs, choices))[..., -1]
        which = torch.distributions.Categorical(logits=log_types.transpose(-2, -1)).sample()
        index = which.unsqueeze(-2).unsqueeze(-1)  # (*outer, 1, subjects, 1)
        wide = index.expand(*seconds.shape[:-3], 1, *seconds.shape[-2:])
        seconds = seconds.gather(-3, wide).squeeze(-3)
    return torch.where(choices.counted, seconds, torch.nan)


class AnyOf(dist.TorchDistribution):
    """A mixture over the batch dim -3 of a distribution: the dim of types."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 -- torch's name for it

    def __init__(self, types: Any, log_types: Tensor) -> None:
        self.types = types  # batch (*outer, K, subjects, trials)
        self.log_types = log_types  # log-probabilities of the types, of the same shape
        batch = torch.broadcast_shapes(types.batch_shape, log_types.shape)
        super().__init__(batch[:-3] + batch[-2:], validate_args=False)

    @property
    def support(self) -> Any:
        """That of its types."""
        return self.types.support

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density, ``(*outer, subjects, trials)``."""
        return (self.log_types + self.types.log_prob(value.unsqueeze(-3))).logsumexp(-3)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008
        """Draw a type, then a value."""
        drawn = self.types.sample(sample_shape)
        logits = self.log_types.movedim(-3, -1).expand(*drawn.movedim(-3, -1).shape)
        which = torch.distributions.Categorical(logits=logits).sample()
        return drawn.gather(-3, which.unsqueeze(-3)).squeeze(-3)

    def expand(self, batch_shape: Any, _instance: Any = None) -> AnyOf:
        """The same with further batch dims."""
        wide = torch.Size((*batch_shape[:-2], self.log_types.shape[-3], *batch_shape[-2:]))
        return AnyOf(self.types.expand(wide), self.log_types.expand(wide))
