"""Paths of particles in hindsight: backward simulation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from .particle_belief import Kind, ParticleBelief, gathered
from .prediction import Likelihood
from .resampling import Systematic, one_of

MEMORY_LIMIT = 2**28  # bytes of pairs at a time


@dataclass(frozen=True)
class PathSmoothing:
    """Draws of the states of a whole episode, given all of its observations."""

    kinds: Mapping[str, Kind]
    states: Mapping[str, Tensor]  # site: (paths, *batch, time, *event)
    free_energy: Tensor  # (*batch): an estimate of -log p(o_{0..T}), in nats

    @cached_property
    def marginals(self) -> dict[str, Distribution]:
        """A distribution for each state site, with batch shape ``(*batch, time)``."""
        name, value = next(iter(self.states.items()))
        shape = value.shape[: value.dim() - self.kinds[name].event_dim]
        equal = self.free_energy.new_full((shape[0], *[1] * (len(shape) - 1)), -math.log(shape[0]))
        return ParticleBelief(0, shape[1:], self.kinds, self.states, equal).marginals


def simulated_back(
    beliefs: Sequence[ParticleBelief],
    moves: Sequence[Callable[[Mapping[str, Tensor]], Any]],
    linked: bool,
) -> PathSmoothing:
    """Draw paths through the particles of filtered beliefs.

    Args:
        beliefs: after each observation.
        moves: the transition between each and the next, as a program of the state sites' values.
        linked: whether state sites of a step depend on each other.
    """
    last = beliefs[-1]
    index = Systematic().ancestors(last.weights.movedim(0, -1).contiguous()).movedim(-1, 0)
    path = [_at(last, index)]
    parameters = {name: gathered(value, index) for name, value in last.parameters.items()}
    for before, after, move in reversed(list(zip(beliefs[:-1], beliefs[1:], moves, strict=True))):
        if after.ancestors is not None:
            index = gathered(after.ancestors, index)
        likelihood = Likelihood(
            move, before.states, before.shape, parameters=before.parameters, linked=linked
        )
        index = _parents(before, likelihood, path[0], parameters, index)
        path.insert(0, _at(before, index))
    batch = len(last.batch)
    return PathSmoothing(
        last.kinds,
        {name: torch.stack([each[name] for each in path], 1 + batch) for name in last.states},
        sum((belief.free_energy for belief in beliefs[1:]), beliefs[0].free_energy),
    )


def _at(belief: ParticleBelief, index: Tensor) -> dict[str, Tensor]:
    return {name: gathered(value, index) for name, value in belief.states.items()}


def _parents(
    before: ParticleBelief,
    moves: Likelihood,
    path: Mapping[str, Tensor],
    parameters: Mapping[str, Tensor],
    ancestors: Tensor,
) -> Tensor:
    """Positions ``(paths, *batch)`` of the particles that the paths come from."""
    pairs, found = moves.pairs(path), []
    log_weights = before.log_weights.expand(before.shape).movedim(0, -1).unsqueeze(-2)
    for rows in _chunks(before, len(ancestors)):
        log_joint = sum(pairs(rows).values(), log_weights)
        for name, value in parameters.items():
            same = _same(before.parameters[name], value[rows], before)
            log_joint = log_joint.masked_fill(~same, -math.inf)
        top = log_joint.amax(-1, keepdim=True)
        drawn = one_of((log_joint - top.nan_to_num(neginf=0.0)).exp())
        own = ancestors[rows].movedim(0, -1)
        found.append(torch.where(top.squeeze(-1) > -math.inf, drawn, own))
    return torch.cat(found, -1).movedim(-1, 0)


def _chunks(before: ParticleBelief, paths: int) -> Iterator[slice]:
    size = before.shape.numel() * (2 + len(before.states)) * before.log_weights.itemsize
    chunk = max(1, MEMORY_LIMIT // max(1, size))
    return (slice(start, min(start + chunk, paths)) for start in range(0, paths, chunk))


def _same(held: Tensor, wanted: Tensor, before: ParticleBelief) -> Tensor:
    """Whether particles have the parameters of paths, ``(*batch, paths, particles)``."""
    equal = held.unsqueeze(0) == wanted.unsqueeze(1)
    event = equal.dim() - 1 - len(before.shape)
    both = equal.flatten(equal.dim() - event).all(-1) if event else equal
    return both.expand(len(wanted), *before.shape).movedim((0, 1), (-2, -1))
