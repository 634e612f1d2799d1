"""Random models are of the shapes they declare and varied; episodes are possible under them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests import oracles
from tests.oracles import Action, Arrays
from tests.strategies import (
    Episode,
    models_with_episodes,
    policies,
    random_episode,
    random_model,
    random_models,
)


@given(random_models(max_factors=3, max_modalities=3, max_size=3))
def test_random_models_have_the_shapes_they_declare(model: Arrays) -> None:
    assert max(model.num_actions) > 1
    assert set(model.num_actions) <= {1, 2, 3}
    for A, factors in zip(model.A, model.A_dependencies, strict=True):
        assert A.shape[1:] == tuple(model.num_states[f] for f in factors)
    for f, (B, factors) in enumerate(zip(model.B, model.B_dependencies, strict=True)):
        assert B.shape[:-1] == (model.num_states[f], *(model.num_states[i] for i in factors))
    assert [C.shape for C in model.C] == [(n,) for n in model.num_outcomes]


def test_random_models_follow_the_seed_and_vary() -> None:
    models = [random_model(seed, num_states=(3, 3)) for seed in range(50)]
    np.testing.assert_array_equal(models[7].B[1], random_model(7, num_states=(3, 3)).B[1])
    tables = [table.ravel() for model in models for table in (*model.A, *model.B)]
    assert any(0.0 in table and 1.0 not in table for table in tables)
    assert any(1.0 in table for table in tables)
    assert any(factors == [1, 0] for model in models for factors in model.B_dependencies)
    assert any(1 in model.num_actions for model in models)
    dense = random_model(0, zeros=False)
    assert all((table > 0).all() for table in (*dense.A, *dense.B, *dense.D))


def test_random_models_with_preferences_over_time() -> None:
    assert [C.shape for C in random_model(0, preference_steps=5).C] == [(5, 3), (5, 2)]


@given(models_with_episodes(3, soft=0.3))
def test_episodes_are_possible(case: tuple[Arrays, Episode]) -> None:
    model, episode = case
    assert (len(episode.observations), len(episode.actions)) == (3, 2)
    assert oracles.log_evidence(model, *episode) > -np.inf


def test_episodes_mix_seen_missing_and_soft_outcomes() -> None:
    model = random_model(1)
    seen = [
        outcome
        for seed in range(30)
        for observation in random_episode(model, seed, 3, missing=0.25, soft=0.5).observations
        for outcome in observation
    ]
    kinds = {np.ndim(outcome) if outcome is not None else None for outcome in seen}
    assert kinds == {None, 0, 1}
    full = random_episode(model, 0, 20, missing=0.0).observations
    assert all(isinstance(outcome, int) for observation in full for outcome in observation)


@given(random_models().flatmap(lambda model: st.tuples(st.just(model), policies(model, 4))))
def test_policies_are_of_actions_the_model_has(case: tuple[Arrays, list[Action]]) -> None:
    model, policy = case
    every = oracles.brute_policies(model.num_actions, 1)[:, 0].tolist()
    assert len(policy) == 4
    assert all(action in every for action in policy)
