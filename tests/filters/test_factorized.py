"""The factorized filter: exact where factors are independent, a bound elsewhere, and linear."""

import math
from functools import reduce

import numpy as np
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from pyro_activeinf.agents import Agent
from pyro_activeinf.filters import (
    ExactFilter,
    FactorizedBelief,
    FactorizedFilter,
    JointBelief,
    elimination,
)
from pyro_activeinf.models import POMDP, GenerativeModel, TMaze
from pyro_activeinf.planning import OpenLoop
from pyro_activeinf.records import ExpectedFreeEnergyTerms, SoftObservation
from tests import oracles
from tests.bridge import as_array, library_actions, library_observation, pomdp
from tests.filters.programs import Linked
from tests.filters.test_factors import TwoHands
from tests.oracles import Arrays, assert_close
from tests.strategies import (
    SEEDS,
    episodes,
    random_episode,
    random_model,
    random_models,
    random_table,
)


def independent_model(seed: int) -> Arrays:
    """Each modality and each transition depends on one factor; some factors are seen twice."""
    rng = np.random.default_rng(seed)
    num_states = rng.integers(2, 4, size=3).tolist()
    seen = [*rng.permutation(3).tolist(), int(rng.integers(3))]
    controls = [2, 1, int(rng.integers(1, 4))]
    pairs = zip(num_states, controls, strict=True)
    return Arrays(
        A=[random_table(rng, int(rng.integers(2, 4)), [num_states[f]], True) for f in seen],
        B=[random_table(rng, n, [n, actions], True) for n, actions in pairs],
        C=[],
        D=[random_table(rng, n, [], True) for n in num_states],
        A_dependencies=[[f] for f in seen],
        B_dependencies=[[f] for f in range(3)],
    )


def with_preferences(model: Arrays, seed: int) -> POMDP:
    """The library's model of these arrays, some outcomes of which are preferred."""
    rng = np.random.default_rng(seed)
    model.C[:] = [rng.normal(size=len(a)) for a in model.A]
    return pomdp(model)


def joint_of(belief: FactorizedBelief) -> JointBelief:
    """The same belief over joint states."""
    probs = belief.product(range(len(belief.sites)))
    return JointBelief(belief.step, belief.sites, probs_=probs)


def log_evidence(
    model: Arrays, belief: FactorizedBelief, observation: oracles.Observation
) -> float:
    """log p(o) where the marginals are the prior."""
    prior = reduce(np.multiply.outer, [as_array(q) for q in belief.probs]).ravel()
    return math.log(prior @ oracles.likelihood(model, observation))


@settings(max_examples=60)
@given(data=st.data(), seed=SEEDS)
def test_agrees_with_the_exact_filter_where_factors_are_independent(
    data: st.DataObject, seed: int
) -> None:
    model = independent_model(seed)
    observations, actions = data.draw(episodes(model, length=4, soft=0.3))
    program = with_preferences(model, seed)
    filters = FactorizedFilter(program), ExactFilter(program, joint_outcomes=False)
    beliefs = [f.initial() for f in filters]
    moves = [None, *library_actions(model, actions)]
    for move, observation in zip(moves, observations, strict=True):
        if move is not None:
            beliefs = [f.predict(b, move) for f, b in zip(filters, beliefs, strict=True)]
        seen = library_observation(observation)
        beliefs = [f.update(b, seen) for f, b in zip(filters, beliefs, strict=True)]
        found, truth = beliefs
        for name, marginal in truth.marginals.items():
            assert_close(as_array(found.marginals[name].probs), as_array(marginal.probs), 1e-9)
        for value in ("complexity", "accuracy", "total"):
            truth_value = float(getattr(truth.terms, value))
            assert float(getattr(found.terms, value)) == pytest.approx(truth_value, abs=1e-9)
        assert float(found.free_energy) == pytest.approx(float(truth.free_energy), abs=1e-9)
        assert int(found.sweeps) == 0
        for site, accuracy in truth.terms.per_site.items():
            assert float(found.terms.per_site[site]) == pytest.approx(float(accuracy), abs=1e-9)


def test_free_energy_never_rises_and_bounds_the_evidence_on_1000_random_models() -> None:
    swept = 0
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        sizes = [rng.integers(2, 4, size=count).tolist() for count in rng.integers(2, 4, size=2)]
        model = random_model(seed, *sizes, zeros=seed % 2 == 0)
        (observation,), _ = random_episode(model, seed, 1, missing=0.1, soft=0.2)
        carrier = FactorizedFilter(pomdp(model))
        belief = carrier.update(carrier.initial(), library_observation(observation))
        falls = -belief.trace.diff()
        assert (falls[~falls.isnan()] >= -1e-12).all()
        evidence = oracles.log_evidence(model, [observation], [])
        assert float(belief.free_energy) >= -evidence - 1e-10
        swept += int(belief.sweeps) > 1
    assert swept > 500


@settings(max_examples=40)
@given(data=st.data(), model=random_models())
def test_free_energy_bounds_the_evidence_at_later_steps(data: st.DataObject, model: Arrays) -> None:
    observations, actions = data.draw(episodes(model, length=2, soft=0.3))
    carrier = FactorizedFilter(pomdp(model))
    first = carrier.update(carrier.initial(), library_observation(observations[0]))
    predicted = carrier.predict(first, library_actions(model, actions)[0])
    start = reduce(np.multiply.outer, [as_array(q) for q in first.probs]).ravel()
    moved = (start @ oracles.transition_table(model, actions[0])).reshape(model.num_states)
    for f, probs in enumerate(predicted.probs):
        others = tuple(g for g in range(moved.ndim) if g != f)
        assert_close(as_array(probs), moved.sum(others), 1e-12)
    evidence = (
        oracles.likelihood(model, observations[1])
        @ reduce(np.multiply.outer, [as_array(q) for q in predicted.probs]).ravel()
    )
    if evidence == 0:  # possible for the joint state, not for these marginals
        with pytest.raises(ValueError, match="probability 0"):
            carrier.update(predicted, library_observation(observations[1]))
        return
    belief = carrier.update(predicted, library_observation(observations[1]))
    assert float(belief.free_energy) >= -math.log(evidence) - 1e-10
    assert float(belief.terms.total) == pytest.approx(float(belief.free_energy), abs=1e-10)
    assert float(belief.trace[-1]) == float(belief.free_energy)


def assert_same_terms(found: ExpectedFreeEnergyTerms, truth: ExpectedFreeEnergyTerms) -> None:
    assert found.sites == truth.sites
    assert_close(as_array(found.values), as_array(truth.values), 1e-10)


@settings(max_examples=40)
@given(model=random_models(preference_steps=3), seed=SEEDS)
def test_expected_free_energy_is_exact_for_a_product_of_marginals(model: Arrays, seed: int) -> None:
    program = pomdp(model)
    carrier, exact = FactorizedFilter(program), ExactFilter(program, joint_outcomes=False)
    moves = oracles.brute_policies(model.num_actions, 1)[:, 0]
    belief = carrier.initial((len(moves),))
    for _ in range(2):
        belief = carrier.predict(belief, library_actions(model, moves.tolist()))
        found = carrier.expected_free_energy(belief)
        assert_same_terms(found, exact.expected_free_energy(joint_of(belief)))


@pytest.mark.parametrize("action", [0, 1])
def test_expected_free_energy_of_linked_sites_and_preferences(action: int) -> None:
    program = Linked()
    carrier, exact = FactorizedFilter(program), ExactFilter(program, joint_outcomes=False)
    belief = carrier.predict(carrier.initial((2,)), torch.tensor([action, 1 - action]))
    found = carrier.expected_free_energy(belief)
    assert_same_terms(found, exact.expected_free_energy(joint_of(belief)))


def test_forbidden_outcomes_have_infinite_expected_free_energy() -> None:
    eye = np.eye(2)
    model = POMDP([eye, eye], [eye[..., None]] * 2, C=[np.zeros(2), np.array([0.0, -np.inf])],
                  A_dependencies=[[0], [1]])  # fmt: skip
    carrier = FactorizedFilter(model)
    safe = carrier.update(carrier.initial(), {"o1": 0})
    found = carrier.expected_free_energy(safe)
    assert float(found.total) == pytest.approx(-math.log(2))  # to learn the other bit
    assert float(found.per_site["o1"].total) == 0.0
    terms = carrier.expected_free_energy(carrier.initial())
    assert float(terms.total) == float(terms.per_site["o1"].total) == math.inf
    assert float(terms.per_site["o0"].total) == pytest.approx(-math.log(2))


@pytest.mark.parametrize("kind", [TMaze, Linked, TwoHands])
def test_looking_ahead_is_scoring_what_every_action_predicts(kind: type[GenerativeModel]) -> None:
    carrier = FactorizedFilter(kind())
    belief = carrier.initial((2, 3))
    found = carrier.look_ahead(belief)
    sizes = carrier.tables.controls
    actions = torch.cartesian_prod(*(torch.arange(n) for n in sizes))
    for i, action in enumerate(actions):
        alone = carrier.expected_free_energy(carrier.predict(belief, action))
        assert_close(as_array(found.values[:, :, i]), as_array(alone.values))
    assert found.total.shape == (2, 3, len(actions))


def test_looking_ahead_where_there_is_nothing_to_choose() -> None:
    carrier = FactorizedFilter(POMDP([np.eye(2)], [np.eye(2)[..., None]]))
    assert carrier.look_ahead(carrier.initial((3,))).total.shape == (3, 1)


@settings(max_examples=15)
@given(seed=SEEDS)
def test_plans_agree_with_the_exact_filter_where_factors_are_independent(seed: int) -> None:
    model = independent_model(seed)
    program = with_preferences(model, seed)
    carrier, exact = FactorizedFilter(program), ExactFilter(program, joint_outcomes=False)
    (observation,), _ = random_episode(model, seed, 1)
    seen = library_observation(observation)
    planner = OpenLoop(horizon=3, precision=1.0)
    found = planner(carrier, carrier.update(carrier.initial((2,)), seen))
    truth = planner(exact, exact.update(exact.initial((2,)), seen))
    assert torch.equal(found.policies, truth.policies)
    assert_close(as_array(found.per_step.values), as_array(truth.per_step.values), 1e-9)
    assert_close(as_array(found.probs), as_array(truth.probs), 1e-9)


def many_factors(count: int) -> POMDP:
    """A ring of factors of 10 states, each of which moves with, and is seen with, the next."""
    rng = np.random.default_rng(0)
    pairs = [[f, (f + 1) % count] for f in range(count)]
    return POMDP(
        A=[random_table(rng, 4, [10, 10], False) for _ in range(count)],
        B=[random_table(rng, 10, [10, 10, 2 if f == 0 else 1], False) for f in range(count)],
        C=[np.arange(4.0)] * count,
        A_dependencies=pairs,
        B_dependencies=pairs,
    )


def multiplications(count: int) -> int:
    """Of a prediction, an update of two sweeps and a score."""
    carrier = FactorizedFilter(many_factors(count), max_sweeps=2, tolerance=0.0)
    start = carrier.initial((3,))
    seen = {name: torch.tensor([0, 1, 3]) for name in carrier.observation_sites}
    with FlopCounterMode(display=False) as counter:
        belief = carrier.update(carrier.predict(start, torch.tensor([0, 1, 0])), seen)
        carrier.expected_free_energy(belief)
    assert belief.sweeps.tolist() == [2, 2, 2]
    return int(counter.get_total_flops()) // 2


def test_cost_is_linear_in_the_number_of_dependencies() -> None:
    few, more, many = (multiplications(count) for count in (10, 20, 30))
    assert many - more == more - few > 0
    assert many < 3.05 * few


def test_thirty_factors_of_ten_states() -> None:
    model = many_factors(30)
    with pytest.raises(ValueError, match="FactorizedFilter"):
        ExactFilter(model)
    carrier = FactorizedFilter(model)
    start = carrier.update(carrier.initial(), dict.fromkeys(carrier.observation_sites, 1))
    assert (start.trace.diff() <= 1e-12).all()
    assert int(start.sweeps) < carrier.max_sweeps
    posterior = OpenLoop(horizon=2)(carrier, start)
    assert posterior.probs.shape == (4,)


@pytest.mark.parametrize("zeros", [True, False])
def test_a_batch_is_its_members_one_by_one(zeros: bool) -> None:
    model = random_model(11, num_states=(2, 3, 2), num_outcomes=(3, 2), zeros=zeros)
    carrier = FactorizedFilter(pomdp(model))
    rows = [random_episode(model, seed, 1)[0][0] for seed in range(6)]
    observation = {
        f"o{m}": torch.tensor([-1 if row[m] is None else int(row[m]) for row in rows]).reshape(2, 3)
        for m in range(2)
    }
    moves = torch.stack(
        [library_actions(model, [[i % n for n in model.num_actions]])[0] for i in range(3)]
    )
    batch = carrier.update(carrier.initial((2, 3)), observation)
    moved = carrier.predict(batch, moves)
    assert moved.batch_shape == (2, 3)
    for i in range(2):
        for j in range(3):
            alone = carrier.update(
                carrier.initial(), {name: int(value[i, j]) for name, value in observation.items()}
            )
            assert int(batch.sweeps[i, j]) == int(alone.sweeps)
            assert float(batch.free_energy[i, j]) == pytest.approx(float(alone.free_energy))
            assert_close(as_array(batch.log_probs[i, j].exp()), as_array(alone.log_probs.exp()))
            after = carrier.predict(alone, moves[j])
            assert_close(as_array(moved.log_probs[i, j].exp()), as_array(after.log_probs.exp()))


def test_observations_widen_the_batch() -> None:
    carrier = FactorizedFilter(Linked())
    belief = carrier.update(carrier.initial(), {"first": torch.tensor([0, 1, -1])})
    assert belief.batch_shape == (3,)
    assert belief.trace.shape[0] == 3
    assert float(belief.free_energy[2]) == pytest.approx(0.0, abs=1e-12)
    alone = carrier.update(carrier.initial(), {"first": 1})
    assert_close(as_array(belief.log_probs[1]), as_array(alone.log_probs))


@pytest.mark.parametrize("weights", [[1.0, 0.0], [0.2, 1.5]])
def test_soft_observations_of_linked_sites(weights: list[float]) -> None:
    """Evidence is a likelihood of two sites, whose values are summed out; F bounds it."""
    carrier, exact = FactorizedFilter(Linked()), ExactFilter(Linked())
    seen = {"first": SoftObservation(torch.tensor(weights).log()), "second": 1}
    belief = carrier.update(carrier.initial(), seen)
    prior = joint_of(carrier.initial())
    truth = exact.update(prior, seen)
    assert float(belief.free_energy) >= float(truth.free_energy)
    assert float(belief.free_energy) < float(truth.free_energy) + 0.1
    assert set(belief.terms.per_site) == {"first+second"}


def test_no_observation_leaves_the_prediction() -> None:
    carrier = FactorizedFilter(Linked())
    belief = carrier.update(carrier.initial((2,)), {})
    assert_close(as_array(belief.log_probs), as_array(carrier.initial((2,)).log_probs))
    assert_close(as_array(belief.trace), [[0.0], [0.0]])
    missing = carrier.update(carrier.initial(), {"first": -1, "third": math.nan})
    assert_close(as_array(missing.log_probs), as_array(carrier.initial().log_probs))


def test_sweeps_are_limited_and_reported() -> None:
    carrier = FactorizedFilter(many_factors(4))
    seen = dict.fromkeys(carrier.observation_sites, 2)
    full = carrier.update(carrier.initial(), seen)
    assert full.trace.shape == (1 + int(full.sweeps),)
    assert int(full.sweeps) > 3
    brief = FactorizedFilter(many_factors(4), max_sweeps=3).update(carrier.initial(), seen)
    assert int(brief.sweeps) == 3
    assert_close(as_array(brief.trace), as_array(full.trace[:4]))
    coarse = FactorizedFilter(many_factors(4), tolerance=1e-3).update(carrier.initial(), seen)
    assert int(coarse.sweeps) < int(full.sweeps)


def test_impossible_observation_names_the_site_and_changes_nothing() -> None:
    carrier = FactorizedFilter(TMaze())
    belief = carrier.initial()
    before = belief.log_probs.clone()
    with pytest.raises(
        ValueError, match=r"`observation`.*\{'position': 2\}.*probability 0.*step 0"
    ):
        carrier.update(belief, {"position": 2, "reward": 0})
    assert torch.equal(belief.log_probs, before)
    with pytest.raises(ValueError, match=r"batch index \[1\]"):
        carrier.update(carrier.initial((3,)), {"position": torch.tensor([0, 1, 0])})


def triangle(noise: float = 0.0) -> POMDP:
    """Three bits; each modality tells whether two of them differ."""
    differ = np.abs(np.eye(2)[::-1] - noise)
    sensor = np.stack([1 - differ, differ])
    pairs = [[0, 1], [1, 2], [0, 2]]
    return POMDP([sensor] * 3, [np.eye(2)[..., None]] * 3, A_dependencies=pairs)


def test_sites_that_contradict_each_other_are_named_together() -> None:
    carrier = FactorizedFilter(triangle())
    two = carrier.update(carrier.initial(), {"o0": 1, "o1": 1})
    assert float(two.free_energy) == pytest.approx(3 * math.log(2))
    with pytest.raises(ValueError, match=r"\{'o0': 1, 'o1': 1, 'o2': 1\} with probability 0"):
        carrier.update(carrier.initial(), {"o0": 1, "o1": 1, "o2": 1})
    noisy = FactorizedFilter(triangle(noise=0.1))
    belief = noisy.update(noisy.initial(), {"o0": 1, "o1": 1, "o2": 1})
    assert math.isfinite(float(belief.free_energy))


def test_where_no_marginals_are_found_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parities of overlapping bits, with too little room to look for a state that has them."""
    parity = (np.indices((2, 2, 2)).sum(0) % 2).astype(float)
    triples = [[0, 2, 3], [0, 1, 3], [1, 2, 4]]
    model = POMDP(
        [np.stack([1 - parity, parity])] * 3,
        [np.eye(2)[..., None]] * 5,
        A_dependencies=triples,
    )
    carrier = FactorizedFilter(model)
    belief, seen = carrier.initial(), {"o0": 0, "o1": 1, "o2": 1}
    monkeypatch.setattr(elimination, "LIMIT_NUMBERS", 1)
    with pytest.raises(ValueError, match=r"independent marginals.*step 0.*100 sweeps.*ExactFilter"):
        carrier.update(belief, seen)
    monkeypatch.undo()
    assert float(carrier.update(belief, seen).free_energy) == pytest.approx(5 * math.log(2))


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        ({"smell": 0}, r"`observation`.*\['position', 'reward'\].*\['smell'\]"),
        ({"position": 5}, r"`position`.*\[0, 1, 2, 3, 4\].*5"),
        ({"reward": dist.Categorical(torch.ones(4) / 4)}, r"`reward`.*3 weights.*\(4,\)"),
    ],
)
def test_malformed_observations_are_refused(observation: dict[str, object], message: str) -> None:
    carrier = FactorizedFilter(TMaze())
    with pytest.raises(ValueError, match=message):
        carrier.update(carrier.initial(), observation)


@pytest.mark.parametrize("action", [4, -1, 0.5, None, [0, 7]])
def test_actions_outside_the_space_are_refused(action: object) -> None:
    carrier = FactorizedFilter(TMaze())
    with pytest.raises(ValueError, match="`action`"):
        carrier.predict(carrier.initial(), action)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ([0, 3], r"`action\[..., 1\]`.*0 to 2"),
        ([0], "2 controls"),
        (1, "2 controls"),
        (None, "controls"),
    ],
)
def test_actions_of_several_controls_are_checked_each(action: object, message: str) -> None:
    carrier = FactorizedFilter(TwoHands())
    with pytest.raises(ValueError, match=message):
        carrier.predict(carrier.initial(), action)


@pytest.mark.parametrize(
    ("argument", "value"), [("max_sweeps", 0), ("max_sweeps", 2.5), ("tolerance", -1e-3)]
)
def test_arguments_are_checked(argument: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"`{argument}`"):
        FactorizedFilter(TMaze(), **{argument: value})  # type: ignore[arg-type]


def test_beliefs_survive_evidence_that_underflows() -> None:
    """A static state, 300 looks one way and 301 the other: the last look decides."""
    sensor = np.array([[0.999, 0.001], [0.001, 0.999]])
    carrier = FactorizedFilter(POMDP([sensor], [np.eye(2)[..., None]]))
    belief = carrier.initial()
    for seen in [0] * 300 + [1] * 301:
        belief = carrier.update(carrier.predict(belief), {"o0": seen})
    assert_close(as_array(belief.probs[0]), [0.001, 0.999], 1e-9)


def test_gradients_reach_the_parameters_and_are_finite() -> None:
    model = TMaze()  # half of its tables are zeros
    weights = [tensor.requires_grad_() for tensor in model.buffers()]
    carrier = FactorizedFilter(model)
    belief = carrier.update(carrier.initial(), {"position": 0, "reward": 0})
    after = carrier.update(carrier.predict(belief, 1), {"reward": 1})
    total = after.free_energy + carrier.expected_free_energy(after).total
    gradients = torch.autograd.grad(total, weights, allow_unused=True)
    found = [gradient for gradient in gradients if gradient is not None]
    assert len(found) == 2  # the likelihood and the preferences of rewards
    assert all(bool(gradient.isfinite().all()) for gradient in found)


def test_an_agent_in_the_t_maze_does_as_with_the_exact_filter() -> None:
    """Where it stands is certain, so that its belief is a product."""
    agents = [
        Agent(TMaze(), planner=OpenLoop(2), filter=kind(TMaze()))
        for kind in (FactorizedFilter, ExactFilter)
    ]
    for position, reward, action in ((0, 0, None), (4, 0, 3), (2, 1, 2)):
        seen = {"position": position, "reward": reward}
        found, truth = (agent.perceive(seen, action=action) for agent in agents)
        for name, marginal in truth.marginals.items():
            assert_close(as_array(found.marginals[name].probs), as_array(marginal.probs))
        plan, best = (agent.plan() for agent in agents)
        assert_close(as_array(plan.probs), as_array(best.probs), 1e-9)


def test_single_precision_is_kept() -> None:
    carrier = FactorizedFilter(Linked().float())
    assert carrier.dtype is torch.float32
    belief = carrier.update(carrier.initial(), {"first": 0, "second": 1, "third": 0.0})
    moved = carrier.predict(belief, 1)
    assert belief.log_probs.dtype is moved.log_probs.dtype is torch.float32
    assert carrier.expected_free_energy(moved).values.dtype is torch.float32
    assert belief.free_energy.dtype is torch.float32
    double = FactorizedFilter(Linked())
    truth = double.update(double.initial(), {"first": 0, "second": 1, "third": 0.0})
    assert float(belief.free_energy) == pytest.approx(float(truth.free_energy), abs=1e-5)


def test_a_changed_parameter_changes_the_filter() -> None:
    model = Linked()
    carrier = FactorizedFilter(model)
    before = carrier.initial().marginals["weather"].probs
    model.weather = torch.tensor([0.9, 0.1])
    after = carrier.initial().marginals["weather"].probs
    assert_close(as_array(after), [0.9, 0.1])
    assert not torch.equal(before, after)


def test_scoring_bytes_grow_with_the_dependencies_not_the_joint_state() -> None:
    few, many = (FactorizedFilter(many_factors(count)).scoring_bytes for count in (10, 30))
    assert few < many < 3 * few < 10**6
