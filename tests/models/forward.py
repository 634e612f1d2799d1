"""The forward algorithm over joint states, in numpy, from the tables of a program."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyro_activeinf.compile import Role, Site, Table, Tables
from tests.oracles import Array

Index = Mapping[str, int]  # observation site to the index of what was seen; absent where missing


def _joint(sites: Sequence[Site]) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(site.size) for site in sites)))


def _at(role: Role, sites: Sequence[Site], index: Sequence[int]) -> dict[Any, int]:
    return {(role, site.name): i for site, i in zip(sites, index, strict=True)}


def _product(tables: Sequence[Table], values: Mapping[Any, int]) -> float:
    entries = [t.log_probs[tuple(values[v.role, v.name] for v in t.variables)] for t in tables]
    return float(np.prod([float(entry.detach().exp()) for entry in entries]))


def initial(tables: Tables) -> Array:
    """p(s_0), (states,)."""
    found = [
        _product(tables.initial, _at(Role.STATE, tables.states, s)) for s in _joint(tables.states)
    ]
    return np.array(found)


def transition(tables: Tables, action: Sequence[int]) -> Array:
    """p(s' | s, u), (states, states)."""
    done = {(Role.CONTROL, f"action_{f}"): u for f, u in enumerate(action)}
    states = _joint(tables.states)
    rows = [
        [
            _product(
                tables.transition,
                done | _at(Role.STATE, tables.states, s) | _at(Role.NEXT, tables.states, n),
            )
            for n in states
        ]
        for s in states
    ]
    return np.array(rows)


def likelihood(tables: Tables, seen: Index) -> Array:
    """p(o | s) of what was seen, everything else summed out: (states,)."""
    outcomes = [
        o
        for o in _joint(tables.outcomes)
        if all(seen.get(site.name, i) == i for site, i in zip(tables.outcomes, o, strict=True))
    ]
    found = []
    for s in _joint(tables.states):
        here = _at(Role.STATE, tables.states, s)
        found.append(
            sum(
                _product(tables.observe, here | _at(Role.OUTCOME, tables.outcomes, o))
                for o in outcomes
            )
        )
    return np.array(found)


def log_evidence(
    tables: Tables, observations: Sequence[Index], actions: Sequence[Sequence[int]]
) -> float:
    """log p(o_0, .., o_T | u) in time linear in T."""
    moves = {tuple(action): transition(tables, action) for action in actions}
    known: dict[Any, Array] = {}
    total, belief = 0.0, initial(tables)
    for t, seen in enumerate(observations):
        if t:
            belief = belief @ moves[tuple(actions[t - 1])]
        key = tuple(sorted(seen.items()))
        known.setdefault(key, likelihood(tables, seen))
        belief = belief * known[key]
        total += float(np.log(belief.sum()))
        belief = belief / float(belief.sum())
    return total
