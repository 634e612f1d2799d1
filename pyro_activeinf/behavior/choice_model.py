"""A model of behavior: parameters of persons, and what they then choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from torch import Tensor

from .._checks import complain
from .choices import Choices
from .chooser import Chooser, log_action_probs
from .persons import Build, persons
from .populations import Flat, Population, Program


class ChoiceModel:
    r"""A Pyro model of choices: their likelihood is the agent's own action probabilities.

    .. math:: p(u_{1:T}, \theta) = p(\theta) \prod_t p(u_t \mid o_{\le t}, u_{<t}, \theta)

    Args:
        parameters: a Pyro program of one person: each sample site is a parameter with its prior.
        agent: from the parameters of one person (site to value) to an
            :class:`~pyro_activeinf.Agent` or a :class:`~.Chooser`. It is called once for all
            persons (under ``torch.func.vmap``).
        population: how persons hang together: each by itself by default.
    """

    def __init__(
        self,
        parameters: Program,
        agent: Build,
        population: Population | None = None,
    ) -> None:
        if not callable(parameters) or not callable(agent):
            expected = "a Pyro program and a function from its sites to an agent"
            raise TypeError(complain("parameters, agent", expected, f"{parameters!r}, {agent!r}"))
        self.parameters = parameters
        self.agent = agent
        self.population = Flat() if population is None else population
        self.events = event_dims(parameters)

    def __call__(self, choices: Choices) -> Tensor:
        """The Pyro program; returns log-probabilities of each choice ``(*, subjects, trials)``."""
        subjects = pyro.plate("subject", choices.num_subjects, dim=-2)
        drawn = self.population(self.parameters, choices, subjects)
        log_probs = self.log_probs(drawn, choices)
        with subjects, pyro.plate("trial", choices.num_trials, dim=-1):
            chosen = dist.Categorical(logits=log_probs).mask(choices.counted)
            pyro.sample("choice", chosen, obs=choices.actions.clamp(min=0))
        return picked(log_probs, choices)

    def chooser(self, parameters: Mapping[str, Tensor]) -> Chooser:
        """The persons with these parameters, site to values ``(*batch, *event)``."""
        return persons(self.agent, parameters, self.events)

    def log_probs(self, parameters: Mapping[str, Tensor], choices: Choices) -> Tensor:
        """Log-probabilities of all actions, ``(*batch, subjects, trials, actions)``, in nats."""
        return log_action_probs(self.chooser(parameters), choices)

    def log_likelihood(self, parameters: Mapping[str, Tensor], choices: Choices) -> Tensor:
        """log p(u_t | ..) of each choice, ``(*batch, subjects, trials)``; 0 where there is none."""
        return picked(self.log_probs(parameters, choices), choices)


def picked(log_probs: Tensor, choices: Choices) -> Tensor:
    """Log-probabilities of what was chosen; 0 at trials that do not count."""
    index = choices.actions.clamp(min=0).expand(log_probs.shape[:-1]).unsqueeze(-1)
    found = log_probs.gather(-1, index).squeeze(-1)
    return torch.where(choices.counted, found, 0.0)


def event_dims(parameters: Program) -> dict[str, int]:
    """Number of event dims of each site of a program, by running it once.

    Torch's generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]), poutine.block():
        sites: dict[str, Any] = dict(poutine.trace(parameters).get_trace().nodes)
    found: dict[str, int] = {
        name: site["fn"].event_dim
        for name, site in sites.items()
        if site["type"] == "sample" and not site["is_observed"]
    }
    if not found:
        raise ValueError(complain("parameters", "at least one sample site", "none"))
    return found
