"""The states of a belief as particles: drawn, or listed with their weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor

from .. import ops
from ..filters import FactorizedBelief, GaussianBelief, JointBelief
from ..filters.gaussian_belief import factor
from ..records import Belief
from .cubature import cubature
from .estimator import States

MOST_STATES = 2**14  # that are listed of a belief that is a product of marginals


@dataclass(frozen=True)
class WeightedStates:
    """States that stand for a belief."""

    values: Mapping[str, Tensor]  # site: (particles, 1 or *batch, *event)
    log_weights: Tensor  # (particles, *batch)
    sampled: bool  # whether they were drawn
    log_density: Callable[[], Tensor] | None = None  # log q(s) of each, (particles, *batch)


def states_of(belief: Belief, wanted: States, draws: int) -> WeightedStates:
    """The states of a belief in the way that an estimator wants them, as far as that goes."""
    if _lists(belief, wanted):
        return _support(belief)
    if wanted is States.MATCHED and isinstance(belief, GaussianBelief):
        return _points(belief)
    values = belief.sample(draws)
    log_weights = torch.full((draws, *belief.batch_shape), -math.log(draws))
    like = next((x for x in values.values() if x.is_floating_point()), log_weights)
    return WeightedStates(values, log_weights.to(like), True, _density(belief, values))


def count_of(belief: Belief, wanted: States, draws: int) -> int:
    """How many states that will be."""
    if _lists(belief, wanted):
        return math.prod(site.size for site in belief.sites)
    if wanted is States.MATCHED and isinstance(belief, GaussianBelief):
        return 2 * belief.layout.size
    return draws


def _lists(belief: Belief, wanted: States) -> TypeGuard[JointBelief | FactorizedBelief]:
    """Whether all states are listed: not those of a product that would not fit into a table."""
    if wanted is not States.LISTED:
        return False
    if isinstance(belief, FactorizedBelief):
        return math.prod(site.size for site in belief.sites) <= MOST_STATES
    return isinstance(belief, JointBelief)


def _support(belief: JointBelief | FactorizedBelief) -> WeightedStates:
    """Every joint state."""
    sizes = [site.size for site in belief.sites]
    each = ops.unravel(torch.arange(math.prod(sizes)), sizes)
    one = [1] * len(belief.batch_shape)
    values = {
        site.name: site.support[index].reshape(-1, *one, *site.support.shape[1:])
        for site, index in zip(belief.sites, each, strict=True)
    }
    log_weights = _log_joint(belief).movedim(-1, 0)
    return WeightedStates(values, log_weights, False, lambda: log_weights)


def _log_joint(belief: JointBelief | FactorizedBelief) -> Tensor:
    if isinstance(belief, JointBelief):
        return belief.log_probs
    return belief.log_product(range(len(belief.sites)))


def _points(belief: GaussianBelief) -> WeightedStates:
    """Cubature points."""
    points = cubature(belief.mean, factor(belief.cov))
    log_weights = points.new_full(points.shape[:-1], -math.log(len(points)))
    return WeightedStates(belief.layout.split(points), log_weights, False)


def _density(belief: Belief, values: Mapping[str, Tensor]) -> Callable[[], Tensor] | None:
    if isinstance(belief, JointBelief | FactorizedBelief):
        return lambda: _log_prob_of(belief, values)
    if isinstance(belief, GaussianBelief):
        return lambda: _gaussian(belief).log_prob(_joined(belief, values))
    return None


def _log_prob_of(belief: JointBelief | FactorizedBelief, values: Mapping[str, Tensor]) -> Tensor:
    table = _log_joint(belief)
    index = torch.zeros((), dtype=torch.long, device=table.device)
    for site in belief.sites:
        index = index * site.size + site.index(values[site.name])
    return table.expand(*index.shape, -1).gather(-1, index.unsqueeze(-1)).squeeze(-1)


def _joined(belief: GaussianBelief, values: Mapping[str, Tensor]) -> Tensor:
    """The sites of a draw in one vector, ``(particles, *batch, n)``."""
    dims = {name: values[name].dim() - len(event) for name, event in belief.layout.events.items()}
    parts = [values[name].reshape(*values[name].shape[:dim], -1) for name, dim in dims.items()]
    return torch.cat(parts, -1)


def _gaussian(belief: GaussianBelief) -> Any:
    return torch.distributions.MultivariateNormal(belief.mean, scale_tril=factor(belief.cov))
