"""The exact filter against brute force over every path of states."""

import copy
import math
from collections.abc import Callable

import numpy as np
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyro_activeinf.filters import ExactFilter, JointBelief
from pyro_activeinf.models import POMDP, TMaze
from pyro_activeinf.records import SoftObservation
from tests import oracles
from tests.bridge import (
    as_array,
    library_actions,
    library_observation,
    library_observations,
    pomdp,
)
from tests.oracles import Actions, Arrays, Observations
from tests.strategies import episodes, policies, random_model, random_models


def filtered(model: Arrays, observations: Observations, actions: Actions) -> list[JointBelief]:
    """Beliefs after each observation."""
    exact = ExactFilter(pomdp(model))
    beliefs = [exact.update(exact.initial(), library_observation(observations[0]))]
    moves = library_actions(model, actions)
    for t, observation in enumerate(observations[1:]):
        predicted = exact.predict(beliefs[-1], moves[t])
        beliefs.append(exact.update(predicted, library_observation(observation)))
    return beliefs


@settings(max_examples=60)
@given(data=st.data(), model=random_models())
def test_free_energy_is_minus_log_evidence(data: st.DataObject, model: Arrays) -> None:
    episode = data.draw(episodes(model, length=3, soft=0.3))
    beliefs = filtered(model, *episode)
    total = sum(float(belief.free_energy) for belief in beliefs)
    assert total == pytest.approx(-oracles.log_evidence(model, *episode), abs=1e-10)


@settings(max_examples=40)
@given(data=st.data(), model=random_models())
def test_beliefs_and_terms_agree_with_brute_force(data: st.DataObject, model: Arrays) -> None:
    episode = data.draw(episodes(model, length=3, soft=0.3))
    belief = filtered(model, *episode)[-1]
    truth = oracles.filtered(model, *episode)
    oracles.assert_close(as_array(belief.probs), truth.reshape(-1), 1e-10)
    assert float(belief.terms.complexity) == pytest.approx(
        oracles.complexity(model, *episode), abs=1e-10
    )
    assert float(belief.terms.accuracy) == pytest.approx(
        oracles.accuracy(model, *episode), abs=1e-10
    )
    assert float(belief.terms.total) == pytest.approx(float(belief.free_energy), abs=1e-10)
    for f, marginal in enumerate(belief.marginals.values()):
        others = tuple(g for g in range(truth.ndim) if g != f)
        oracles.assert_close(as_array(marginal.probs), truth.sum(others), 1e-10)


@settings(max_examples=40)
@given(data=st.data(), model=random_models(max_factors=2))
def test_smoother_agrees_with_brute_force(data: st.DataObject, model: Arrays) -> None:
    observations, actions = data.draw(episodes(model, length=4))
    smoothing = ExactFilter(pomdp(model)).smooth(
        library_observations(observations), library_actions(model, actions)
    )
    states = math.prod(model.num_states)
    for t, truth in enumerate(oracles.smoothed(model, observations, actions)):
        oracles.assert_close(as_array(smoothing.probs[t]), truth.reshape(-1), 1e-10)
    for t, truth in enumerate(oracles.pairwise(model, observations, actions)):
        oracles.assert_close(as_array(smoothing.pairwise[t]), truth.reshape(states, states), 1e-10)
    evidence = oracles.log_evidence(model, observations, actions)
    assert float(smoothing.free_energy) == pytest.approx(-evidence, abs=1e-10)


@pytest.mark.parametrize("joint", [True, False])
@settings(max_examples=40)
@given(data=st.data(), model=random_models(preference_steps=4))
def test_expected_free_energy_agrees_with_brute_force(
    joint: bool, data: st.DataObject, model: Arrays
) -> None:
    policy = data.draw(policies(model, horizon=3))
    exact = ExactFilter(pomdp(model), joint_outcomes=joint)
    belief = exact.initial()
    start = as_array(belief.probs).reshape(model.num_states)
    truth = oracles.expected_free_energy(model, start, policy, 1, joint_outcomes=joint)
    for step, action in zip(truth["steps"], library_actions(model, policy), strict=True):
        belief = exact.predict(belief, action)
        terms = exact.expected_free_energy(belief)
        for name in ("pragmatic", "epistemic", "risk", "ambiguity"):
            assert float(getattr(terms, name)) == pytest.approx(step[name], abs=1e-10), name
        assert float(terms.total) == pytest.approx(step["G"], abs=1e-10)
        assert float(terms.risk + terms.ambiguity) == pytest.approx(step["G"], abs=1e-10)
        assert float(-terms.pragmatic - terms.epistemic) == pytest.approx(step["G"], abs=1e-10)


@settings(max_examples=30)
@given(model=random_models())
def test_terms_of_each_modality_are_those_of_it_alone(model: Arrays) -> None:
    exact = ExactFilter(pomdp(model))
    belief = exact.initial()
    start = as_array(belief.probs).reshape(model.num_states)
    for m, terms in enumerate(exact.expected_free_energy(belief).per_site.values()):
        truth = oracles.outcome_terms(model, start, [m], 0)
        for name in ("pragmatic", "epistemic", "risk", "ambiguity"):
            assert float(getattr(terms, name)) == pytest.approx(truth[name], abs=1e-10)


def test_a_redundant_copy_of_a_modality_adds_no_joint_information() -> None:
    once = random_model(3, num_states=(3,), num_outcomes=(3,), zeros=False)
    sensor = once.A[0]
    copies = POMDP([np.eye(3)], [sensor[:, :, None] * np.ones((1, 1, 2))], D=[once.D[0]])
    twice = POMDP([np.eye(3)] * 2, [sensor[:, :, None] * np.ones((1, 1, 2))], D=[once.D[0]])
    single, joint = ExactFilter(copies), ExactFilter(twice)
    apart = ExactFilter(twice, joint_outcomes=False)
    values = [float(f.expected_free_energy(f.initial()).epistemic) for f in (single, joint, apart)]
    assert values[1] == pytest.approx(values[0], abs=1e-10)
    assert values[2] == pytest.approx(2 * values[0], abs=1e-10)


def test_a_batch_is_its_members_one_by_one() -> None:
    model = random_model(11, num_states=(2, 3), num_outcomes=(3, 2), zeros=False)
    exact = ExactFilter(pomdp(model))
    observation = {"o0": torch.tensor([[0, 1, -1], [2, 0, 1]]), "o1": torch.tensor([1, 0, -1])}
    moves = torch.stack(
        [library_actions(model, [[i % n for n in model.num_actions]])[0] for i in range(3)]
    )
    batch = exact.predict(exact.update(exact.initial((2, 3)), observation), moves)
    assert batch.batch_shape == (2, 3)
    for i in range(2):
        for j in range(3):
            alone = exact.update(
                exact.initial(),
                {"o0": int(observation["o0"][i, j]), "o1": int(observation["o1"][j])},
            )
            moved = exact.predict(alone, moves[j])
            oracles.assert_close(as_array(batch.probs[i, j]), as_array(moved.probs), 1e-14)


def test_impossible_observation_names_the_site_and_changes_nothing() -> None:
    exact = ExactFilter(TMaze())
    belief = exact.initial()
    before = belief.probs.clone()
    with pytest.raises(
        ValueError, match=r"`observation`.*\{'position': 2\}.*probability 0.*step 0"
    ):
        exact.update(belief, {"position": 2, "reward": 0})
    assert torch.equal(belief.probs, before)
    with pytest.raises(ValueError, match=r"batch index \[1\]"):
        exact.update(exact.initial((3,)), {"position": torch.tensor([0, 1, 0])})


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        ({"smell": 0}, r"`observation`.*\['position', 'reward'\].*\['smell'\]"),
        ({"position": 5}, r"`position`.*\[0, 1, 2, 3, 4\].*5"),
        ({"position": -2}, r"`position`"),
        ({"reward": 0.5}, r"`reward`"),
        ({"reward": dist.Categorical(torch.ones(4) / 4)}, r"`reward`.*3 weights.*\(4,\)"),
    ],
)
def test_malformed_observations_are_refused(observation: dict[str, object], message: str) -> None:
    exact = ExactFilter(TMaze())
    with pytest.raises(ValueError, match=message):
        exact.update(exact.initial(), observation)


@pytest.mark.parametrize("action", [4, -1, 0.5, None, [0, 7]])
def test_actions_outside_the_space_are_refused(action: object) -> None:
    exact = ExactFilter(TMaze())
    with pytest.raises(ValueError, match="`action`"):
        exact.predict(exact.initial(), action)


def test_a_joint_space_too_large_names_its_size_and_the_way_out() -> None:
    count = 12
    model = POMDP([np.eye(10)], [np.eye(10)[..., None]] * count, A_dependencies=[[0]])
    with pytest.raises(ValueError, match=r"1,000,000,000,000 values.*FactorizedFilter"):
        ExactFilter(model)


def test_too_many_joint_outcomes_name_the_way_out() -> None:
    model = POMDP([np.full((50, 2), 0.02)] * 6, [np.eye(2)[..., None]])
    exact = ExactFilter(model)
    with pytest.raises(ValueError, match="joint_outcomes=False"):
        exact.expected_free_energy(exact.initial())
    apart = ExactFilter(model, joint_outcomes=False)
    assert float(apart.expected_free_energy(apart.initial()).epistemic) == pytest.approx(0.0)


def test_beliefs_survive_evidence_that_underflows() -> None:
    """A static state, 3,000 looks one way and 3,001 the other: the last look decides."""
    sensor = np.array([[0.8, 0.2], [0.2, 0.8]])
    exact = ExactFilter(POMDP([sensor], [np.eye(2)[..., None]]))
    belief = exact.initial()
    for seen in [0] * 3000 + [1] * 3001:
        belief = exact.update(exact.predict(belief), {"o0": seen})
    oracles.assert_close(as_array(belief.probs), [0.2, 0.8], 1e-9)


def test_a_categorical_as_observation_is_virtual_evidence() -> None:
    exact = ExactFilter(TMaze())
    soft = exact.update(
        exact.initial(), {"reward": dist.Categorical(torch.tensor([0.9, 0.1, 0.0]))}
    )
    assert float(soft.free_energy) == pytest.approx(-math.log(0.9))
    unscaled = exact.update(exact.initial(), {"reward": SoftObservation(torch.zeros(3))})
    assert float(unscaled.free_energy) == pytest.approx(0.0)


def test_forbidden_outcomes_have_infinite_expected_free_energy() -> None:
    model = POMDP([np.eye(2)], [np.eye(2)[..., None]], C=[np.array([0.0, -np.inf])])
    exact = ExactFilter(model)
    safe = exact.update(exact.initial(), {"o0": 0})
    assert float(exact.expected_free_energy(safe).total) == 0.0
    assert float(exact.expected_free_energy(exact.initial()).total) == math.inf


def test_samples_follow_the_belief() -> None:
    exact = ExactFilter(TMaze())
    belief = exact.predict(exact.initial((2,)), torch.tensor([1, 3]))
    drawn = belief.sample(4000)
    assert drawn["context"].shape == (4000, 2)
    assert torch.equal(drawn["location"], torch.tensor([1, 3]).expand(4000, 2))
    assert abs(float(drawn["context"].double().mean()) - 0.5) < 0.03


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f.update(f.initial((3,)), {"position": torch.tensor([0, 1])}), "belief.*(3,)"),
        (lambda f: f.predict(f.initial((3,)), torch.tensor([0, 1])), "action.*(2,)"),
    ],
)
def test_batches_that_do_not_fit_are_named(
    call: Callable[[ExactFilter], object], message: str
) -> None:
    with pytest.raises(ValueError, match=f"`batch dims`.*{message}"):
        call(ExactFilter(TMaze()))


def test_filters_are_copied_as_what_they_are_made_of() -> None:
    likelihood = torch.nn.Parameter(torch.tensor([[0.8, 0.2], [0.2, 0.8]]))
    exact = ExactFilter(POMDP([likelihood], [np.eye(2)[..., None]]), joint_outcomes=False)
    exact.update(exact.initial(), {"o0": 0}).free_energy.backward()
    copied = copy.deepcopy(exact)
    assert not copied.joint_outcomes
    found = copied.update(copied.initial(), {"o0": 0}).marginals["s0"].probs
    torch.testing.assert_close(found, torch.tensor([0.8, 0.2]))


def test_what_is_no_model_is_refused() -> None:
    for wrong in (3, TMaze):
        with pytest.raises(TypeError, match="`model`"):
            ExactFilter(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch", [(0,), (2, 0)])
def test_an_empty_batch_stays_empty(batch: tuple[int, ...]) -> None:
    exact = ExactFilter(TMaze())
    belief = exact.update(exact.initial(batch), {"position": 0})
    moved = exact.predict(belief, torch.zeros(batch, dtype=torch.long))
    assert belief.batch_shape == moved.batch_shape == torch.Size(batch)
    assert exact.expected_free_energy(moved).total.shape == batch


def test_a_batch_shape_that_is_none_is_named() -> None:
    exact = ExactFilter(TMaze())
    with pytest.raises(TypeError, match=r"`batch_shape`: expected a tuple of sizes, got 3"):
        exact.initial(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`batch_shape`: expected sizes from 0 up"):
        exact.initial((-1,))
