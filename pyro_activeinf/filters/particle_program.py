"""A model's programs as functions of the values of its sites, for many particles at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from pyro.nn import pyro_method
from torch import Tensor

from .._checks import complain, known_names, numbers, whole_numbers
from ..compile import Programs, Site, Wishes, control_sizes
from ..compile.counted import CountedCategorical
from ..compile.enumerate import ProgramError
from ..compile.program import depends_on_step
from ..compile.wishes import NO_WISHES, Shape, require_fit
from ..models.series import Observed, Series, finite_support, lay_out, observation_sites
from ..models.unroll import draw_random_parameters, random_names
from .motion import action_index
from .particle_belief import Kind, ParticleBelief
from .prediction import Likelihood
from .sampling import Sampler, evenly_drawn, log_prob

Values = Mapping[str, Tensor]


@pyro_method
def _known(model: Any, program: Callable[..., Any], *args: Any) -> Any:
    """Run a program within its model's context."""
    return program(*args)


class ParticlePrograms:
    """The programs of a model, each called once for all particles.

    What its sites are like is found out by a quiet run, which uses up no random numbers.
    """

    def __init__(self, model: Programs) -> None:
        self.model, self.random = model, random_names(model)
        self.wishes = NO_WISHES  # in place of what the model prefers and does by habit
        shape = torch.Size((3, 2))  # particles and a batch
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            self._require_single_priors()
            parameters = self.draw_parameters(shape)
            start, look = (Sampler(shape, parameters=parameters) for _ in range(2))
            returned = _tried("initial", start, self.call, model.initial)
            _require_sites("initial", "state", start.sites)
            _tried("observe", look, self.call, model.observe, returned)
            _require_sites("observe", "observation", look.sites)
        own = {name: Kind(value.dim() - 2) for name, value in parameters.items()}
        self.states = {name: _kind(name, fn) for name, fn in start.sites.items()}
        self.outcomes = {name: _kind(name, fn) for name, fn in look.sites.items()}
        self.kinds = {**self.states, **own}
        self._template = _template(returned, start.values)
        values = {**start.values, **look.values}
        self.numbers = sum(value[0, 0].numel() for value in values.values())
        density = log_prob(*next((fn, start.values[name]) for name, fn in start.sites.items()))
        self.dtype, self.device = density.dtype, density.device
        self._sites = observation_sites(model)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            self.log_preference(0, values)
            self._find_links(start.values, shape, parameters)

    def call(self, program: Callable[..., Any], *args: Any) -> Any:
        """Run a program; where parameters are random, so that Pyro knows their names."""
        return _known(self.model, program, *args) if self.random else program(*args)

    def _require_single_priors(self) -> None:
        """Raise ``ValueError`` where a random parameter has batch dims of its own."""
        sampler = Sampler(())
        sampler.run(self.call, draw_random_parameters, self.model)
        for name, fn in sampler.sites.items():
            if fn.batch_shape:
                raise ValueError(
                    complain(
                        f"the prior of '{name}'",
                        "an empty batch shape",
                        tuple(fn.batch_shape),
                        f"Write PyroSample(prior.to_event({len(fn.batch_shape)})).",
                    )
                )

    def _find_links(self, values: Values, shape: torch.Size, parameters: Values) -> None:
        """Whether sites of a program depend on each other."""
        look = Likelihood(self.observe, values, shape, parameters=parameters)
        self.linked_outcomes = look.linked
        move = self.transition(_some_action(self.model.actions, self))
        _tried("transition", Sampler(shape, parameters=parameters), move, values)
        moves = Likelihood(move, values, shape, parameters=parameters)
        self.full(moves.sample(), "transition")
        self.linked_states = moves.linked
        learned = [isinstance(fn, CountedCategorical) for fn in moves.sites.values()]
        self.counted_states = any(learned)  # whether some state is drawn from a table with counts

    def draw_parameters(self, shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Random parameters from their prior, ``(*shape, *event)``."""
        if not self.random:
            return {}
        sampler = Sampler(shape)
        sampler.run(self.call, draw_random_parameters, self.model)
        return {name: sampler.values[name] for name in sampler.values if name in self.random}

    def initial(
        self, shape: torch.Size, parameters: Values, given: Values | None = None
    ) -> dict[str, Tensor]:
        """Draws of the first state, ``(*shape, *event)`` for each site, finite ones evenly.

        Sites that are ``given`` keep their values, ``(*batch, *event)``.
        """
        known = {n: x.expand(*shape, *self.states[n].event(x)) for n, x in (given or {}).items()}
        sampler = Sampler(shape, known, parameters, draw=evenly_drawn)
        sampler.run(self.call, self.model.initial)
        return self.full(sampler.values, "initial")

    def full(self, values: Values, program: str) -> dict[str, Tensor]:
        """The state sites among the values of a program that has to sample all of them."""
        missing = [name for name in self.states if name not in values]
        if missing:
            raise ProgramError(
                complain(program, f"the sites {list(self.states)}", f"no sample of {missing}")
            )
        return {name: values[name] for name in self.states}

    def assembled(self, values: Values) -> Any:
        """The state structure in which the state sites have these values."""
        if self._template is not None:
            return self._template(values)
        shape = torch.broadcast_shapes(
            *(x.shape[: x.dim() - self.kinds[name].event_dim] for name, x in values.items())
        )
        return Sampler(shape, values).run(self.call, self.model.initial)

    def transition(self, action: Tensor | None) -> Callable[[Values], Any]:
        """p(s_t | s_{t-1}, u) as a program of the values of the state sites."""
        return lambda values: self.call(self.model.transition, self.assembled(values), action)

    def observe(self, values: Values) -> Any:
        """p(o_t | s_t) as a program of the values of the state sites."""
        return self.call(self.model.observe, self.assembled(values))

    def log_preference(self, step: int, values: Values) -> dict[str, Tensor]:
        """log p~ of each site that ``prefer`` samples, in nats, at the values given."""
        prefer: Any = getattr(self.model, "prefer", None)
        if prefer is None:
            return {}
        sampler = Sampler((), values)
        sampler.run(self.call, prefer, *([step] if depends_on_step(self.model) else []))
        known_names("prefer", sampler.sites, list(values))
        wishes = self.wishes.preferences
        return {
            name: self._wished(name, values[name]) if name in wishes else log_prob(fn, values[name])
            for name, fn in sampler.sites.items()
        }

    def _wished(self, name: str, values: Tensor) -> Tensor:
        """Log-preferences from outside at values of a site."""
        wish, site = self.wishes.preferences[name], self.outcomes[name].site
        if site is None or not isinstance(wish, Tensor):
            return log_prob(wish, values)
        return wish.to(values.device)[site.index(values)]

    def preferred(self) -> dict[str, Shape]:
        """Observation sites that the model prefers something of, at the first step."""
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            shape = torch.Size((1,))
            states = self.initial(shape, self.draw_parameters(shape))
            look = Sampler(shape, parameters=self.draw_parameters(shape))
            look.run(self.observe, states)
            found = self.log_preference(0, {**states, **look.values})
        names = [name for name in found if name in self.outcomes]
        kinds = {name: self.outcomes[name] for name in names}
        events = {name: kind.event(look.values[name]) for name, kind in kinds.items()}
        return {n: kind.site.size if kind.site else events[n] for n, kind in kinds.items()}

    def wishing(self, wishes: Wishes, habit: Mapping[str, Shape]) -> ParticlePrograms:
        """The same programs with other preferences, and a habit that is that of the filter.

        Raises:
            ValueError: for a site of which the model wishes nothing, or other values.
        """
        require_fit(wishes, self.preferred(), habit)
        found = copy(self)
        found.wishes = wishes
        return found

    def observed(self, observation: Mapping[str, Any]) -> dict[str, Observed]:
        """Values of one step, checked: site to ``(*batch, *event)`` and where they are missing."""
        found = {}
        for name, value in observation.items():
            tensor, event = numbers(f"observation['{name}']", value), self._sites[name].event_dim
            if tensor.dim() >= event:
                tensor = tensor.unsqueeze(tensor.dim() - event)  # time
            found[name] = tensor
        return self.placed(lay_out(found, None, self._sites, None).observed(0))

    def placed(self, seen: Mapping[str, Observed]) -> dict[str, Observed]:
        """Observed values on the device of the model, real ones of its floating type."""
        found = {}
        for name, each in seen.items():
            if not bool(each.missing.all()):
                values = each.values.to(self.device)
                if not self._sites[name].discrete:
                    values = values.to(self.dtype)
                found[name] = Observed(values, each.missing.to(self.device))
        return found

    def laid_out(self, observations: Mapping[str, Any], actions: Any) -> Series:
        """An episode, checked."""
        return lay_out(observations, actions, self._sites, self.model.actions)

    def log_likelihoods(
        self, belief: ParticleBelief, seen: Mapping[str, Observed]
    ) -> dict[str, Tensor]:
        """log p(o|s) of each site that was observed, ``(particles, *batch)``; 0 where missing.

        What is missing while others depend on it is drawn.
        """
        if not seen:
            return {}
        sampler = Sampler(belief.shape, seen, belief.parameters)
        sampler.run(self.observe, belief.states)
        found = {}
        for name, each in seen.items():
            log_probs = log_prob(sampler.sites[name], sampler.values[name])
            found[name] = torch.where(each.missing, 0.0, log_probs).expand(belief.shape)
        return found

    def action(self, action: Any) -> tuple[Tensor | None, int]:
        """Actions checked against the space, ``(*batch, *event)``, and their event dims."""
        space = self.model.actions
        if space is None or isinstance(space, gym.spaces.Discrete | gym.spaces.MultiDiscrete):
            controls = control_sizes(space)
            index = action_index(controls, action, self.device)
            if len(controls) < 2:
                return (index if controls else None), 0
            return whole_numbers("action", action).to(self.device), 1
        event = tuple(space.shape or ())
        if action is None:
            raise ValueError(complain("action", f"numbers of shape {event}", None))
        tensor = numbers("action", action).to(self.device, self.dtype)
        if tensor.shape[tensor.dim() - len(event) :] != event or tensor.dim() < len(event):
            raise ValueError(complain("action", f"shape (*batch, {event})", tuple(tensor.shape)))
        return tensor, len(event)


def _tried(name: str, sampler: Sampler, program: Callable[..., Any], *args: Any) -> Any:
    """Run a program; a torch error in it means that it does not broadcast."""
    try:
        return sampler.run(program, *args)
    except ProgramError:
        raise
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ProgramError(
            f"`{name}` failed when run for several particles and a batch at once: "
            f"{type(error).__name__}: {error}. If it does not broadcast, write it with torch.where "
            "and indexing in place of `if`, `int()` and fixed shapes."
        ) from error


def _some_action(space: gym.Space[Any] | None, programs: ParticlePrograms) -> Tensor | None:
    """An action of the space: the first, or the one closest to zero."""
    if space is None:
        return None
    if isinstance(space, gym.spaces.Box):
        return programs.action(np.clip(np.zeros(space.shape), space.low, space.high))[0]
    return programs.action(np.zeros(space.shape or (), dtype=int))[0]


def _kind(name: str, fn: Any) -> Kind:
    support = finite_support(fn)
    if support is None:
        return Kind(fn.event_dim)
    return Kind(fn.event_dim, Site(name, support.reshape(len(support), *fn.event_shape)))


def _require_sites(program: str, kind: str, sites: Mapping[str, Any]) -> None:
    if not sites:
        raise ProgramError(
            complain(program, f"at least one {kind} site", "none", "Add a pyro.sample.")
        )


def _template(returned: Any, values: Values) -> Callable[[Values], Any] | None:
    """How a state is put together from its sites; ``None`` where only the program can tell."""
    for name, value in values.items():
        if returned is value:
            return lambda given: given[name]
    if type(returned) in (tuple, list):
        parts = [_template(part, values) for part in returned]
        if all(part is not None for part in parts):
            return lambda given: type(returned)(part(given) for part in parts if part)
    if type(returned) is dict:
        named = {key: _template(part, values) for key, part in returned.items()}
        if all(part is not None for part in named.values()):
            return lambda given: {key: part(given) for key, part in named.items() if part}
    return None
