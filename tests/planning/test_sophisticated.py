"""Closed-loop planning against a plain recursion, and against known optima."""

import itertools
import math

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyro_activeinf import Agent, rollout
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import POMDP, TMaze, from_gymnasium
from pyro_activeinf.planning import OpenLoop, Sophisticated
from tests import oracles
from tests.bridge import as_array, pomdp
from tests.oracles import Array, Arrays
from tests.planning.worlds import Tiger
from tests.strategies import random_models


def brute_force(
    model: Arrays, belief: Array, horizon: int, discount: float, precision: float, step: int = 1
) -> Array:
    """G of every action, by following each of its outcomes; the belief is joint, (*factors)."""
    values = []
    everything = list(range(len(model.A)))
    likelihood = oracles.joint_outcome_table(model, everything)
    for action in itertools.product(*(range(n) for n in model.num_actions)):
        after = oracles.predicted_beliefs(model, belief, [list(action)])[0]
        total = oracles.outcome_terms(model, after, everything, step)["G"]
        joint = after.reshape(-1)[:, None] * likelihood
        for outcome in joint.T if horizon > 1 else ():
            if outcome.sum() > 0:
                posterior = (outcome / outcome.sum()).reshape(belief.shape)
                ahead = brute_force(model, posterior, horizon - 1, discount, precision, step + 1)
                total += discount * outcome.sum() * expected(ahead, precision)
        values.append(total)
    return np.array(values)


def expected(scores: Array, precision: float) -> float:
    if math.isinf(precision):
        return float(scores.min())
    weights = np.exp(-precision * (scores - scores.min()))
    return float((weights * scores).sum() / weights.sum())


@pytest.mark.parametrize("timed", [False, True])
@settings(max_examples=10)
@given(
    data=st.data(),
    discount=st.sampled_from([1.0, 0.8]),
    precision=st.sampled_from([0.7, 16.0, math.inf]),
)
def test_agrees_with_a_plain_recursion(
    timed: bool, data: st.DataObject, discount: float, precision: float
) -> None:
    steps = 4 if timed else None
    model = data.draw(random_models(2, 2, 2, preference_steps=steps))
    exact = ExactFilter(pomdp(model))
    planner = Sophisticated(3, discount, precision)
    posterior = planner(exact, exact.initial())
    start = as_array(exact.initial().probs).reshape(model.num_states)
    truth = brute_force(model, start, 3, discount, precision)
    oracles.assert_close(as_array(posterior.expected_free_energy), truth, 1e-10)


def test_tiger_has_its_known_values() -> None:
    exact = ExactFilter(Tiger())
    known = [-1, -2, 2.72, 2.42125, 3.60915, 5.61882, 6.24635, 7.09662]
    for horizon, value in enumerate(known, start=1):
        planner = Sophisticated(horizon, precision=math.inf, terms={"pragmatic"})
        found = -float(planner(exact, exact.initial()).expected_free_energy.min())
        assert found == pytest.approx(value, abs=1e-5)


def test_tiger_far_ahead() -> None:
    """The infinite-horizon value at a discount of .95; listen iff at most one net hearing."""
    exact = ExactFilter(Tiger())
    planner = Sophisticated(200, 0.95, math.inf, terms={"pragmatic"})
    posterior = planner(exact, exact.initial())
    assert -float(posterior.expected_free_energy.min()) == pytest.approx(19.3713684, abs=1e-3)
    assert posterior.report is not None
    assert posterior.report.beliefs < 60
    for heard, action in [([], 0), ([0], 0), ([0, 0], 2), ([1, 1], 1), ([0, 1], 0), ([0, 1, 0], 0)]:
        belief = exact.initial()
        for growl in heard:
            belief = exact.update(exact.predict(belief, 0), {"growl": growl, "outcome": 0})
        assert int(planner(exact, belief).action_probs.argmax()) == action


def test_beliefs_are_merged_across_the_batch_and_over_calls() -> None:
    exact = ExactFilter(Tiger())
    planner = Sophisticated(4, terms={"pragmatic"})
    with torch.no_grad():
        first = planner(exact, exact.initial((500,)))
        alone = planner(exact, exact.initial())
        heard = exact.update(exact.predict(exact.initial(), 0), {"growl": 0, "outcome": 0})
        later = planner(exact, heard)
    assert first.report is not None
    assert later.report is not None
    assert first.report.beliefs < 20
    assert later.report.beliefs - first.report.beliefs <= 2
    torch.testing.assert_close(first.expected_free_energy[17], alone.expected_free_energy)
    fresh = Sophisticated(4, terms={"pragmatic"})(exact, heard)
    torch.testing.assert_close(later.expected_free_energy, fresh.expected_free_energy)


def test_a_plan_over_timed_preferences_is_followed_to_its_end() -> None:
    late = np.zeros((6, 2))
    late[5, 1] = 3.0
    slip = np.stack([[[0.9, 0.2], [0.1, 0.8]], [[0.4, 0.6], [0.6, 0.4]]], -1)
    exact = ExactFilter(POMDP([np.eye(2)], [slip], C=[late]))
    planner = Sophisticated(5, precision=math.inf)
    with torch.no_grad():
        belief = exact.update(exact.initial(), {"o0": 0})
        value = planner(exact, belief).expected_free_energy.min()
        expanded = []
        for step in range(1, 5):
            belief = exact.update(exact.predict(belief, 0), {"o0": step % 2})
            posterior = planner(exact, belief)
            shorter = Sophisticated(5 - step, precision=math.inf)(exact, belief)
            torch.testing.assert_close(posterior.expected_free_energy, shorter.expected_free_energy)
            assert posterior.report is not None
            expanded.append(posterior.report.expanded)
    assert float(value) < 0
    assert len(set(expanded)) == 1


@pytest.mark.parametrize("precision", [0.3, math.inf])
def test_a_plan_laid_open_is_that_of_fewer_and_fewer_actions(precision: float) -> None:
    exact = ExactFilter(Tiger())
    plan = Sophisticated(3, 0.9, precision, terms={"pragmatic"}).unfold(exact, exact.initial(), 3)
    nodes = plan.roots
    for depth, (probs, scores) in enumerate(
        zip(plan.action_probs, plan.expected_free_energy, strict=True)
    ):
        shorter = Sophisticated(3 - depth, 0.9, precision, terms={"pragmatic"})
        posterior = shorter(exact, exact.unpack(plan.graph.packed[nodes], depth))
        torch.testing.assert_close(scores[nodes], posterior.expected_free_energy)
        torch.testing.assert_close(probs[nodes], posterior.action_probs)
        nodes = plan.graph.leaving(nodes).children.unique()
    assert len(nodes) > 3


def test_a_plan_is_laid_open_as_far_as_it_reaches() -> None:
    late = np.zeros((4, 2))
    late[3, 1] = 3.0
    slip = np.stack([[[0.9, 0.2], [0.1, 0.8]], [[0.4, 0.6], [0.6, 0.4]]], -1)
    exact = ExactFilter(POMDP([np.eye(2)], [slip], C=[late]))
    planner = Sophisticated(3)
    with torch.no_grad():
        belief = exact.update(exact.initial((2,)), {"o0": torch.tensor([0, 1])})
        assert len(planner.unfold(exact, belief, 5).action_probs) == 3
        later = exact.update(exact.predict(belief, 1), {"o0": 1})
        followed = planner.unfold(exact, later, 5)
        fresh = Sophisticated(2).unfold(exact, later, 5)
    assert len(followed.action_probs) == 2
    torch.testing.assert_close(
        followed.action_probs[0][followed.roots], fresh.action_probs[0][fresh.roots]
    )


def test_a_plan_is_laid_open_up_to_its_deadline() -> None:
    exact = ExactFilter(Tiger())
    planner = Sophisticated(5, precision=math.inf, terms={"pragmatic"}, deadline=2)
    plan = planner.unfold(exact, exact.initial(), 5)
    shorter = Sophisticated(2, precision=math.inf, terms={"pragmatic"})
    assert len(plan.action_probs) == 2
    posterior = shorter(exact, exact.initial())
    torch.testing.assert_close(
        plan.expected_free_energy[0][plan.roots][0], posterior.expected_free_energy
    )


def test_a_plan_is_laid_open_to_a_depth_of_at_least_one() -> None:
    exact = ExactFilter(Tiger())
    with pytest.raises(ValueError, match="`depth`: expected an integer of at least 1, got 0"):
        Sophisticated(2).unfold(exact, exact.initial(), 0)


def test_closed_loop_planning_uses_what_will_be_seen() -> None:
    """Open loop, two moves are worth one arm at best; closed loop, the cue decides which."""
    exact = ExactFilter(TMaze())
    start = exact.update(exact.initial(), {"position": 0, "reward": 0})
    closed = Sophisticated(2, precision=math.inf, terms={"pragmatic"})(exact, start)
    opened = OpenLoop(2, precision=math.inf, terms={"pragmatic"})(exact, start)
    assert -float(closed.expected_free_energy.min()) == pytest.approx(3.0 * (0.98 - 0.02))
    assert closed.action_probs.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert float(opened.expected_free_energy.min()) == pytest.approx(0.0)


def test_frozen_lake_to_the_optimum() -> None:
    env = gym.make("FrozenLake-v1", max_episode_steps=100)
    model = from_gymnasium(env)
    exact = ExactFilter(model)
    planner = Sophisticated(100, precision=math.inf, terms={"pragmatic"}, deadline=100)
    with torch.no_grad():
        start = exact.update(exact.initial(), {"observation": 0})
        value = -float(planner(exact, start).expected_free_energy.min())
    truth = oracles.optimal_return(env.unwrapped.P, env.unwrapped.initial_state_distrib, 100)  # type: ignore[attr-defined]
    assert value == pytest.approx(truth, abs=1e-10)
    assert value == pytest.approx(0.744190, abs=1e-6)
    agent = Agent(model, planner=planner, action_precision=math.inf)
    run = rollout(agent, env, episodes=20, progress=False, keep_policies=False)
    assert 9 <= float(run.rewards.nansum()) <= 20


def test_pruned_outcomes_are_reported() -> None:
    exact = ExactFilter(Tiger())
    heard = exact.update(exact.predict(exact.initial(), 0), {"growl": 0, "outcome": 0})
    wrong = 0.85 * 0.15 + 0.15 * 0.85  # of hearing the other side next
    kept = Sophisticated(1, threshold=wrong - 1e-3)(exact, heard)
    pruned = Sophisticated(1, threshold=wrong + 1e-3)(exact, heard)
    assert kept.report is not None
    assert pruned.report is not None
    assert pruned.report.beliefs < kept.report.beliefs
    assert pruned.report.cut > kept.report.cut


def test_where_all_outcomes_are_cut_only_the_next_step_counts() -> None:
    exact = ExactFilter(TMaze())
    found = Sophisticated(3, threshold=1.0)(exact, exact.initial())
    next_step = Sophisticated(1)(exact, exact.initial())
    torch.testing.assert_close(found.expected_free_energy, next_step.expected_free_energy)
    assert found.report is not None
    assert found.report.cut == pytest.approx(1.0)


def test_too_many_beliefs_are_refused_with_a_way_out() -> None:
    exact = ExactFilter(TMaze())
    with pytest.raises(ValueError, match=r"`horizon`.*5 distinct beliefs.*TreeSearch"):
        Sophisticated(3, max_beliefs=5)(exact, exact.initial())


def test_gradients_reach_the_preferences() -> None:
    preference = torch.nn.Parameter(torch.tensor([0.0, 1.0]))
    flip = np.stack([np.eye(2), np.eye(2)[::-1]], -1)
    model = POMDP([np.eye(2)], [flip], C=[preference], D=[np.array([0.9, 0.1])])
    exact = ExactFilter(model)

    def log_prob(value: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            preference.copy_(value)
        return Sophisticated(2, precision=1.0)(exact, exact.initial()).action_probs[1].log()

    at = torch.tensor([0.0, 1.0])
    log_prob(at).backward()
    nudged = [log_prob(at + torch.tensor([0.0, h])).item() for h in (1e-6, -1e-6)]
    assert preference.grad is not None
    assert float(preference.grad[1]) == pytest.approx((nudged[0] - nudged[1]) / 2e-6, rel=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {"horizon": 0},
        {"horizon": 1, "discount": -1},
        {"horizon": 1, "threshold": -0.1},
        {"horizon": 1, "terms": ["joy"]},
        {"horizon": 1, "max_beliefs": 0},
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"`{list(arguments)[-1]}`"):
        Sophisticated(**arguments)  # type: ignore[arg-type]
