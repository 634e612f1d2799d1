"""Habits that are learned from plans make new plans easier."""

from collections.abc import Iterator

import pytest
import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning import (
    AmortizedPolicy,
    CrossEntropy,
    EnumeratedPolicies,
    Habitual,
    OpenLoop,
    Variational,
)
from pyro_activeinf.planning.amortized import belief_features
from tests.planning.regulator import LinearBelief, LinearFilter
from tests.planning.test_cross_entropy import cart


def somewhere(filter: LinearFilter, count: int) -> LinearBelief:
    """Beliefs about carts here and there."""
    start = filter.initial((count,))
    seen = torch.stack([torch.empty(count).uniform_(-2, 2), torch.zeros(count)], -1)
    return filter.update(start, {"o": seen})


@pytest.fixture(scope="module")
def practiced() -> Iterator[tuple[LinearFilter, AmortizedPolicy]]:
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    filter = LinearFilter(cart(bound=5.0))
    teacher = CrossEntropy(4, samples=256, elites=32, iterations=12)
    beliefs = somewhere(filter, 64)
    habit = AmortizedPolicy(filter, 4, (32,))
    losses = habit.fit([beliefs], [teacher(filter, beliefs)], steps=200)
    assert losses[-1] < losses[0] - 3
    yield filter, habit
    torch.set_default_dtype(dtype)


def test_fewer_samples_reach_the_same(practiced: tuple[LinearFilter, AmortizedPolicy]) -> None:
    filter, habit = practiced
    fresh = somewhere(filter, 16)
    best = CrossEntropy(4, samples=400, elites=40, iterations=30)(filter, fresh)
    lost = {}
    for name, prior, samples in [("none", None, 256), ("few", None, 32), ("habit", habit, 32)]:
        planner = CrossEntropy(4, samples, samples // 8, iterations=2, prior=prior)
        found = planner(filter, fresh).expected_free_energy[:, 0]
        lost[name] = (found - best.expected_free_energy[:, 0]).mean().item()
    assert lost["habit"] < 0.5 * lost["none"] < lost["few"]  # an eighth of the samples


def test_fewer_steps_reach_the_same(practiced: tuple[LinearFilter, AmortizedPolicy]) -> None:
    filter, habit = practiced
    fresh = somewhere(filter, 16)
    best = CrossEntropy(4, samples=400, elites=40, iterations=30)(filter, fresh)
    lost = {}
    for name, prior in [("none", None), ("habit", habit)]:
        found = Variational(4, 2, precision=16.0, prior=prior)(filter, fresh)
        lost[name] = (found.expected_free_energy - best.expected_free_energy[:, :1]).mean().item()
    assert lost["habit"] < 0.3 * lost["none"]


def test_proposes_where_plans_were(practiced: tuple[LinearFilter, AmortizedPolicy]) -> None:
    filter, habit = practiced
    fresh = somewhere(filter, 16)
    proposal = habit.proposal(filter, fresh, 4)
    assert proposal is not None
    best = CrossEntropy(4, samples=400, elites=40, iterations=30)(filter, fresh)
    away = (proposal.mean - best.policies[:, 0]).abs()
    assert (away < 1.0).all()
    assert proposal.mean.abs().max() <= 5.0


def test_a_habit_over_counted_actions_is_a_prior() -> None:
    exact = ExactFilter(TMaze())
    belief = exact.update(exact.initial((2,)), {"position": 0})
    habit = AmortizedPolicy(exact, 2)
    policies = OpenLoop(2)(exact, belief).policies
    log_prior = habit.log_prob(exact, belief, policies)
    assert log_prior.shape == (2, 16)
    torch.testing.assert_close(log_prior.exp().sum(-1), torch.ones(2))
    with torch.no_grad():
        for parameter in habit.parameters():
            parameter.normal_()
    log_prior = habit.log_prob(exact, belief, policies)
    found = Variational(2, 1, EnumeratedPolicies(), prior=habit)(exact, belief)
    scores = OpenLoop(2)(exact, belief).expected_free_energy
    torch.testing.assert_close(found.probs, (log_prior - scores).softmax(-1))


def test_learns_while_it_plans() -> None:
    exact = ExactFilter(TMaze())
    habit = AmortizedPolicy(exact, 2)
    teacher = OpenLoop(2)
    planner = Habitual(teacher, habit, steps=20, memory=3)
    beliefs = [exact.update(exact.initial(), {"position": 0})]
    beliefs.append(exact.update(exact.predict(beliefs[0], 3), {"position": 3}))
    before = [habit.loss(b, teacher(exact, b)).item() for b in beliefs]
    for _ in range(4):
        for belief in beliefs:
            posterior = planner(exact, belief)
            assert torch.equal(posterior.probs, teacher(exact, belief).probs)
    after = [habit.loss(b, teacher(exact, b)).item() for b in beliefs]
    assert all(a < b - 0.3 for a, b in zip(after, before, strict=True))
    assert len(planner._plans) == 3


def test_features_are_probabilities_or_moments() -> None:
    exact = ExactFilter(TMaze())
    assert belief_features(exact.initial((3,))).shape == (3, 6)
    filter = LinearFilter(cart())
    found = belief_features(filter.initial((3, 2)))
    assert found[0, 0].tolist() == pytest.approx([-1.0, 0.0, 0.1**0.5, 0.1**0.5])


def test_refuses_plans_that_do_not_go_with_beliefs() -> None:
    filter = LinearFilter(cart())
    habit = AmortizedPolicy(filter, 2)
    with pytest.raises(ValueError, match=r"a plan for each belief.*0 beliefs"):
        habit.fit([], [])
    with pytest.raises(ValueError, match="1 beliefs and 0 plans"):
        habit.fit([filter.initial()], [])


def test_refuses_another_horizon() -> None:
    filter = LinearFilter(cart())
    with pytest.raises(ValueError, match="that of the habit"):
        CrossEntropy(3, prior=AmortizedPolicy(filter, 4))(filter, filter.initial())
