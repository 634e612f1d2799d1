"""Random discrete programs of every kind of site and state, and their values one at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import torch
from hypothesis import strategies as st
from pyro import poutine
from torch import Tensor

from pyro_activeinf.compile import Role, Site, Table, Tables
from tests.strategies import SEEDS, random_table

KINDS = ("categorical", "logits", "bernoulli", "bernoulli logits", "one-hot", "binomial")


@dataclass
class Weather:
    """A state that is a dataclass, with a tuple and a dict inside."""

    first: Tensor
    rest: tuple[dict[str, Tensor], ...]


class Spec(NamedTuple):
    """A random site: its distribution's kind, its size and tables, and what it depends on."""

    name: str
    kind: str
    size: int
    parents: list[str]  # names of earlier variables: state sites, next'..., controls, outcomes
    table: Tensor  # (*parents, size)


def distribution(kind: str, probs: Tensor) -> Any:
    """A distribution of a kind with parameters made of probabilities ``(*batch, size)``."""
    size = probs.shape[-1]
    made: dict[str, Callable[[], Any]] = {
        "categorical": lambda: dist.Categorical(probs),
        "logits": lambda: dist.Categorical(logits=probs.log()),
        "bernoulli": lambda: dist.Bernoulli(probs[..., 1]),
        "bernoulli logits": lambda: dist.Bernoulli(logits=torch.logit(probs[..., 1], eps=0.01)),
        "one-hot": lambda: dist.OneHotCategorical(probs),
        "binomial": lambda: dist.Binomial(size - 1, probs[..., 0]),
        "delta": lambda: dist.Delta(probs.argmax(-1)),
    }
    return made[kind]()


def as_index(kind: str, value: Tensor) -> Tensor:
    """The position of a value in its support."""
    return value.argmax(-1) if kind == "one-hot" else value.long()


class RandomProgram:
    """Up to three state and three observation sites, each depending on any earlier variables.

    Those of the same step included, unless ``linked`` is False.
    """

    def __init__(self, seed: int, zeros: bool = True, linked: bool = True) -> None:
        self._rng = np.random.default_rng(seed)
        self._zeros, self._linked = zeros, linked
        self._structure = int(self._rng.integers(4))
        controls = [int(n) for n in self._rng.integers(1, 4, size=self._rng.integers(3))]
        self.actions = _space(controls)
        self.sizes = {f"u{f}": n for f, n in enumerate(controls)}
        states = self._sites("s", [])
        before = [spec.name for spec in states]
        self.first = states
        self.moves = [self._again(spec, [*before, *self.sizes_of("u")]) for spec in states]
        self.outcomes = self._sites("o", before)

    def sizes_of(self, letter: str) -> list[str]:
        """Names of the variables so far that begin with a letter."""
        return [name for name in self.sizes if name.startswith(letter)]

    def _sites(self, letter: str, upstream: list[str]) -> list[Spec]:
        specs: list[Spec] = []
        for i in range(self._rng.integers(1, 4)):
            kind = str(self._rng.choice(KINDS))
            least = 2 if kind in {"binomial", "one-hot"} else 1  # torch and Pyro fail for less
            most = 2 if specs else 3
            size = 2 if "bernoulli" in kind else int(self._rng.integers(least, most + 1))
            if letter == "o" and self._rng.random() < 0.15:
                kind = "delta"
            earlier = [*upstream, *(spec.name for spec in specs if self._linked)]
            self.sizes[f"{letter}{i}"] = size
            specs.append(self._spec(f"{letter}{i}", kind, size, earlier))
        return specs

    def _again(self, spec: Spec, upstream: list[str]) -> Spec:
        """The same site in the transition, where it may depend on earlier ones of the new step."""
        new = [f"{o.name}'" for o in self.first if o.name < spec.name and self._linked]
        self.sizes |= {name: self.sizes[name[:-1]] for name in new}
        kind = "delta" if spec.kind in {"categorical", "logits"} else spec.kind
        kind = kind if self._rng.random() < 0.2 else spec.kind
        return self._spec(spec.name, kind, spec.size, [*upstream, *new])

    def _spec(self, name: str, kind: str, size: int, earlier: list[str]) -> Spec:
        parents = [parent for parent in earlier if self._rng.random() < 0.4]
        sizes = [self.sizes[parent] for parent in parents]
        rows = random_table(self._rng, size, sizes, self._zeros)
        return Spec(name, kind, size, parents, torch.as_tensor(np.moveaxis(rows, 0, -1)))

    def initial(self) -> Any:
        known: dict[str, Tensor] = {}
        return self._structured([self._draw(spec, known) for spec in self.first])

    def _structured(self, values: list[Tensor]) -> Any:
        first, *rest = values
        structures: list[Callable[[], Any]] = [
            lambda: values[0] if len(values) == 1 else tuple(values),
            lambda: {"first": first, "rest": rest},
            lambda: Weather(first, tuple({"value": value} for value in rest)),
            lambda: [(first,), [[value] for value in rest]],
        ]
        return structures[self._structure]()

    def _known(self, state: Any) -> dict[str, Tensor]:
        flat = list(_leaves(state))
        specs = zip(self.first, flat, strict=True)
        return {spec.name: as_index(spec.kind, value) for spec, value in specs}

    def transition(self, state: Any, action: Any) -> Any:
        known = self._known(state)
        count = len(self.sizes_of("u"))
        parts = [action] if count == 1 else [action[..., f] for f in range(count)]
        known |= {f"u{f}": part for f, part in enumerate(parts)}
        moved = []
        for spec in self.moves:
            moved.append(self._sample(spec, known))
            known[f"{spec.name}'"] = as_index(self._kind(spec.name), moved[-1])
        return self._structured(moved)

    def _kind(self, name: str) -> str:
        return next(spec.kind for spec in self.first if spec.name == name)

    def observe(self, state: Any) -> None:
        known = self._known(state)
        for spec in self.outcomes:
            self._draw(spec, known)

    def _draw(self, spec: Spec, known: dict[str, Tensor]) -> Tensor:
        value = self._sample(spec, known)
        known[spec.name] = as_index(spec.kind, value)
        return value

    def _sample(self, spec: Spec, known: Mapping[str, Tensor]) -> Tensor:
        index = tuple(known[parent] for parent in spec.parents)
        rows = spec.table[index] if index else spec.table
        return pyro.sample(spec.name, distribution(spec.kind, rows))


def random_programs(zeros: bool = True, linked: bool = True) -> st.SearchStrategy[RandomProgram]:
    """Random programs, by their seed."""
    return st.builds(RandomProgram, SEEDS, st.just(zeros), st.just(linked))


def _space(controls: Sequence[int]) -> gym.Space[Any] | None:
    if not controls:
        return None
    if len(controls) == 1:
        return gym.spaces.Discrete(controls[0])
    return gym.spaces.MultiDiscrete(list(controls))


def _leaves(state: Any) -> Iterator[Tensor]:
    if isinstance(state, Tensor):
        yield state
        return
    if isinstance(state, Weather):
        parts: Any = (state.first, state.rest)
    else:
        parts = state.values() if isinstance(state, dict) else state
    for part in parts:
        yield from _leaves(part)


# The independent truth: the program at one value of everything at a time


def scalar_log_probs(run: Callable[[], Any], values: Mapping[str, Tensor]) -> dict[str, float]:
    """Log-probability of each site when a program is run at these values, minus torch's clamps."""
    trace = poutine.trace(poutine.condition(run, dict(values))).get_trace()
    found = {name: float(trace.nodes[name]["fn"].log_prob(value)) for name, value in values.items()}
    return {name: -np.inf if value < -30 else value for name, value in found.items()}


def state_at(program: Any, values: Mapping[str, Tensor]) -> Any:
    """The state structure with these values."""
    return poutine.condition(program.initial, dict(values))()


def combinations(sites: Sequence[Site]) -> Iterator[tuple[tuple[int, ...], dict[str, Tensor]]]:
    """Every joint value of some sites: their indexes and their values."""
    for index in itertools.product(*(range(site.size) for site in sites)):
        pairs = zip(sites, index, strict=True)
        yield index, {site.name: site.support[i] for site, i in pairs}


def looked_up(table: Table, values: Mapping[tuple[Role, str], int]) -> float:
    """The entry of a table at the indexes of its variables."""
    return float(table.log_probs[tuple(values[v.role, v.name] for v in table.variables)])


def by_role(role: Role, sites: Sequence[Site], index: Sequence[int]) -> dict[Any, int]:
    """Indexes of sites, keyed as in a table."""
    return {(role, site.name): i for site, i in zip(sites, index, strict=True)}


def assert_tables_are_the_program(program: Any, tables: Tables) -> None:
    """Every entry of every table is the program's own log-probability at these values."""
    for index, values in combinations(tables.states):
        here = by_role(Role.STATE, tables.states, index)
        _assert_same(tables.initial, here, scalar_log_probs(program.initial, values))
        state = state_at(program, values)
        for seen, outcome in combinations(tables.outcomes):
            found = scalar_log_probs(lambda s=state: program.observe(s), outcome)
            _assert_same(tables.observe, here | by_role(Role.OUTCOME, tables.outcomes, seen), found)
        for action in itertools.product(*(range(n) for n in tables.controls)):
            done = {(Role.CONTROL, f"action_{f}"): u for f, u in enumerate(action)}
            for after, new in combinations(tables.states):
                move = _moved(program, state, action)
                there = by_role(Role.NEXT, tables.states, after)
                _assert_same(tables.transition, here | done | there, scalar_log_probs(move, new))


def _moved(program: Any, state: Any, action: Sequence[int]) -> Callable[[], Any]:
    given = torch.tensor(action) if len(action) > 1 else torch.tensor(action[0]) if action else None
    return lambda: program.transition(state, given)


def _assert_same(
    tables: Sequence[Table], index: Mapping[Any, int], expected: Mapping[str, float]
) -> None:
    for table in tables:
        actual = looked_up(table, index)
        np.testing.assert_allclose(actual, expected[table.variable.name], rtol=0, atol=1e-12)
