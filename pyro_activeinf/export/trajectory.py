"""Trajectories as data sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from .._checks import complain, instance
from ..records import ExpectedFreeEnergyTerms, Trajectory
from ..store.groups import attributes, groups

if TYPE_CHECKING:
    from xarray import Dataset

    Variable = tuple[tuple[str, ...], np.ndarray[Any, Any], dict[str, str]]

TERMS = ("pragmatic", "epistemic", "novelty", "risk", "ambiguity", "total")
NATS = {"units": "nats"}
TAKEN = ("actions", "rewards", "time", "episode", "step", "chain", "draw")


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
    levels = {i: part.total for i, part in terms.per_level.items() if i is not None}
    if source.messages:
        stacked = torch.stack([*levels.values()], -1)
        variables["free_energy_per_level"] = _variable(source, stacked, "level", attrs=NATS)
    coords = {"level": [*levels]} if source.messages else {}
    return _dataset(source, variables, {"site": [*terms.per_site], **coords})


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

    Raises:
        TypeError, ValueError: for what is no tensor of this shape.

    Example:
        >>> policy_names(torch.tensor([[3, 1], [0, 2]]))
        ['3-1', '0-2']
        >>> policy_names(torch.tensor([[[3, 0], [1, 2]]]))
        ['3,0-1,2']
    """
    expected = "a tensor (policies, time) or (policies, time, controls)"
    instance("policies", policies, Tensor, expected)
    if policies.dim() not in (2, 3):
        raise ValueError(complain("policies", expected, f"one of {tuple(policies.shape)}"))
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
