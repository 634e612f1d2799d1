"""A model of behavior: parameters of persons, and what they then choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.poutine.util import site_is_subsample
from torch import Tensor

from .._checks import complain, instance
from ..models.preferences import LogPreferences
from .choices import Choices, check_choices
from .chooser import Chooser, log_action_probs
from .foretold import (
    Foretold,
    check_parameters,
    drawn_times,
    evidence,
    foretold,
    foretold_by_types,
    picked,
    timed,
)
from .of_types import OfTypes, weighed
from .people import People
from .persons import Build, persons
from .populations import Flat, Mixture, Population, Program
from .response_times import ResponseTimes, times_of


class ChoiceModel:
    r"""A Pyro model of choices: their likelihood is the agent's own action probabilities.

    .. math:: p(u_{1:T}, \theta) = p(\theta) \prod_t p(u_t \mid o_{\le t}, u_{<t}, \theta)

    Args:
        parameters: a Pyro program of one person: each sample site is a parameter with its prior.
        agent: from the parameters of one person (site to value) to an
            :class:`~pyro_activeinf.Agent` or a :class:`~.Chooser`. It is called once for all
            persons (under ``torch.func.vmap``). Quick are agents with an exact filter that plan by
            :class:`~pyro_activeinf.planning.OpenLoop`, or by
            :class:`~pyro_activeinf.planning.Sophisticated` without a deadline and with
            preferences that do not depend on time; any other goes person by person and trial by
            trial, which takes its time.
        population: how persons hang together: each by itself by default.
        response_times: from the parameters of one person to a :class:`~.ResponseTimes`, the
            likelihood of a second site, ``response_time``; what agents make of a trial goes in.

    Raises:
        TypeError: for an argument that is none of these.
        ValueError: for a program without sites, or with sites that have batch dims.

    Reference: Daw (2011), "Trial-by-trial data analysis using computational models"; Schwartenbeck
    and Friston (2016), "Computational phenotyping in psychiatry: a worked example", eNeuro 3.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior import Choices
        >>> from pyro_activeinf.behavior.peers import RescorlaWagner
        >>> def parameters():
        ...     pyro.sample("rate", dist.Beta(2.0, 2.0))
        >>> model = ChoiceModel(parameters, lambda p: RescorlaWagner(p["rate"], 2 + 0 * p["rate"]))
        >>> choices = Choices(torch.tensor([[0, 0], [0, 1]]), {"outcome": torch.ones(2, 2)})
        >>> model.log_likelihood({"rate": torch.tensor([0.5, 0.5])}, choices).exp()
        tensor([[0.5000, 0.7311],
                [0.5000, 0.2689]])
    """

    def __init__(
        self,
        parameters: Program,
        agent: Build,
        population: Population | None = None,
        response_times: Build | None = None,
    ) -> None:
        if not callable(parameters) or not callable(agent):
            expected = "a Pyro program and a function from its sites to an agent"
            raise TypeError(complain("parameters, agent", expected, f"{parameters!r}, {agent!r}"))
        kinds = "a population, such as Hierarchical()"
        instance("population", population, (Population, type(None)), kinds)
        if response_times is not None and not callable(response_times):
            expected = "a function from the parameters of a person to ResponseTimes"
            raise TypeError(complain("response_times", expected, repr(response_times)))
        self.parameters = parameters
        self.agent = agent
        self.population = Flat() if population is None else population
        self.response_times = response_times
        self._events = event_dims(parameters)
        self._people = People(agent, self._events)

    @property
    def events(self) -> dict[str, int]:
        """Number of event dims of each parameter of a person."""
        if isinstance(self.population, Mixture):
            return self.population.events(self._events)
        return dict(self._events)

    def __call__(self, choices: Choices) -> Tensor:
        """The Pyro program; returns log-probabilities of each choice ``(*, subjects, trials)``."""
        check_choices(choices)
        subjects = pyro.plate("subject", choices.num_subjects, dim=-2)
        drawn = self.population(self.parameters, choices, subjects)
        found = self.foretell(drawn, choices)
        with subjects, pyro.plate("trial", choices.num_trials, dim=-1):
            chosen: Any = LogPreferences(found.log_probs)  # as they are
            acted = choices.actions.clamp(min=0)
            pyro.sample("choice", chosen.mask(choices.counted), obs=acted)
            if found.times is not None:
                pyro.sample("response_time", found.times.mask(choices.timed), obs=choices.seconds)
        return picked(found.log_probs, choices)

    def chooser(self, parameters: Mapping[str, Tensor]) -> Chooser:
        """The persons with these parameters, site to values ``(*batch, *event)``."""
        each, log_weights = self._by_type(parameters)
        made: Chooser = self._people(each)
        return made if log_weights is None else OfTypes(made, log_weights.transpose(-2, -1))

    def foretell(self, parameters: Mapping[str, Tensor], choices: Choices) -> Foretold:
        """Distributions of choices and response times, each given all trials before."""
        found, log_weights = self._foretell_types(parameters, choices)
        if log_weights is None:
            return found
        return foretold_by_types(found, log_weights, choices)

    def log_probs(self, parameters: Mapping[str, Tensor], choices: Choices) -> Tensor:
        """Log-probabilities of all actions, ``(*batch, subjects, trials, actions)``, in nats."""
        return self.foretell(parameters, choices).log_probs

    def log_likelihood(self, parameters: Mapping[str, Tensor], choices: Choices) -> Tensor:
        """log p(u_t | ..) of each choice, ``(*batch, subjects, trials)``; 0 where there is none."""
        return picked(self.log_probs(parameters, choices), choices)

    def time_log_likelihood(self, parameters: Mapping[str, Tensor], choices: Choices) -> Tensor:
        """Log-densities of response times, ``(*batch, subjects, trials)``; 0 where there is none.

        Raises:
            ValueError: for a model or choices without response times.
        """
        self._have_times()
        return timed(self.foretell(parameters, choices), choices)

    def draw_times(self, parameters: Mapping[str, Tensor], choices: Choices) -> Tensor:
        """Draw response times of choices in seconds, ``(*batch, subjects, trials)``.

        NaN at trials that do not count; for predictive checks, and to simulate:
        ``replace(choices, response_times=model.draw_times(parameters, choices))``.

        Raises:
            ValueError: for a model without response times.
        """
        self._have_times()
        return drawn_times(*self._foretell_types(parameters, choices), choices)

    def responsibilities(self, parameters: Mapping[str, Tensor], choices: Choices) -> Tensor:
        """p(type | all that a person did), ``(*batch, subjects, types)``, for a :class:`Mixture`.

        Raises:
            ValueError: for another population.
        """
        if not isinstance(self.population, Mixture):
            raise ValueError(complain("population", "a Mixture", repr(self.population)))
        found, log_weights = self._foretell_types(parameters, choices)
        return weighed(log_weights, evidence(found, choices))[..., -1].exp().transpose(-2, -1)

    def _have_times(self) -> None:
        if self.response_times is None:
            raise ValueError(complain("response_times", "a model of response times", "none"))

    def _foretell_types(
        self, parameters: Mapping[str, Tensor], choices: Choices
    ) -> tuple[Foretold, Any]:
        each, log_weights = self._by_type(parameters)
        made = self._people(each)
        return foretold(log_action_probs(made, choices), choices, self._times(each)), log_weights

    def _by_type(self, parameters: Mapping[str, Tensor]) -> tuple[Mapping[str, Tensor], Any]:
        """Parameters; of a mixture with types as a batch dim, and their log-weights."""
        check_parameters(parameters, self.events)
        if not isinstance(self.population, Mixture):
            return parameters, None
        return self.population.by_type(parameters, self.events)

    def _times(self, parameters: Mapping[str, Tensor]) -> ResponseTimes | None:
        if self.response_times is None:
            return None
        made: ResponseTimes = persons(self.response_times, parameters, self._events, times_of)
        return made


def event_dims(parameters: Program) -> dict[str, int]:
    """Number of event dims of each site of a program, by running it once.

    Torch's generator is left as it was.

    Raises:
        ValueError: for a program without sites, or one with sites that have batch dims.
    """
    with torch.random.fork_rng(devices=[]), poutine.block():
        sites: dict[str, Any] = dict(poutine.trace(parameters).get_trace().nodes)
    found = {
        name: site["fn"]
        for name, site in sites.items()
        if site["type"] == "sample" and not site["is_observed"] and not site_is_subsample(site)
    }
    if not found:
        raise ValueError(complain("parameters", "at least one sample site", "none"))
    for name, drawn in found.items():
        if drawn.batch_shape:
            got = f"{name!r} with batch dims {tuple(drawn.batch_shape)}"
            way_out = f"Write {type(drawn).__name__}(..).to_event({len(drawn.batch_shape)})."
            raise ValueError(complain("parameters", "sites of one person", got, way_out))
    return {name: drawn.event_dim for name, drawn in found.items()}
