"""Random discrete models and feasible episodes: plain seeded functions, and hypothesis strategies.

Hypothesis draws the sizes and a seed, so that failures shrink to small models; numpy does the rest.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from tests.oracles import (
    Action,
    Array,
    Arrays,
    Observation,
    initial_table,
    outcome_table,
    transition_table,
)

SEEDS = st.integers(0, 2**32 - 1)


class Episode(NamedTuple):
    observations: list[Observation]  # (time, modality): an index, None, or weights over outcomes
    actions: list[Action]  # (time - 1, factor)


def _sparse(rng: np.random.Generator, probs: Array) -> Array:
    """The same probabilities, or these with exact zeros, or a certain outcome: as likely each."""
    kind = rng.integers(3)
    if kind == 0:
        return probs
    kept = np.arange(len(probs)) == rng.choice(len(probs), p=probs)
    if kind == 1:
        kept |= rng.random(len(probs)) < 0.5
    sparse: Array = probs * kept
    return sparse / float(sparse.sum())


def random_table(rng: np.random.Generator, size: int, parents: Sequence[int], zeros: bool) -> Array:
    """p(x | parents), shape (size, *parents)."""
    table = rng.dirichlet(np.ones(size), size=tuple(parents))
    if zeros:
        for index in np.ndindex(*parents):
            table[index] = _sparse(rng, table[index])
    return np.moveaxis(table, -1, 0)


def _random_dependencies(rng: np.random.Generator, count: int, num_factors: int) -> list[list[int]]:
    """Nonempty subsets of the state factors, in any order."""
    sizes = rng.integers(1, num_factors + 1, size=count)
    return [rng.permutation(num_factors)[:size].tolist() for size in sizes]


def _random_controls(rng: np.random.Generator, num_factors: int) -> list[int]:
    """2 or 3 actions for at least one factor, 1 (no control) for the others."""
    controlled = rng.random(num_factors) < 0.5
    controlled[rng.integers(num_factors)] = True
    return [int(rng.integers(2, 4)) if chosen else 1 for chosen in controlled]


def random_model(
    seed: int,
    num_states: Sequence[int] = (2, 3),
    num_outcomes: Sequence[int] = (3, 2),
    zeros: bool = True,
    preference_steps: int | None = None,
) -> Arrays:
    """A model of the given sizes with random tables, dependencies and controls.

    ``zeros`` mixes in exact zeros and deterministic columns. With ``preference_steps`` every C[m]
    has that many rows, (time, outcome); otherwise it is (outcome,). It is not normalized.
    """
    rng = np.random.default_rng(seed)
    A_dependencies = _random_dependencies(rng, len(num_outcomes), len(num_states))
    B_dependencies = _random_dependencies(rng, len(num_states), len(num_states))
    controls = _random_controls(rng, len(num_states))
    rows = () if preference_steps is None else (preference_steps,)
    return Arrays(
        A=[
            random_table(rng, size, [num_states[f] for f in factors], zeros)
            for size, factors in zip(num_outcomes, A_dependencies, strict=True)
        ],
        B=[
            random_table(rng, size, [*(num_states[f] for f in factors), actions], zeros)
            for size, factors, actions in zip(num_states, B_dependencies, controls, strict=True)
        ],
        C=[2.0 * rng.standard_normal((*rows, size)) for size in num_outcomes],
        D=[random_table(rng, size, [], zeros) for size in num_states],
        A_dependencies=A_dependencies,
        B_dependencies=B_dependencies,
    )


def random_actions(rng: np.random.Generator, model: Arrays, length: int) -> list[Action]:
    """Actions drawn uniformly: a policy, or the past of an episode; (length, factor)."""
    return [[int(rng.integers(n)) for n in model.num_actions] for _ in range(length)]


def _random_observation(
    rng: np.random.Generator, model: Arrays, state: int, missing: float, soft: float
) -> Observation:
    observation: list[int | Array | None] = []
    for modality, size in enumerate(model.num_outcomes):
        outcome = int(rng.choice(size, p=outcome_table(model, modality)[state]))
        if rng.random() < missing:
            observation.append(None)
        elif rng.random() < soft:
            observation.append(rng.random(size) + np.eye(size)[outcome])
        else:
            observation.append(outcome)
    return observation


def random_episode(
    model: Arrays, seed: int, length: int, missing: float = 0.25, soft: float = 0.0
) -> Episode:
    """An episode sampled from the model, thus of evidence > 0, under uniformly drawn actions.

    ``missing`` is the chance that a modality is not seen at a step (None), ``soft`` the chance that
    one which is seen gives weights over its outcomes.
    """
    rng = np.random.default_rng(seed)
    actions = random_actions(rng, model, length - 1)
    states = [rng.choice(len(initial_table(model)), p=initial_table(model))]
    for action in actions:
        after = transition_table(model, action)[states[-1]]
        states.append(rng.choice(len(after), p=after))
    observations = [_random_observation(rng, model, state, missing, soft) for state in states]
    return Episode(observations, actions)


def random_models(
    max_factors: int = 3,
    max_modalities: int = 3,
    max_size: int = 3,
    zeros: bool = True,
    min_size: int = 2,
    preference_steps: int | None = None,
) -> st.SearchStrategy[Arrays]:
    """Models of up to so many state factors and modalities, each of min_size to max_size values."""
    sizes = st.integers(min_size, max_size)
    return st.builds(
        random_model,
        seed=SEEDS,
        num_states=st.lists(sizes, min_size=1, max_size=max_factors),
        num_outcomes=st.lists(sizes, min_size=1, max_size=max_modalities),
        zeros=st.just(zeros),
        preference_steps=st.just(preference_steps),
    )


def episodes(
    model: Arrays, length: int, missing: float = 0.25, soft: float = 0.0
) -> st.SearchStrategy[Episode]:
    """Feasible episodes of a model; draw them with ``st.data()`` or ``flatmap``."""
    return SEEDS.map(lambda seed: random_episode(model, seed, length, missing, soft))


def models_with_episodes(
    length: int, missing: float = 0.25, soft: float = 0.0
) -> st.SearchStrategy[tuple[Arrays, Episode]]:
    """A random model of the default sizes, and an episode of it."""
    return random_models().flatmap(
        lambda model: st.tuples(st.just(model), episodes(model, length, missing, soft))
    )


def policies(model: Arrays, horizon: int) -> st.SearchStrategy[list[Action]]:
    """Single policies (horizon, factor) of a model."""
    return SEEDS.map(lambda seed: random_actions(np.random.default_rng(seed), model, horizon))
