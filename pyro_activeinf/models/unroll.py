"""From the programs of one step to a Pyro program over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import pyro
import torch
from pyro import poutine
from pyro.nn import PyroModule
from pyro.poutine.messenger import Messenger
from torch import Tensor

from .._checks import complain, known_names
from ..compile import Programs
from ..records import Belief


class AtStep(Messenger):
    """Names the sites of one time step ``f"{site}_{t}"`` and conditions those that were observed.

    A value that is missing (-1 or NaN) is masked out. Where anything is observed, a site without
    data is drawn but kept out of the trace, so that it adds nothing to any ELBO.
    """

    def __init__(self, step: int, observed: Mapping[str, Tensor] | None) -> None:
        super().__init__()
        self.step, self.observed = step, observed

    def _pyro_sample(self, msg: Any) -> None:
        if type(msg["fn"]).__name__ == "_Subsample":
            return
        site = msg["name"]
        msg["name"] = f"{site}_{self.step}"
        if self.observed is not None and site in self.observed:
            self._condition(msg, self.observed[site])
        elif getattr(msg["fn"], "has_enumerate_support", False):
            msg["infer"].setdefault("enumerate", "parallel")

    @staticmethod
    def _condition(msg: Any, value: Tensor) -> None:
        event = msg["fn"].event_dim
        absent = torch.isnan(value) | (value == -1)
        missing = absent.flatten(absent.dim() - event).all(-1) if event else absent
        if bool(missing.any()):
            filler = msg["fn"].sample()
            shape = missing.reshape(*missing.shape, *[1] * event)
            value = torch.where(shape, filler.to(value.dtype), value)
            msg["mask"] = ~missing if msg["mask"] is None else msg["mask"] & ~missing
        msg["value"], msg["is_observed"] = value, True


class Hidden(Messenger):
    """Keeps the sites that have no data out of the trace."""

    def __init__(self, observed: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.observed = observed

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] not in self.observed:
            msg["stop"] = True


@dataclass(frozen=True)
class Series:
    """Observations and actions laid out in time."""

    observations: dict[str, Tensor]  # site to (*batch, time, *event)
    actions: Tensor | None  # (*batch, time, *event)
    batch: torch.Size
    steps: int
    action_event: int

    def observed(self, t: int, events: Mapping[str, int]) -> dict[str, Tensor]:
        """What was observed at a time step."""
        return {name: v.select(-1 - events[name], t) for name, v in self.observations.items()}

    def action(self, t: int) -> Tensor | None:
        """The action that leads from step t to step t + 1."""
        return None if self.actions is None else self.actions.select(-1 - self.action_event, t)


def unroll(
    model: Programs, observations: Mapping[str, Any] | None = None, actions: Any = None
) -> list[Any]:
    """The Pyro program of an episode: states ``f"{site}_{t}"``, observations likewise, t from 0.

    Args:
        model: the programs.
        observations: site to values ``(*batch, time, *event)``; -1 or NaN where missing. ``None``
            to generate them, for as many steps as the actions lead to.
        actions: ``(*batch, time - 1, *event)`` (a longer one is cut); ``None`` where the model
            has no actions.

    Returns:
        The states over time.

    Raises:
        ValueError: for an unknown site, or lengths that do not fit.

    Batch dims become plates ``batch_0``, ..; discrete latent sites are marked for parallel
    enumeration, and time is a ``pyro.markov`` chain, so that ``TraceEnum_ELBO`` sums them out in
    time linear in the number of steps.
    """
    draw_random_parameters(model)
    events = observation_events(model) if observations else {}
    known_names("observations", observations or {}, list(events))
    series = lay_out(observations, actions, events, getattr(model, "actions", None))
    states: list[Any] = []
    with plates(series.batch):
        for t in pyro.markov(range(series.steps)):
            with AtStep(t, None):
                states.append(
                    model.transition(states[-1], series.action(t - 1)) if t else model.initial()
                )
            _observe(model, t, states[-1], series, events, generate=observations is None)
    return states


def _observe(
    model: Programs,
    t: int,
    state: Any,
    series: Series,
    events: Mapping[str, int],
    generate: bool,
) -> None:
    if generate:
        with AtStep(t, None):
            model.observe(state)
        return
    observed = series.observed(t, events)
    with AtStep(t, observed), Hidden(observed):
        model.observe(state)


def observation_events(model: Programs) -> dict[str, int]:
    """Observation sites and their number of event dims, from one quiet run of the programs."""
    with poutine.block(), torch.random.fork_rng(devices=[]), torch.no_grad():
        trace = poutine.trace(lambda: model.observe(model.initial())).get_trace()
        before = poutine.trace(model.initial).get_trace()
    return {
        name: int(node["fn"].event_dim)  # type: ignore[attr-defined]
        for name, node in trace.nodes.items()
        if node["type"] == "sample" and name not in before.nodes and not _is_plate(node)
    }


def _is_plate(node: Any) -> bool:
    return type(node["fn"]).__name__ == "_Subsample"


def lay_out(
    observations: Mapping[str, Any] | None,
    actions: Any,
    events: Mapping[str, int],
    space: gym.Space[Any] | None,
) -> Series:
    """Check lengths in time and find the batch shape."""
    tensors = {name: torch.as_tensor(value) for name, value in (observations or {}).items()}
    lengths = {name: _length(name, v, events[name]) for name, v in tensors.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(complain("observations", "sites of one length in time", lengths))
    event = len(getattr(space, "shape", ()) or ())
    moves = None if actions is None else torch.as_tensor(actions)
    moved = 0 if moves is None else _length("actions", moves, event)
    steps = next(iter(lengths.values())) if lengths else moved + 1
    if space is not None and moved < steps - 1:
        raise ValueError(
            complain(
                "actions",
                f"at least {steps - 1} time steps",
                f"{moved} of them",
                "An action leads from each observation to the next.",
            )
        )
    shapes = [v.shape[: v.dim() - 1 - events[name]] for name, v in tensors.items()]
    shapes += [] if moves is None else [moves.shape[: moves.dim() - 1 - event]]
    return Series(tensors, moves, torch.broadcast_shapes(*shapes, ()), steps, event)


def _length(name: str, value: Tensor, event: int) -> int:
    if value.dim() <= event:
        raise ValueError(complain(name, "values with a time dim", f"shape {tuple(value.shape)}"))
    return value.shape[-1 - event]


@contextmanager
def plates(batch: torch.Size) -> Iterator[None]:
    """A plate for each batch dim, named ``batch_0``, .. from the left."""
    with ExitStack() as stack:
        for i, size in enumerate(batch):
            stack.enter_context(pyro.plate(f"batch_{i}", size, dim=i - len(batch)))
        yield


def draw_random_parameters(model: Any) -> None:
    """Sample PyroSample parameters before any plate or time step, once for the whole episode."""
    modules = model.modules() if isinstance(model, PyroModule) else []
    for module in modules:
        for name in getattr(module, "_pyro_samples", {}):
            getattr(module, name)


def future(model: Any, belief: Belief, policy: Any) -> list[Any]:
    """Sample a state of the belief, then states and outcomes of a policy, unconditioned.

    Sites are named by their time step: ``f"{site}_{t}"`` with t from ``belief.step + 1``.

    Args:
        model: a :class:`~pyro_activeinf.GenerativeModel`.
        belief: over the state at ``belief.step``.
        policy: actions ``(*batch, time, *event)``.

    Returns:
        The states from ``belief.step + 1`` on.
    """
    event = len(getattr(model.actions, "shape", ()) or ())
    moves = torch.as_tensor(policy)
    steps = _length("policy", moves, event)
    states = [model.state(belief.sample())]
    draw_random_parameters(model)
    with plates(belief.batch_shape):
        for t in pyro.markov(range(belief.step + 1, belief.step + 1 + steps)):
            with AtStep(t, None):
                action = moves.select(-1 - event, t - belief.step - 1)
                states.append(model.transition(states[-1], action))
                model.observe(states[-1])
    return states[1:]
