"""Log-likelihood of the states for whatever was observed: values, soft evidence, or nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import mul
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .._checks import complain, numbers
from ..compile import Site, Tables
from ..records import SoftObservation
from .joint import log_likelihood, outcome_sites

KEPT_OBSERVATIONS = 2**10


@dataclass(frozen=True)
class Plain:
    """Likelihoods of plain values, as probabilities."""

    each: Mapping[str, Tensor]  # of each observed site, (*batch, states)
    product: Tensor  # (*batch, states)
    smallest: float  # no positive product has a smaller logarithm
    possible: bool  # whether every state can show them


@dataclass(frozen=True)
class Rows:
    """p(o | s) of one observation site, a row for each of its values."""

    site: Site
    log_probs: Tensor  # (values, states)

    @cached_property
    def probs(self) -> Tensor:
        """As probabilities."""
        return self.log_probs.exp().contiguous()

    @cached_property
    def smallest(self) -> float:
        """Logarithm of the smallest positive one."""
        return float(ops.smallest_log(self.log_probs.detach()))

    @cached_property
    def positive(self) -> bool:
        """Whether all of them are."""
        return bool((self.probs > 0).all())

    @classmethod
    def of(cls, tables: Tables, name: str) -> Rows:
        """The rows of a site that others do not depend on."""
        return cls(outcome_sites(tables, [name])[0], log_likelihood(tables, [name]).T)

    def pick(self, value: object) -> Tensor | None:
        """The rows of some values; ``None`` where one is missing or uncertain."""
        if self.site.log_likelihood(value) is not None:
            return None
        index = self.site.counted(value)
        if index is None or index.device.type != "cpu":
            return self._checked(value)
        try:
            return torch.embedding(self.probs, index)  # which looks whether they are in range
        except IndexError:
            return self._checked(value)

    def _checked(self, value: object) -> Tensor | None:
        index = self.site.index(value)
        return None if bool((index < 0).any()) else self.probs[index]


class SiteLikelihoods:
    """Turns an observation into log-likelihoods over joint states, one for each group of sites.

    Sites whose likelihoods depend on each other form a group, named ``a+b``.
    """

    def __init__(self, tables: Tables, groups: Sequence[tuple[str, ...]]) -> None:
        self._groups = [
            (outcome_sites(tables, group), log_likelihood(tables, group)) for group in groups
        ]
        self._rows = {group[0]: Rows.of(tables, group[0]) for group in groups if len(group) == 1}
        self._single = len(self._rows) == len(self._groups)
        self._met: dict[tuple[tuple[str, int], ...], Plain] = {}  # single observations

    def plain(self, observation: Mapping[str, Any]) -> Plain | None:
        """Likelihoods as probabilities; ``None`` where a value is missing or uncertain.

        Also where sites depend on each other or are unknown, or where batches do not have the
        same shape.
        """
        if not self._single or not isinstance(observation, dict) or not observation:
            return None
        if not observation.keys() <= self._rows.keys():
            return None
        key: list[tuple[str, int]] = []
        for name, value in observation.items():
            position = self._rows[name].site.position(value)
            if position is None:
                return self._multiplied(observation)
            key.append((name, position))
        found = self._met.get(tuple(key))
        if found is None:
            found = self._multiplied(observation)
            if found is not None and len(self._met) < KEPT_OBSERVATIONS:
                self._met[tuple(key)] = found
        return found

    def _multiplied(self, observation: Mapping[str, Any]) -> Plain | None:
        each: dict[str, Tensor] = {}
        for name, value in observation.items():
            picked = self._rows[name].pick(value)
            if picked is None:
                return None
            each[name] = picked
        if len(each) > 1 and len({row.shape for row in each.values()}) > 1:
            return None
        smallest = sum(self._rows[name].smallest for name in each)
        if smallest < ops.least_log(next(iter(each.values())).dtype):
            return None
        possible = all(self._rows[name].positive for name in each)
        return Plain(each, reduce(mul, each.values()), smallest, possible)

    def __call__(self, observation: Mapping[str, Any]) -> dict[str, Tensor]:
        """Log-likelihoods ``(*batch, states)`` of the groups that were observed."""
        found = {}
        for sites, table in self._groups:
            if any(site.name in observation for site in sites):
                name = "+".join(site.name for site in sites)
                found[name] = self._group(sites, table, observation)
        return found

    def _group(self, sites: list[Site], table: Tensor, observation: Mapping[str, Any]) -> Tensor:
        if len(sites) == 1 and sites[0].log_likelihood(observation[sites[0].name]) is None:
            return looked_up(table.T, sites[0].index(observation[sites[0].name]))
        weights = [weigh(site, observation.get(site.name, -1)) for site in sites]
        batch = torch.broadcast_shapes(*(w.shape[:-1] for w in weights))
        total = table
        for i, weight in enumerate(weights):
            shape = [*weight.shape[:-1], 1, *[1] * len(sites)]
            shape[len(weight.shape) + i] = weight.shape[-1]
            total = total + weight.to(table).reshape(shape)
        return ops.logsumexp(total.reshape(*batch, table.shape[0], -1), -1)

    def over_time(self, observations: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Split observations ``(*batch, time, *event)`` into one mapping per time step."""
        return over_time([site for group, _ in self._groups for site in group], observations)


def over_time(sites: Sequence[Site], observations: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Split observations ``(*batch, time, *event)`` of sites into one mapping per time step."""
    known = {site.name: site for site in sites}
    series = {name: time_first(known[name], value) for name, value in observations.items()}
    lengths = {name: len(values) for name, values in series.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(complain("observations", "sites of one length in time", lengths))
    steps = next(iter(lengths.values()))
    return [{name: values[t] for name, values in series.items()} for t in range(steps)]


def time_first(site: Site, value: Any) -> list[Any]:
    """A list over time of what was observed at a site."""
    log_weights = site.log_likelihood(value)
    if log_weights is not None:
        return [SoftObservation(w) for w in log_weights.unbind(-2)]
    tensor = numbers(site.name, value).to(site.support.device)
    event = site.support.dim() - 1
    if tensor.dim() <= event:
        raise ValueError(
            complain(site.name, "values with a time dim, (*batch, time)", tuple(tensor.shape))
        )
    return list(tensor.unbind(-1 - event))


def weigh(site: Site, value: Any) -> Tensor:
    """Log-weights ``(*batch, size)``: soft evidence as it is, a value as one-hot, missing as 0."""
    soft = site.log_likelihood(value)
    if soft is not None:
        return soft
    missing = isinstance(value, int) and value == -1
    index = torch.tensor(-1) if missing else site.index(value)
    index = index.to(site.support.device)
    return looked_up(ops.log(torch.eye(site.size, device=index.device)), index)


def looked_up(rows: Tensor, index: Tensor) -> Tensor:
    """Rows of a table by index ``(*batch)``; zeros where the index is -1."""
    found = rows[index.clamp(min=0)]
    missing = index < 0
    return torch.where(missing.unsqueeze(-1), 0.0, found) if bool(missing.any()) else found


def impossible(
    log_prior: Tensor, step: int, observation: Mapping[str, Any], evidence: Mapping[str, Tensor]
) -> ValueError:
    """The error for an observation of probability zero; names the sites that rule it out."""
    alone = {n: ops.logsumexp(log_prior + term, -1) == -math.inf for n, term in evidence.items()}
    together = ops.logsumexp(sum(evidence.values(), log_prior), -1) == -math.inf
    culprits = [name for name, ruled_out in alone.items() if bool(ruled_out.any())]
    names = [name for part in culprits or evidence for name in part.split("+")]
    values = {name: observation[name] for name in names if name in observation}
    where = f" at batch index {together.nonzero()[0].tolist()}" if together.dim() else ""
    return ValueError(
        complain(
            "observation",
            "one of positive probability under the belief",
            f"{values} with probability 0{where} at time step {step}",
            "The belief is unchanged. Give the likelihood or the transitions some noise, or "
            "leave the observation out.",
        )
    )
