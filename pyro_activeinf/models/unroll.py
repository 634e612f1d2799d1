"""From the programs of one step to a Pyro program over time."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroModule
from pyro.poutine.messenger import Messenger
from torch import Tensor, nn

from .. import ops
from .._checks import complain
from ..compile import Programs
from ..records import Belief
from .series import (
    ObservationSite,
    Observed,
    Series,
    is_plate,
    lay_out,
    observation_sites,
    one_batch,
    timed,
)


class AtStep(Messenger):
    """Names the sites of one time step ``f"{site}_{t}"``."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def _pyro_sample(self, msg: Any) -> None:
        if not is_plate(msg):
            msg["name"] = f"{msg['name']}_{self.step}"


class Latent(Messenger):
    """Marks discrete latent sites of a model for enumeration; certain ones are not latent."""

    def __init__(self, batch: torch.Size) -> None:
        super().__init__()
        self.batch = batch

    def _pyro_sample(self, msg: Any) -> None:
        if is_plate(msg) or msg["is_observed"]:
            return
        if isinstance(msg["fn"], dist.Delta):  # nothing to infer: as pyro.deterministic
            msg["value"], msg["is_observed"] = drawn(msg["fn"], self.batch), True
            msg["infer"]["_deterministic"] = True
        elif getattr(msg["fn"], "has_enumerate_support", False):
            msg["infer"].setdefault("enumerate", "parallel")


class Conditioned(Messenger):
    """Conditions observation sites on what was observed at one time step.

    A value that is missing is drawn, and masked out so that it adds nothing to any ELBO. Where
    the likelihood of another value depends on it, the site stays latent, to be summed out.
    """

    def __init__(
        self,
        batch: torch.Size,
        observed: Mapping[str, Observed],
        sites: Mapping[str, ObservationSite],
    ) -> None:
        super().__init__()
        self.batch, self.observed = batch, observed
        self.summed_out = summed_out(observed, sites)
        self._latent: dict[str, Any] = {}

    def _pyro_sample(self, msg: Any) -> None:
        site = msg["name"]
        if is_plate(msg) or msg["is_observed"]:
            return
        if site in self.summed_out:
            self._latent[site] = msg
        else:
            self._condition(msg, self.observed.get(site))

    def _condition(self, msg: Any, seen: Observed | None) -> None:
        if seen is not None and not bool(seen.missing.any()):
            msg["value"] = seen.values
        else:
            filler = drawn(msg["fn"], self.batch)
            present = False if seen is None else ~seen.missing
            msg["value"] = filler if seen is None else _filled(seen, filler)
            msg["mask"] = present if msg["mask"] is None else msg["mask"] & present
        msg["is_observed"] = True
        if seen is not None:
            require_support(site_name=msg["name"], fn=msg["fn"], value=msg["value"])

    def add_evidence(self) -> None:
        """Weigh the sites that are summed out by what was observed in part of the batch."""
        for site in self._latent.keys() & self.observed.keys():
            seen, value = self.observed[site], self._latent[site]["value"]
            same = value == seen.values
            agrees = same.flatten(same.dim() - seen.event_dim).all(-1) if seen.event_dim else same
            possible = (agrees | seen.missing).to(torch.get_default_dtype())
            pyro.factor(f"{site}_observed", ops.log(possible))


def require_support(site_name: str, fn: Any, value: Tensor) -> None:
    """Raise ``ValueError`` where a value lies outside of what a distribution can show."""
    possible = fn.support.check(value)
    if not bool(possible.all()):
        raise ValueError(
            complain(
                f"observations['{site_name}']",
                f"values in the support {fn.support}",
                value.expand(possible.shape + value.shape[value.dim() - fn.event_dim :])[
                    ~possible
                ].tolist(),
            )
        )


def drawn(fn: Any, batch: torch.Size) -> Tensor:
    """A sample of a distribution for each element of the batch."""
    return fn.expand(torch.broadcast_shapes(fn.batch_shape, batch)).sample()


def _filled(seen: Observed, filler: Tensor) -> Tensor:
    missing = seen.missing[(..., *[None] * seen.event_dim)]
    return torch.where(missing, filler.to(seen.values.dtype), seen.values)


def summed_out(
    observed: Mapping[str, Observed], sites: Mapping[str, ObservationSite]
) -> frozenset[str]:
    """Sites with missing values on which the likelihood of values that are there depends."""
    incomplete = {n for n in sites if n not in observed or bool(observed[n].missing.any())}
    found: set[str] = set()
    for name in reversed(list(sites)):
        if name in found or (name in observed and not bool(observed[name].missing.all())):
            found |= sites[name].parents & incomplete
    return frozenset(found)


def unroll(
    model: Programs, observations: Mapping[str, Any] | None = None, actions: Any = None
) -> list[Any]:
    """The Pyro program of an episode: states ``f"{site}_{t}"``, observations likewise, t from 0.

    Args:
        model: the programs.
        observations: site to values ``(*batch, time, *event)``; NaN (or -1, for a discrete site)
            where missing. ``None`` to generate them, for as many steps as the actions lead to.
        actions: ``(*batch, time - 1, *event)`` (a longer one is cut). Where the model has no
            actions ``None``, or anything of shape ``(*batch, time - 1)`` to tell how many steps
            are to be generated.

    Returns:
        The states over time.

    Raises:
        ValueError: for an unknown site, or shapes and lengths that do not fit.

    Batch dims become plates ``batch_0``, ..; discrete latent sites are marked for parallel
    enumeration, and time is a ``pyro.markov`` chain, so that ``TraceEnum_ELBO`` sums them out in
    time linear in the number of steps. Missing observations are in the trace as masked draws.
    """
    show_parameters(model)
    draw_random_parameters(model)
    sites = {} if observations is None else observation_sites(model)
    series = lay_out(observations, actions, sites, model.actions)

    def step(t: int, previous: Any) -> Any:
        with Latent(series.batch):
            state = model.transition(previous, series.action(t - 1)) if t else model.initial()
            _observe(model, state, sites, series, t)
        return state

    return over_time(range(series.steps), series.batch, step)


def over_time(
    times: range, batch: torch.Size, step: Callable[[int, Any], Any], previous: Any = None
) -> list[Any]:
    """Run ``step(t, what it returned before)`` at each time: what models and guides have in common.

    Sites are named by their time, ``f"{site}_{t}"``, and lie in a plate for each batch dim; time
    is a ``pyro.markov`` chain. Returns what the steps returned.
    """
    states: list[Any] = []
    with plates(batch):
        for t in pyro.markov(times):
            with AtStep(t):
                previous = step(t, previous)
            states.append(previous)
    return states


def _observe(
    model: Programs, state: Any, sites: Mapping[str, ObservationSite], series: Series, t: int
) -> None:
    if series.observations is None:
        model.observe(state)
        return
    conditioned = Conditioned(series.batch, series.observed(t), sites)
    with conditioned:
        model.observe(state)
    conditioned.add_evidence()


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


def random_names(model: Any) -> set[str]:
    """Full names of the ``PyroSample`` attributes of a model, as its own trace has them."""
    modules = model.named_modules() if isinstance(model, nn.Module) else []
    return {
        f"{path}.{name}".lstrip(".")
        for path, module in modules
        for name in getattr(module, "_pyro_samples", {})
    }


def show_parameters(module: Any) -> None:
    """Let ``pyro.infer.SVI`` find parameters under ``module_local_params``.

    SVI asks a parameter for its ``unconstrained`` self, which Pyro gives to those of its store and
    to ``PyroParam``, but not to plain ones that stay in their module.
    """
    if isinstance(module, nn.Module) and pyro.settings.get("module_local_params"):
        for parameter in module.parameters():
            known: Any = parameter
            if not hasattr(known, "unconstrained"):
                known.unconstrained = weakref.ref(parameter)


def future(model: Any, belief: Belief, policy: Any) -> list[Any]:
    """Sample a state of the belief, then states and outcomes of a policy, unconditioned.

    Sites are named by their time step: ``f"{site}_{t}"`` with t from ``belief.step + 1``.

    Args:
        model: a :class:`~pyro_activeinf.GenerativeModel`.
        belief: over the state at ``belief.step``.
        policy: actions ``(*batch, time, *event)``; where the model has no actions, anything of
            shape ``(*batch, time)``.

    Returns:
        The states from ``belief.step + 1`` on.

    Raises:
        ValueError: for a policy whose shape does not fit the actions or the belief.
    """
    event = tuple(getattr(model.actions, "shape", None) or ())
    moves = timed("policy", torch.as_tensor(policy), event)
    time = moves.dim() - 1 - len(event)
    batch = one_batch({"belief": belief.batch_shape, "policy": moves.shape[:time]})
    draw_random_parameters(model)
    first = belief.step + 1

    def step(t: int, previous: Any) -> Any:
        action = None if model.actions is None else moves.select(time, t - first)
        with Latent(batch):
            state = model.transition(previous, action)
            model.observe(state)
        return state

    state = model.state(belief.sample(batch[: len(batch) - len(belief.batch_shape)]))
    return over_time(range(first, first + moves.shape[time]), batch, step, state)
