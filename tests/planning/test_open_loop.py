"""Open-loop planning against recorded outputs of a peer and against brute force."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.filters.outcomes import Look
from pyro_activeinf.models import POMDP, TMaze
from pyro_activeinf.planning import OpenLoop
from tests import oracles
from tests.bridge import as_array, controlled, pomdp
from tests.oracles import Arrays
from tests.references import load_reference, reference_model
from tests.strategies import random_models


@pytest.mark.parametrize("memory_limit", [2**30, 2**24])
@pytest.mark.parametrize(
    ("name", "horizon"),
    [("grid100", 3), ("grid100", 4), ("grid100", 5), ("tmaze", 2), ("tmaze", 4)],
)
def test_agrees_with_the_peer(name: str, horizon: int, memory_limit: int) -> None:
    reference = load_reference(name)
    model = pomdp(reference_model(reference))
    recorded = reference[f"H{horizon}_neg_efe"]
    batch = len(recorded)
    exact = ExactFilter(model, joint_outcomes=False)
    seen = torch.as_tensor(reference["obs"][:batch])
    observation = {f"o{m}": seen[:, m] for m in range(seen.shape[1])}
    belief = exact.update(exact.initial((batch,)), observation)
    for f, marginal in enumerate(belief.marginals.values()):
        oracles.assert_close(as_array(marginal.probs), reference[f"H{horizon}_qs{f}"], 1e-9)
    if horizon == 5 and memory_limit < 2**30:
        memory_limit = 2**27  # the scores themselves need that much
    posterior = OpenLoop(horizon, memory_limit=memory_limit)(exact, belief)
    oracles.assert_close(-as_array(posterior.expected_free_energy), recorded, 1e-9)
    oracles.assert_close(as_array(posterior.probs), reference[f"H{horizon}_q_pi"], 1e-9)
    np.testing.assert_array_equal(posterior.policies, reference[f"H{horizon}_policies"][..., 0])
    if name == "grid100":
        marginal = reference[f"H{horizon}_action_marginal0"]
        oracles.assert_close(as_array(posterior.action_probs), marginal, 1e-9)


@settings(max_examples=25)
@given(model=random_models(preference_steps=3), joint=st.booleans())
def test_every_policy_agrees_with_brute_force(model: Arrays, joint: bool) -> None:
    exact = ExactFilter(pomdp(model), joint_outcomes=joint)
    belief = exact.initial()
    posterior = OpenLoop(2, precision=2.0)(exact, belief)
    start = as_array(belief.probs).reshape(model.num_states)
    kept = controlled(model)
    scores = []
    for p, policy in enumerate(brute_policies(model)):
        truth = oracles.expected_free_energy(model, start, policy, 1, joint_outcomes=joint)
        expected = np.array([[u[f] for f in kept] for u in policy])
        np.testing.assert_array_equal(posterior.policies[p].reshape(2, -1), expected)
        for name in ("pragmatic", "epistemic", "risk", "ambiguity"):
            found = float(getattr(posterior.terms, name)[p])
            assert found == pytest.approx(truth[name], abs=1e-10), name
            steps = getattr(posterior.per_step, name)[p]
            oracles.assert_close(as_array(steps), [s[name] for s in truth["steps"]], 1e-10)
        scores.append(truth["G"])
    weights = np.exp(-2.0 * (np.array(scores) - min(scores)))
    oracles.assert_close(as_array(posterior.probs), weights / weights.sum(), 1e-10)


def brute_policies(model: Arrays) -> list[list[list[int]]]:
    """Every policy of two steps, with an action for each factor, in the order of product."""
    actions = [list(u) for u in itertools.product(*(range(n) for n in model.num_actions))]
    return [list(policy) for policy in itertools.product(actions, repeat=2)]


def test_action_probs_are_the_marginal_of_the_first_action() -> None:
    model = POMDP(
        [np.eye(2), np.eye(3)],
        [np.stack([np.eye(2), np.eye(2)[::-1]], -1), np.ones((3, 3, 3)) / 3],
        C=[np.array([0.0, 1.0]), np.zeros(3)],
        A_dependencies=[[0], [1]],
    )
    exact = ExactFilter(model)
    posterior = OpenLoop(2)(exact, exact.initial((4,)))
    assert posterior.policies.shape == (36, 2, 2)
    assert posterior.action_probs.shape == (4, 2, 3)
    first = posterior.policies[:, 0]
    for a, b in itertools.product(range(2), range(3)):
        mine = posterior.probs[:, (first == torch.tensor([a, b])).all(-1)].sum(-1)
        torch.testing.assert_close(posterior.action_probs[:, a, b], mine)


def test_a_given_set_of_policies_is_scored_as_among_all() -> None:
    exact = ExactFilter(TMaze())
    belief = exact.update(exact.initial(), {"position": 0})
    everything = OpenLoop(3)(exact, belief)
    rows = torch.tensor([17, 3, 3, 60, 5])  # unsorted, one of them twice
    some = OpenLoop(3, policies=everything.policies[rows])(exact, belief)
    assert torch.equal(some.policies, everything.policies[rows])
    torch.testing.assert_close(some.expected_free_energy, everything.expected_free_energy[rows])
    torch.testing.assert_close(some.per_step.values, everything.per_step.values[rows])


def test_given_policies_in_any_order_keep_their_first_actions() -> None:
    drift = np.stack([np.eye(2), np.array([[0.1, 0.2], [0.9, 0.8]])], -1)
    model = POMDP([np.array([[0.9, 0.2], [0.1, 0.8]])], [drift], C=[np.array([0.0, 2.0])])
    exact = ExactFilter(model)
    every = OpenLoop(1, precision=1.0)(exact, exact.initial())
    given = OpenLoop(1, policies=torch.tensor([[1], [0]]), precision=1.0)(exact, exact.initial())
    torch.testing.assert_close(given.action_probs, every.action_probs)
    repeated = torch.tensor([[1, 1], [1, 0], [1, 1], [1, 0]])
    twice = OpenLoop(2, policies=repeated)(exact, exact.initial())
    torch.testing.assert_close(twice.action_probs, torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize("policies", [[[0], [5]], [[-1], [0]]])
@pytest.mark.parametrize("timed", [False, True])
def test_given_policies_outside_of_the_space_are_refused(
    policies: list[list[int]], timed: bool
) -> None:
    wanted = np.ones((4, 2)) if timed else np.ones(2)
    flip = np.stack([np.eye(2), np.eye(2)[::-1]], -1)
    exact = ExactFilter(POMDP([np.eye(2)], [flip], C=[wanted]))
    with pytest.raises(ValueError, match="`policies`: expected integers from 0 to 1"):
        OpenLoop(1, policies=torch.tensor(policies))(exact, exact.initial())


def test_an_empty_batch_has_no_plans() -> None:
    exact = ExactFilter(TMaze())
    posterior = OpenLoop(2)(exact, exact.initial((2, 0)))
    assert posterior.probs.shape == (2, 0, 16)
    assert posterior.terms.total.shape == (2, 0, 16)


def test_terms_can_be_left_out() -> None:
    exact = ExactFilter(TMaze())
    belief = exact.update(exact.initial(), {"position": 0})
    full = OpenLoop(2)(exact, belief).terms
    for terms, expected in [
        ("pragmatic", -full.pragmatic),
        ({"epistemic"}, -full.epistemic),
        ({"pragmatic", "epistemic"}, full.total),
        (set(), torch.zeros(16)),
    ]:
        ablated = OpenLoop(2, terms=terms)(exact, belief)
        torch.testing.assert_close(ablated.expected_free_energy, expected)
        torch.testing.assert_close(ablated.terms.total, full.total)


@pytest.mark.parametrize("timed", [False, True])
def test_preferences_follow_the_time_of_the_outcome(timed: bool) -> None:
    late = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 5.0]])
    flip = np.stack([np.eye(2), np.eye(2)[::-1]], -1)
    model = POMDP([np.eye(2)], [flip], C=[late if timed else late[2]], D=[np.array([1.0, 0.0])])
    exact = ExactFilter(model)
    posterior = OpenLoop(3)(exact, exact.initial())
    worth = posterior.per_step.pragmatic
    if timed:
        assert torch.equal(worth[:, 0], torch.zeros(8))
        assert torch.equal(worth[:, 2], torch.zeros(8))  # nothing is preferred beyond C
        torch.testing.assert_close(worth[:, 1], 5.0 * (posterior.policies[:, :2].sum(-1) % 2))
    else:
        assert (worth[:, 0] == 5.0).sum() == 4


@pytest.mark.parametrize("kind", ["action", "policy"])
def test_habit_is_the_prior_over_policies(kind: str) -> None:
    habit = np.array([0.7, 0.3]) if kind == "action" else np.array([0.1, 0.2, 0.3, 0.4])
    flip = np.stack([np.eye(2), np.eye(2)[::-1]], -1)
    model = POMDP([np.eye(2)], [flip], C=[np.array([0.0, 0.1])], E=habit)
    exact = ExactFilter(model)
    posterior = OpenLoop(2, precision=3.0)(exact, exact.initial())
    prior = np.outer(habit, habit).reshape(-1) if kind == "action" else habit
    weights = prior * np.exp(-3.0 * as_array(posterior.expected_free_energy))
    oracles.assert_close(as_array(posterior.probs), weights / weights.sum(), 1e-12)


def test_infinite_precision_shares_among_the_best() -> None:
    exact = ExactFilter(TMaze())
    belief = exact.update(exact.initial(), {"position": 0})
    posterior = OpenLoop(1, precision=math.inf, terms={"pragmatic"})(exact, belief)
    assert torch.equal(posterior.probs, torch.full((4,), 0.25))
    assert torch.equal(
        OpenLoop(1, precision=math.inf)(exact, belief).probs, torch.tensor([0.0, 0.0, 0.0, 1.0])
    )


@pytest.mark.parametrize(("limit", "looks"), [(0, [(4, 1), (4, 4), (4, 16)]), (2**18, [])])
def test_prefixes_are_scored_once(
    monkeypatch: pytest.MonkeyPatch, limit: int, looks: list[tuple[int, int]]
) -> None:
    looked = []  # futures, beliefs
    original = Look.__call__

    def counted(self: Look, columns: torch.Tensor) -> torch.Tensor:
        looked.append((self.futures, columns.numel() // len(columns)))
        return original(self, columns)

    monkeypatch.setattr(Look, "__call__", counted)
    monkeypatch.setattr("pyro_activeinf.filters.sweep.UNROLLED_NUMBERS", limit)
    exact = ExactFilter(TMaze())
    posterior = OpenLoop(3)(exact, exact.initial())
    assert looked == looks
    _ = posterior.terms, posterior.per_step  # the terms of a small tree, once and on demand
    assert looked == (looks or [(84, 1)])


def test_going_step_by_step_scores_the_same() -> None:
    exact = ExactFilter(TMaze())
    belief = exact.update(exact.initial((3,)), {"position": 0})
    at_once = OpenLoop(3)(exact, belief)
    stepwise = OpenLoop(3)(Stepwise(exact), belief)  # type: ignore[arg-type]
    torch.testing.assert_close(at_once.per_step.values, stepwise.per_step.values)
    torch.testing.assert_close(at_once.probs, stepwise.probs)


class Stepwise:
    """A filter that cannot score whole trees."""

    def __init__(self, exact: ExactFilter) -> None:
        self.exact = exact

    def __getattr__(self, name: str) -> object:
        return getattr(self.exact, name)


def test_too_many_policies_say_how_many_and_how_large() -> None:
    exact = ExactFilter(TMaze())
    with pytest.raises(ValueError, match=r"1,073,741,824 policies of 15 steps.*TiB.*policies="):
        OpenLoop(15)(exact, exact.initial())


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"horizon": 0}, "horizon"),
        ({"horizon": 2.5}, "horizon"),
        ({"horizon": 2, "precision": -1}, "precision"),
        ({"horizon": 2, "terms": {"reward"}}, "terms"),
        ({"horizon": 2, "policies": torch.zeros(3, 3)}, "policies"),
        ({"horizon": 2, "policies": torch.zeros(0, 2)}, "policies"),
        ({"horizon": 1, "policies": torch.full((1, 1), 0.5)}, "policies"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], name: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}`"):
        OpenLoop(**arguments)  # type: ignore[arg-type]


def test_policies_outside_the_space_are_refused() -> None:
    exact = ExactFilter(TMaze())
    with pytest.raises(ValueError, match=r"`policies`.*from 0 to 3"):
        OpenLoop(1, policies=torch.tensor([[4]]))(exact, exact.initial())
    with pytest.raises(ValueError, match="`policies`"):
        OpenLoop(1, policies=torch.zeros(2, 1, 2))(exact, exact.initial())


def test_a_model_without_actions_has_nothing_to_plan() -> None:
    exact = ExactFilter(POMDP([np.eye(2)], [np.eye(2)[..., None]]))
    with pytest.raises(ValueError, match=r"`model.actions`"):
        OpenLoop(1)(exact, exact.initial())


def test_outcomes_that_cannot_be_avoided_raise() -> None:
    model = POMDP([np.eye(1)], [np.ones((1, 1, 2))], C=[np.array([-np.inf])])
    exact = ExactFilter(model)
    with pytest.raises(ValueError, match="cannot be avoided"):
        OpenLoop(1)(exact, exact.initial())


def test_gradients_reach_the_preferences() -> None:
    preference = torch.nn.Parameter(torch.tensor([0.0, 1.0]))
    flip = np.stack([np.eye(2), np.eye(2)[::-1]], -1)
    model = POMDP([np.eye(2)], [flip], C=[preference], D=[np.array([0.9, 0.1])])
    exact = ExactFilter(model)

    def log_prob(value: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            preference.copy_(value)
        return OpenLoop(2, precision=1.0)(exact, exact.initial()).action_probs[1].log()

    at = torch.tensor([0.0, 1.0])
    log_prob(at).backward()
    nudged = [log_prob(at + torch.tensor([0.0, h])).item() for h in (1e-6, -1e-6)]
    assert preference.grad is not None
    assert float(preference.grad[1]) == pytest.approx((nudged[0] - nudged[1]) / 2e-6, rel=1e-6)
