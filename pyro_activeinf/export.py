"""Records as ArviZ data: groups with named dims and coordinates, to keep in netCDF."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ._checks import complain, positive_int
from .learning import TrainingRun
from .records import ExpectedFreeEnergyTerms, Trajectory
from .store.groups import attributes, groups, held

if TYPE_CHECKING:
    from arviz import InferenceData
    from xarray import Dataset, DataTree

    Variable = tuple[tuple[str, ...], np.ndarray[Any, Any], dict[str, str]]

TERMS = ("pragmatic", "epistemic", "novelty", "risk", "ambiguity", "total")
NATS = {"units": "nats"}
TAKEN = ("actions", "rewards", "time", "episode", "step", "chain", "draw")


def to_arviz(source: object, draws: int = 100) -> InferenceData | DataTree:
    r"""Turn a record into ArviZ data: ``InferenceData`` with ArviZ 0.x, ``DataTree`` with 1.x.

    A :class:`~pyro_activeinf.Trajectory` gives these groups. Their ``time`` dim has the coordinates
    ``episode`` and ``step``; batch dims come before it as ``batch_0``, ``batch_1``, ..; energies
    are in nats. What is missing stays -1 (integers) or NaN.

    - ``posterior``: draws of each state site, as positions in its support, with dims ``chain``,
      ``draw``, .., ``time``. They are drawn from the beliefs of each step and site by itself,

      .. math:: s_t^{(n)} \sim q(s_t), \quad n = 1, .., N,

      with torch's generator, so that ``pyro.set_rng_seed`` fixes them. Being independent, they
      have statistics but no convergence: ``arviz.summary(data, kind="stats")``;
    - ``observed_data``: each observation site, ``actions`` and ``rewards``;
    - ``beliefs``: the probabilities of each state site over ``<site>_value``; of a real one the
      mean under its name and the standard deviation as ``<site>_spread``, over ``<site>_dim_0``,
      .. (draws are then Gaussian with these moments);
    - ``free_energy``: ``free_energy``, ``complexity``, ``accuracy`` and ``accuracy_per_site``;
    - ``expected_free_energy``: of the plan, under q(pi): ``pragmatic``, ``epistemic``,
      ``novelty``, ``risk``, ``ambiguity``, ``total``, and each as ``<term>_per_site``;
    - ``policies``: ``action_probs`` over ``action`` (``action_0``, .. for several controls); where
      policies were kept also ``policy_probs``, ``expected_free_energy`` and ``policy_actions``
      over ``policy``, whose coordinate reads ``3-1``: action 3, then action 1 (``3,0-1,2`` for
      several controls). Of real-valued actions ``policy`` counts the candidates of each step, and
      ``policy_actions`` has the dims of time, ``policy``, ``horizon`` and of an action.

    A :class:`~pyro_activeinf.learning.TrainingRun` has groups of its own:

    - ``training``: ``free_energy`` (the loss), ``gradient_norm`` and ``seconds`` over ``step``;
    - ``free_energy``: ``complexity`` and ``accuracy`` over those steps at which they were read off.

    A slash in the name of a site becomes a dot, as netCDF keeps slashes for groups.

    Args:
        source: a :class:`~pyro_activeinf.Trajectory` or a
            :class:`~pyro_activeinf.learning.TrainingRun`.
        draws: number of draws N from the beliefs.

    Returns:
        Data that ArviZ's functions take; ``.to_netcdf(path)`` saves it and ``arviz.from_netcdf``
        reads it back.

    Raises:
        TypeError: where ``source`` is nothing that can be exported.
        ValueError: where ``draws`` is no positive integer, or a site has a name that the record
            itself uses.

    Reference: Kumar, Carroll, Hartikainen and Martin (2019), "ArviZ a unified library for
    exploratory analysis of Bayesian models in Python", Journal of Open Source Software 4.

    Example:
        >>> import gymnasium as gym, pyro
        >>> from pyro_activeinf import Agent, rollout
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop
        >>> pyro.set_rng_seed(0)
        >>> agent = Agent(TMaze(), planner=OpenLoop(2))
        >>> run = rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=2, progress=False)
        >>> data = to_arviz(run)
        >>> dict(data["beliefs"].sizes)
        {'time': 6, 'context_value': 2, 'location_value': 4}
        >>> data["policies"]["policy_probs"].sel(policy="3-1").dims
        ('time',)
    """
    return held(groups(source, positive_int("draws", draws)))


@groups.register(Trajectory)
def _groups_of_trajectory(source: Trajectory, draws: int) -> dict[str, Dataset]:
    _require_free([*source.observations, *source.beliefs])
    return {
        "posterior": _posterior(source, draws),
        "observed_data": _observed_data(source),
        "beliefs": _beliefs(source),
        "free_energy": _free_energy(source),
        "expected_free_energy": _expected_free_energy(source),
        "policies": _policies(source),
    }


@groups.register(TrainingRun)
def _groups_of_training(source: TrainingRun, draws: int) -> dict[str, Dataset]:
    from xarray import Dataset

    taken = {"free_energy": source.losses, "gradient_norm": source.gradient_norms}
    steps = {name: ("step", value.numpy(force=True)) for name, value in taken.items()}
    steps["seconds"] = ("step", source.seconds.numpy(force=True))
    terms = {"complexity": source.complexity, "accuracy": source.accuracy}
    read = {name: ("step", value.numpy(force=True), NATS) for name, value in terms.items()}
    facts = {"ending": source.ending, "compile_seconds": source.compile_seconds}
    at = source.evaluated.numpy(force=True)
    return {
        "training": Dataset(steps, {"step": np.arange(source.steps)}, attributes() | facts),
        "free_energy": Dataset(read, {"step": at}, attributes()),
    }


def _require_free(sites: Iterable[str]) -> None:
    clash = sorted({site for site in sites if site in TAKEN})
    if clash:
        expected = f"sites with other names than {list(TAKEN)}"
        raise ValueError(complain("source", expected, clash, "Rename them in the model."))


def _posterior(source: Trajectory, draws: int) -> Dataset:
    variables = {
        site: _variable(source, _draw(source, site, draws), *after, before=("chain", "draw"))
        for site, after in _events(source).items()
    }
    return _dataset(source, variables, {"chain": np.arange(1), "draw": np.arange(draws)})


def _events(source: Trajectory) -> dict[str, tuple[str, ...]]:
    """Names of the dims of a draw of each state site."""
    return {
        site: _dims(site, source.spread[site].dim() - source.rewards.dim())
        if site in source.spread
        else ()
        for site in source.beliefs
    }


def _dims(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{_netcdf(name)}_dim_{i}" for i in range(count))


def _draw(source: Trajectory, site: str, draws: int) -> Tensor:
    """Independent draws ``(1, draws, *batch, time, *event)``."""
    held, shape = source.beliefs[site].detach(), (1, draws)
    if site in source.spread:
        spread = source.spread[site].detach()
        return held + spread * torch.randn(*shape, *held.shape, dtype=held.dtype)
    # rounding may keep a sum a little off 1
    return torch.distributions.Categorical(probs=held, validate_args=False).sample(shape)


def _observed_data(source: Trajectory) -> Dataset:
    variables = {}
    for site, value in source.observations.items():
        event = value.dim() - source.rewards.dim()
        variables[site] = _variable(source, value, *_dims(site, event))
    variables["actions"] = _variable(source, source.actions, *_control(source))
    variables["rewards"] = _variable(source, source.rewards)
    return _dataset(source, variables)


def _control(source: Trajectory) -> tuple[str, ...]:
    """Names of the dims of an action."""
    count = source.actions.dim() - source.rewards.dim()
    return _dims("action", count) if source.real_actions else ("control",) * count


def _beliefs(source: Trajectory) -> Dataset:
    variables = {}
    for site, after in _events(source).items():
        names = after if site in source.spread else (f"{_netcdf(site)}_value",)
        variables[site] = _variable(source, source.beliefs[site], *names)
        if site in source.spread:
            variables[f"{site}_spread"] = _variable(source, source.spread[site], *names)
    return _dataset(source, variables)


def _free_energy(source: Trajectory) -> Dataset:
    terms = source.free_energy
    parts = {"free_energy": terms.total, "complexity": terms.complexity, "accuracy": terms.accuracy}
    variables = {name: _variable(source, value, attrs=NATS) for name, value in parts.items()}
    if terms.per_site:
        stacked = torch.stack([*terms.per_site.values()], -1)
        variables["accuracy_per_site"] = _variable(source, stacked, "site", attrs=NATS)
    return _dataset(source, variables, {"site": [*terms.per_site]})


def _expected_free_energy(source: Trajectory) -> Dataset:
    sites = source.plan.per_site
    variables = {}
    for term in TERMS:
        variables[term] = _variable(source, getattr(source.plan, term), attrs=NATS)
        if sites:
            value = _per_site(sites.values(), term)
            variables[f"{term}_per_site"] = _variable(source, value, "site", attrs=NATS)
    return _dataset(source, variables, {"site": [*sites]})


def _per_site(sites: Iterable[ExpectedFreeEnergyTerms], term: str) -> Tensor:
    return torch.stack([getattr(terms, term) for terms in sites], -1)


def _policies(source: Trajectory) -> Dataset:
    variables = {"action_probs": _variable(source, source.action_probs, *_choices(source))}
    if source.policies is None or source.policy_probs is None or source.policy_values is None:
        return _dataset(source, variables)
    variables["policy_probs"] = _variable(source, source.policy_probs, "policy")
    variables["expected_free_energy"] = _variable(
        source, source.policy_values, "policy", attrs=NATS
    )
    if source.real_actions:
        dims = ("policy", "horizon", *_control(source))
        variables["policy_actions"] = _variable(source, source.policies, *dims)
        return _dataset(source, variables)
    dims = ("policy", "horizon", "control")[: source.policies.dim()]
    variables["policy_actions"] = (dims, source.policies.numpy(force=True), {})
    return _dataset(source, variables, {"policy": policy_names(source.policies)})


def _choices(source: Trajectory) -> list[str]:
    """Names of the dims over which the next action has probabilities."""
    if source.real_actions:
        return ["policy"]
    controls = source.action_probs.dim() - source.rewards.dim()
    return ["action"] if controls == 1 else [f"action_{f}" for f in range(controls)]


def policy_names(policies: Tensor) -> list[str]:
    """Write policies ``(policies, time[, controls])`` as text.

    Example:
        >>> policy_names(torch.tensor([[3, 1], [0, 2]]))
        ['3-1', '0-2']
        >>> policy_names(torch.tensor([[[3, 0], [1, 2]]]))
        ['3,0-1,2']
    """
    steps = policies if policies.dim() == 3 else policies.unsqueeze(-1)
    return ["-".join(",".join(map(str, step)) for step in policy) for policy in steps.tolist()]


def _variable(
    source: Trajectory,
    value: Tensor,
    *after: str,
    before: tuple[str, ...] = (),
    attrs: Mapping[str, str] | None = None,
) -> Variable:
    """A tensor ``(*before, *batch, time, *after)`` with the names of its dims."""
    batch = (f"batch_{i}" for i in range(source.rewards.dim() - 1))
    return (*before, *batch, "time", *after), value.numpy(force=True), dict(attrs or {})


def _dataset(
    source: Trajectory, variables: Mapping[str, Variable], coords: Mapping[str, Any] | None = None
) -> Dataset:
    from xarray import Dataset

    named = {_netcdf(name): variable for name, variable in variables.items()}
    sizes: dict[str, int] = {}
    for dims, value, _ in named.values():
        sizes |= zip(dims, value.shape, strict=True)
    counted = {dim: np.arange(size) for dim, size in sizes.items()}
    given = {name: values for name, values in (coords or {}).items() if name in sizes}
    when = {name: ("time", getattr(source, name).numpy(force=True)) for name in ("episode", "step")}
    return Dataset(named, coords={**counted, **when, **given}, attrs=attributes())


def _netcdf(site: str) -> str:
    return site.replace("/", ".")
