"""The oracles against each other, textbook recursions and closed forms."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import oracles
from tests.oracles import TERMS, Array, Arrays, Observation, assert_close
from tests.strategies import (
    Episode,
    episodes,
    models_with_episodes,
    policies,
    random_episode,
    random_model,
    random_models,
)


def binary_entropy(prob: float) -> float:
    return float(-prob * np.log(prob) - (1 - prob) * np.log(1 - prob))


def noisy_sensor(validity: float = 0.9, copies: int = 1) -> Arrays:
    """A hidden coin that stays, seen through independent sensors of the same validity."""
    A = np.array([[validity, 1 - validity], [1 - validity, validity]])
    return Arrays(
        A=[A] * copies,
        B=[np.repeat(np.eye(2)[..., None], 2, axis=-1)],
        C=[np.array([0.5, -1.0])] * copies,
        D=[np.array([0.5, 0.5])],
        A_dependencies=[[0]] * copies,
        B_dependencies=[[0]],
    )


def crossed_factors() -> Arrays:
    """Two factors of unequal size whose tables name their parents in an unnatural order."""
    B0 = np.zeros((2, 3, 2, 2))  # s0' given s1, s0, u0: stays under 0; flips under 1 if s1 = 2
    B0[[0, 1], :, [0, 1], :] = 1.0
    B0[:, 2, :, 1] = [[0.0, 1.0], [1.0, 0.0]]
    B1 = np.zeros((3, 3, 1))  # s1' = s1 + 1 (mod 3)
    B1[[1, 2, 0], [0, 1, 2], 0] = 1.0
    A = np.zeros((6, 3, 2))  # the outcome tells both: 2 s1 + s0
    for s1, s0 in np.ndindex(3, 2):
        A[2 * s1 + s0, s1, s0] = 1.0
    D = [np.ones(2) / 2, np.ones(3) / 3]
    return Arrays([A], [B0, B1], [np.zeros(6)], D, [[1, 0]], [[1, 0], [1]])


def only_modality(model: Arrays, modality: int) -> Arrays:
    return replace(
        model,
        A=[model.A[modality]],
        C=[model.C[modality]],
        A_dependencies=[model.A_dependencies[modality]],
    )


# Tables of joint states


def test_joint_states_have_the_last_factor_fastest() -> None:
    states = oracles.joint_states(crossed_factors())
    assert np.array(states).T.tolist() == [[0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]]


def test_tables_follow_the_order_of_the_dependencies() -> None:
    model = crossed_factors()
    np.testing.assert_array_equal(oracles.outcome_table(model, 0).argmax(1), [0, 2, 4, 1, 3, 5])
    still, flip = (oracles.transition_table(model, (u, 0)).argmax(1) for u in (0, 1))
    np.testing.assert_array_equal(still, [1, 2, 0, 4, 5, 3])
    np.testing.assert_array_equal(flip, [1, 2, 3, 4, 5, 0])


@given(random_models())
def test_tables_are_distributions(model: Arrays) -> None:
    assert_close(oracles.initial_table(model).sum(), 1.0)
    for modality in range(len(model.A)):
        table = oracles.outcome_table(model, modality)
        assert (table >= 0).all()
        assert_close(table.sum(1), 1.0)
    for action in itertools.product(*(range(n) for n in model.num_actions)):
        table = oracles.transition_table(model, action)
        assert (table >= 0).all()
        assert_close(table.sum(1), 1.0)


# Inference


def forward_algorithm(model: Arrays, episode: Episode) -> tuple[float, Array]:
    """Log evidence and last filtered belief of a chain, scaled at every step (Rabiner, 1989)."""
    belief, total = model.D[0], 0.0
    for t, observation in enumerate(episode.observations):
        if t > 0:
            belief = model.B[0][:, :, episode.actions[t - 1][0]] @ belief
        for A, outcome in zip(model.A, observation, strict=True):
            if outcome is not None:
                belief = A[outcome] * belief
        total += np.log(belief.sum())
        belief = belief / belief.sum()
    return total, belief


def backward_algorithm(model: Arrays, episode: Episode) -> Array:
    """p(s_0 | all observations) of a chain, from its last step backwards (Rabiner, 1989)."""
    message = np.ones(len(model.D[0]))
    for t in reversed(range(len(episode.observations))):
        for A, outcome in zip(model.A, episode.observations[t], strict=True):
            if outcome is not None:
                message = A[outcome] * message
        if t > 0:
            message = message @ model.B[0][:, :, episode.actions[t - 1][0]]
    return model.D[0] * message / np.sum(model.D[0] * message)


@given(st.data())
def test_one_factor_is_a_hidden_markov_model(data: st.DataObject) -> None:
    model = data.draw(random_models(max_factors=1))
    episode = data.draw(episodes(model, 4))
    evidence, belief = forward_algorithm(model, episode)
    assert_close(oracles.log_evidence(model, *episode), evidence)
    assert_close(oracles.filtered(model, *episode), belief)
    first = oracles.smoothed(model, *episode)[0]
    assert_close(first, backward_algorithm(model, episode))


@pytest.mark.parametrize("seed", range(4))
def test_evidence_sums_to_one_over_all_observations(seed: int) -> None:
    model = random_model(seed, num_states=(2, 3), num_outcomes=(2, 2))
    actions = random_episode(model, seed, 3).actions
    outcomes = list(itertools.product(range(2), range(2)))
    total = sum(
        np.exp(oracles.log_evidence(model, observations, actions))
        for observations in itertools.product(outcomes, repeat=3)
    )
    assert_close(total, 1.0)


def test_a_known_path_through_crossed_factors() -> None:
    model = crossed_factors()  # s0, s1: (0, 1), then (0, 2), then flipped to (1, 0)
    observations: list[Observation] = [[2], [None], [1]]
    actions = [(1, 0), (1, 0)]
    assert_close(oracles.log_evidence(model, observations, actions), -np.log(6))
    beliefs = oracles.smoothed(model, observations, actions)
    assert [beliefs[0][0, 1], beliefs[1][0, 2], beliefs[2][1, 0]] == [1.0, 1.0, 1.0]
    pairs = oracles.pairwise(model, observations, actions)
    assert [pairs[0][0, 1, 0, 2], pairs[1][0, 2, 1, 0]] == [1.0, 1.0]


def test_impossible_observations_have_no_posterior() -> None:
    observations, actions = [[2], [2]], [(0, 0)]
    assert oracles.log_evidence(crossed_factors(), observations, actions) == -np.inf
    with pytest.raises(ValueError, match="probability zero"):
        oracles.filtered(crossed_factors(), observations, actions)


@given(models_with_episodes(3, soft=0.3))
def test_posteriors_are_marginals_of_each_other(case: tuple[Arrays, Episode]) -> None:
    model, episode = case
    smoothed = oracles.smoothed(model, *episode)
    assert_close(smoothed[-1], oracles.filtered(model, *episode))
    over_states = tuple(range(len(model.D)))
    for t, pair in enumerate(oracles.pairwise(model, *episode)):
        assert pair.shape == model.num_states * 2
        assert_close(pair.sum(), 1.0)
        after = tuple(f + len(model.D) for f in over_states)
        assert_close(pair.sum(after), smoothed[t])
        assert_close(pair.sum(over_states), smoothed[t + 1])


@given(models_with_episodes(3))
def test_prediction_is_the_last_belief_moved_on(case: tuple[Arrays, Episode]) -> None:
    model, (observations, actions) = case
    before = oracles.filtered(model, observations[:-1], actions[:-1])
    moved = oracles.predicted_beliefs(model, before, actions[-1:])[0]
    assert_close(oracles.predicted(model, observations, actions), moved)


@given(models_with_episodes(3, soft=0.3))
def test_free_energy_of_the_last_update_is_its_surprise(case: tuple[Arrays, Episode]) -> None:
    model, (observations, actions) = case
    surprise = oracles.log_evidence(model, observations[:-1], actions[:-1])
    surprise -= oracles.log_evidence(model, observations, actions)
    complexity = oracles.complexity(model, observations, actions)
    accuracy = oracles.accuracy(model, observations, actions)
    assert complexity > -1e-12
    assert_close(complexity - accuracy, surprise)


def test_complexity_and_accuracy_of_a_noisy_sensor() -> None:
    model = noisy_sensor(0.9)
    complexity = np.log(2) - binary_entropy(0.9)
    accuracy = 0.9 * np.log(0.9) + 0.1 * np.log(0.1)
    assert_close(oracles.complexity(model, [[0]], []), complexity)
    assert_close(oracles.accuracy(model, [[0]], []), accuracy)


@given(st.data())
def test_missing_and_soft_evidence_are_sums_over_outcomes(data: st.DataObject) -> None:
    model, (observations, actions) = data.draw(models_with_episodes(2))
    weights = np.array(data.draw(st.tuples(*[st.floats(0.1, 2.0)] * model.num_outcomes[0])))

    def evidence(outcome: int | Array | None) -> float:
        last: Observation = [outcome, *observations[-1][1:]]
        return float(np.exp(oracles.log_evidence(model, [observations[0], last], actions)))

    each = np.array([evidence(outcome) for outcome in range(len(weights))])
    assert_close(evidence(None), each.sum())
    assert_close(evidence(weights), weights @ each)


# Expected free energy


@pytest.mark.parametrize("validity", [0.5, 0.75, 0.9])
def test_terms_of_a_noisy_sensor(validity: float) -> None:
    model = noisy_sensor(validity)
    terms = oracles.expected_free_energy(model, model.D[0], [(0,)])
    entropy = binary_entropy(validity)
    expected = {
        "pragmatic": -0.25,
        "epistemic": np.log(2) - entropy,
        "risk": -np.log(2) + 0.25,
        "ambiguity": entropy,
        "G": entropy - np.log(2) + 0.25,
    }
    for name in TERMS:
        assert_close(terms[name], expected[name])


def test_a_copied_noise_free_outcome_counts_once_unless_summed() -> None:
    model, belief = noisy_sensor(1.0, copies=2), np.array([0.5, 0.5])
    joint = oracles.expected_free_energy(model, belief, [(0,)])
    summed = oracles.expected_free_energy(model, belief, [(0,)], joint_outcomes=False)
    assert_close(joint["epistemic"], np.log(2))
    assert_close(summed["epistemic"], 2 * np.log(2))


@given(st.data(), st.booleans())
def test_the_two_decompositions_of_expected_free_energy_agree(
    data: st.DataObject, joint_outcomes: bool
) -> None:
    model, episode = data.draw(models_with_episodes(2))
    belief = oracles.filtered(model, *episode)
    policy = data.draw(policies(model, 3))
    total = oracles.expected_free_energy(model, belief, policy, 2, joint_outcomes)
    assert len(total["steps"]) == 3
    for terms in (total, *total["steps"]):
        assert_close(terms["G"], terms["risk"] + terms["ambiguity"])
        assert_close(terms["G"], -terms["pragmatic"] - terms["epistemic"])
        assert min(terms["epistemic"], terms["ambiguity"]) > -1e-12
    for name in TERMS:
        assert_close(total[name], sum(s[name] for s in total["steps"]))


@given(models_with_episodes(2))
def test_epistemic_value_is_the_expected_complexity_of_the_next_update(
    case: tuple[Arrays, Episode],
) -> None:
    model, (observations, actions) = case
    belief = oracles.filtered(model, observations[:1], [])
    terms = oracles.expected_free_energy(model, belief, actions)
    before = oracles.log_evidence(model, observations[:1], [])
    expected = 0.0
    for outcome in itertools.product(*(range(n) for n in model.num_outcomes)):
        future = [observations[0], outcome]
        prob = np.exp(oracles.log_evidence(model, future, actions) - before)
        if prob > 0:
            expected += prob * oracles.complexity(model, future, actions)
    assert_close(terms["epistemic"], expected)


@given(models_with_episodes(3))
def test_summed_modalities_bound_the_joint_epistemic_value(case: tuple[Arrays, Episode]) -> None:
    """Outcomes are independent given the state, so what they tell apart is no less in sum."""
    model, (_, policy) = case
    belief = oracles.initial_table(model)
    joint = oracles.expected_free_energy(model, belief, policy)
    summed = oracles.expected_free_energy(model, belief, policy, joint_outcomes=False)
    alone = [
        oracles.expected_free_energy(only_modality(model, m), belief, policy)
        for m in range(len(model.A))
    ]
    for name in TERMS:
        assert_close(summed[name], sum(terms[name] for terms in alone))
    assert_close(joint["pragmatic"], summed["pragmatic"])
    assert_close(joint["ambiguity"], summed["ambiguity"])
    assert joint["epistemic"] <= summed["epistemic"] + 1e-12


def test_preferences_of_a_step_are_those_of_its_time() -> None:
    model = replace(noisy_sensor(), C=[np.array([[9.0, 9.0], [9.0, 9.0], [1.0, 3.0], [4.0, 0.0]])])
    terms = oracles.expected_free_energy(model, model.D[0], [(0,), (1,)], first_step=2)
    assert_close([step["pragmatic"] for step in terms["steps"]], [2.0, 2.0])
    certain = oracles.expected_free_energy(model, np.array([1.0, 0.0]), [(0,), (1,)], first_step=2)
    assert_close([s["pragmatic"] for s in certain["steps"]], [1.2, 3.6])
