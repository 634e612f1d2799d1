"""Predictions of any model and guide: q(s|pi) by the guide, p(o|s) by the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.poutine.messenger import Messenger
from torch import Tensor

from .._checks import complain
from ..compile.enumerate import HANDLERS
from ..filters.prediction import Likelihood, Prediction
from ..filters.sampling import drawn, log_prob
from ..guides.sites import quiet
from ..models.series import is_plate
from ..records import stem_of, step_of
from .preferences import LogPreference, Preferences

Program = Callable[..., Any]


@dataclass(frozen=True)
class Names:
    """Sites by their full names, or without the time step."""

    names: frozenset[str]

    def __contains__(self, site: object) -> bool:
        """Whether a site of this name is meant."""
        return isinstance(site, str) and (site in self.names or stem_of(site) in self.names)


@dataclass(frozen=True)
class Pair:
    """A model, its guide, and their arguments."""

    model: Program
    guide: Program
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    observations: Names
    actions: Names

    def run_model(self) -> Any:
        """Run the model."""
        return self.model(*self.args, **self.kwargs)

    def run_guide(self) -> Any:
        """Run the guide."""
        return self.guide(*self.args, **self.kwargs)


@dataclass(frozen=True)
class Policies:
    """Draws of the actions of a guide."""

    values: Mapping[str, Tensor]  # site: (policies, *plates, *event)
    log_q: Tensor  # (policies, *batch)
    reparameterized: bool


@dataclass
class Layout:
    """Where the dims of a pair's plates are: those on the left are a batch, the rest are events."""

    nesting: int  # number of plate dims
    batch: tuple[int, ...]  # sizes of those, from the left, that are independent problems

    @property
    def inner(self) -> int:
        """Number of dims on the right that belong to one problem."""
        return self.nesting - len(self.batch)

    def summed(self, values: Tensor, lead: int) -> Tensor:
        """Sum over the dims of one problem, of values ``(*lead, *plates)``."""
        values = values.reshape(*[1] * (lead + self.nesting - values.dim()), *values.shape)
        return values.flatten(values.dim() - self.inner).sum(-1) if self.inner else values


def lay_out(pair: Pair) -> Layout:
    """Find the plates in which every latent site and every observation site lies."""
    guide = quiet(pair.run_guide)
    model = quiet(poutine.replay(pair.run_model, trace=guide))
    _require_sites(pair, model)
    found = [*_samples(guide).values()]
    found += [node for name, node in _samples(model).items() if name in pair.observations]
    stacks = [{frame.dim: frame.size for frame in node["cond_indep_stack"]} for node in found]
    sizes = {dim: size for stack in stacks for dim, size in stack.items() if dim is not None}
    nesting = max((-dim for dim in sizes), default=0)
    batch: list[int] = []
    for dim in range(-nesting, 0):
        if not all(dim in stack for stack in stacks):
            break
        batch.append(sizes[dim])
    return Layout(nesting, tuple(batch))


def _samples(trace: Any) -> dict[str, Any]:
    """The sample statements of a trace, without plates."""
    return {
        name: node
        for name, node in trace.nodes.items()
        if node["type"] == "sample" and not is_plate(node)
    }


def _require_sites(pair: Pair, model: Any) -> None:
    found = list(_samples(model))
    known = {*found, *(stem_of(name) for name in found)}
    missing = sorted(pair.observations.names - known)
    if missing or not pair.observations.names:
        raise ValueError(
            complain(
                "observations",
                f"names of sites of the model, such as {sorted(known)}",
                missing or "none",
                'Name the outcomes: ExpectedFreeEnergy(observations=["y"]).',
            )
        )


def draw_policies(pair: Pair, layout: Layout, count: int) -> Policies | None:
    """Draws of the actions by the guide; ``None`` where it samples none."""
    with HANDLERS, pyro.plate("_policies", count, dim=-1 - layout.nesting):
        trace = poutine.trace(pair.run_guide).get_trace()
    nodes = {name: node for name, node in _samples(trace).items() if name in pair.actions}
    if not nodes:
        return None
    trace.compute_log_prob(lambda name, site: name in nodes)
    each = [layout.summed(node["log_prob"], 1) for node in nodes.values()]
    values = {name: node["value"] for name, node in nodes.items()}
    return Policies(
        values, sum(each[1:], each[0]), all(node["fn"].has_rsample for node in nodes.values())
    )


@dataclass
class Predicted:
    """What a pair predicts: each step, and log p of its actions."""

    steps: dict[int | None, Prediction]
    log_prior: Tensor | None  # of policies: broadcasts to (policies, *batch)


def predict(
    pair: Pair, layout: Layout, policies: Policies | None, particles: int, preferences: Preferences
) -> Predicted:
    """Draw states by the guide, and look at what the model would show of them."""
    actions = {} if policies is None else dict(policies.values)
    states, log_q = _draw_states(pair, layout, actions, particles)
    shape = torch.Size(log_q.shape)
    model = _Shown(pair, layout, actions, shape, pair.observations)
    every = Likelihood(model, states, shape)
    groups: dict[int | None, list[str]] = {}
    for name in every.sites:
        groups.setdefault(step_of(name), []).append(name)
    log_weights = torch.full(shape, -math.log(particles)).to(log_q)
    steps = {
        step: Prediction(
            step=-1 if step is None else step,
            states=states,
            log_weights=log_weights,
            likelihood=_part(every, names, pair, model) if len(groups) > 1 else every,
            log_preference=_renamed(preferences, step),
            log_density=lambda: log_q,
        )
        for step, names in sorted(groups.items(), key=lambda each: (each[0] is None, each[0]))
    }
    return Predicted(steps, model.log_prior() if actions else None)


def _draw_states(
    pair: Pair, layout: Layout, actions: Mapping[str, Tensor], particles: int
) -> tuple[dict[str, Tensor], Tensor]:
    """States ``(particles, [policies,] *plates, *event)`` and log q of them."""
    lead = 2 if actions else 1
    with HANDLERS, pyro.plate("_particles", particles, dim=-lead - layout.nesting):
        given = poutine.condition(pair.run_guide, data=dict(actions))
        trace = poutine.trace(given).get_trace()
    trace.compute_log_prob()
    nodes = {name: node for name, node in _samples(trace).items() if name not in actions}
    each = [layout.summed(node["log_prob"], lead) for node in nodes.values()]
    draws = [len(next(iter(actions.values())))] if actions else []
    log_q = sum(each, torch.zeros(particles, *draws, *layout.batch))
    states = {n: x["value"] for n, x in nodes.items() if not x["infer"].get("is_auxiliary")}
    return states, log_q


def _part(every: Likelihood, names: list[str], pair: Pair, model: _Shown) -> Likelihood:
    """The likelihood of some of the sites; no other run where sites do not depend on each other."""
    if every.linked:
        apart = _Shown(pair, model.layout, model.actions, model.shape, Names(frozenset(names)))
        return Likelihood(apart, every.states, every.shape)
    fns = {name: every.sites[name] for name in names}

    def again(states: Mapping[str, Tensor]) -> None:
        for name, fn in fns.items():
            pyro.sample(name, fn)

    return Likelihood(again, every.states, every.shape, linked=False)


def _renamed(preferences: Preferences, step: int | None) -> LogPreference:
    """Preferences over sites without their time step; full names are known as well."""
    inner = preferences.at(-1 if step is None else step)

    def log_preference(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        full = {stem_of(name): name for name in values if step_of(name) == step}
        found = inner({**values, **{stem: values[name] for stem, name in full.items()}})
        return {full.get(name, name): value for name, value in found.items()}

    return log_preference


@dataclass
class _Shown:
    """The model as a program of the states, whose observation sites alone are sampled."""

    pair: Pair
    layout: Layout
    actions: Mapping[str, Tensor]
    shape: torch.Size
    shown: Names
    scores: dict[str, Tensor] = field(default_factory=dict)

    def __call__(self, states: Mapping[str, Tensor]) -> Any:
        with _Predicting(self, {**states, **self.actions}):
            return self.pair.run_model()

    def log_prior(self) -> Tensor:
        """log p of the actions, from the latest run."""
        lead = len(self.shape) - len(self.layout.batch)
        each = [self.layout.summed(score, lead) for score in self.scores.values()]
        return sum(each[1:], each[0]).mean(0)


class _Predicting(Messenger):
    """Gives latent sites their values, and lets observation sites through."""

    def __init__(self, program: _Shown, given: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.program, self.given = program, given

    def _pyro_sample(self, msg: Any) -> None:
        name = msg["name"]
        if name in self.program.shown and not is_plate(msg):
            msg["is_observed"], msg["value"] = False, None
            msg["fn"] = _joined(msg["fn"], self.program.layout.inner)
            return
        msg["stop"] = True
        if name in self.given:
            msg["value"], msg["done"] = self.given[name], True
            if name in self.program.actions:
                self.program.scores[name] = log_prob(msg["fn"], msg["value"])
        elif not (is_plate(msg) or msg["is_observed"]):
            wide = (*self.program.shape, *[1] * self.program.layout.inner)
            msg["value"], msg["done"] = drawn(msg["fn"], wide), True


def _joined(fn: Any, inner: int) -> Any:
    """A distribution whose rightmost batch dims are part of the event."""
    if not inner:
        return fn
    missing = inner - len(fn.batch_shape)
    if missing > 0:
        fn = fn.expand([*[1] * missing, *fn.batch_shape])
    return fn.to_event(inner)
