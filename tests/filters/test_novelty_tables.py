from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.integrate import dblquad, quad
from scipy.stats import dirichlet
from torch import Tensor

from pyro_activeinf.filters import (
    ExactFilter,
    FactorizedFilter,
    InverseCounts,
    MutualInformation,
)
from pyro_activeinf.free_energy.policies import score_policies
from pyro_activeinf.planning import OpenLoop, Sophisticated
from tests.learning.counted import Learned
from tests.oracles import assert_close


def entropy(probs: np.ndarray) -> float:
    positive = probs[probs > 0]
    return float(-(positive * np.log(positive)).sum())


@pytest.mark.parametrize("a", [(1.0, 1.0), (0.5, 3.0), (7.0, 2.5), (40.0, 1.0)])
def test_two_outcomes_against_quadrature(a: tuple[float, float]) -> None:
    def integrand(p: float) -> float:
        return entropy(np.array([p, 1 - p])) * float(dirichlet.pdf([p, 1 - p], a))

    mean = quad(integrand, 0, 1, epsabs=1e-11, limit=200)[0]
    expected = entropy(np.array(a) / sum(a)) - mean
    assert_close(MutualInformation()(torch.tensor(a)), expected, 1e-8)


def test_three_outcomes_against_quadrature() -> None:
    a = np.array([1.5, 2.0, 4.0])
    log_norm = math.lgamma(a.sum()) - sum(map(math.lgamma, a))

    def integrand(y: float, x: float) -> float:  # theta = x, (1 - x) y, rest
        theta = np.array([x, (1 - x) * y, (1 - x) * (1 - y)])
        density = np.exp(log_norm) * np.prod(theta ** (a - 1)) * (1 - x)
        return entropy(theta) * float(density)

    mean = dblquad(integrand, 0, 1, 0, 1, epsabs=1e-8)[0]
    expected = entropy(a / a.sum()) - mean
    assert_close(MutualInformation()(torch.as_tensor(a)), expected, 1e-6)


def test_five_outcomes_against_sampling() -> None:
    a = torch.tensor([0.3, 1.0, 2.0, 0.7, 5.0])
    draws = torch.distributions.Dirichlet(a).sample((20_000,))
    each = -torch.special.entr(draws).sum(-1) + torch.special.entr(a / a.sum()).sum()
    error = each.std() / math.sqrt(len(each))
    assert abs(float(MutualInformation()(a) - each.mean())) < 3 * float(error)


def test_the_gain_is_that_of_the_posterior() -> None:
    a = torch.tensor([0.3, 1.0, 2.0])
    prior = torch.distributions.Dirichlet(a)
    gain = sum(
        float(p) * torch.distributions.kl_divergence(torch.distributions.Dirichlet(a + e), prior)
        for p, e in zip(a / a.sum(), torch.eye(3), strict=True)
    )
    assert_close(MutualInformation()(a), float(gain), 1e-12)


@pytest.mark.parametrize("rule", [MutualInformation(), InverseCounts()])
def test_impossible_outcomes_tell_nothing(rule: MutualInformation) -> None:
    assert_close(rule(torch.tensor([2.0, 0.0, 1.0])), rule(torch.tensor([2.0, 1.0])), 1e-14)
    assert rule(torch.tensor([3.0, 0.0])) == 0


def test_the_approximation_is_good_for_large_counts() -> None:
    a = torch.tensor([[300.0, 500.0, 400.0], [3.0, 5.0, 4.0]])
    ratio = InverseCounts()(a) / MutualInformation()(a)
    assert abs(float(ratio[0]) - 1) < 0.01 < abs(float(ratio[1]) - 1)
    w = 0.5 * (1 / a - 1 / a.sum(-1, keepdim=True))
    assert_close(InverseCounts()(a), (a / a.sum(-1, keepdim=True) * w).sum(-1), 1e-12)


def gain(counts: Tensor) -> float:
    return float(MutualInformation()(counts))


def novelty_by_hand(model: Learned, q: np.ndarray) -> dict[str, float]:
    """Of the outcomes under a belief (2, 3), site by site."""
    first = second = third = 0.0
    look = model.look.expected
    for a, b in itertools.product(range(2), range(3)):
        first += q[a, b] * gain(model.look.counts[b])
        third += q[a, b] * gain(model.look.counts[2 - b])
        second += q[a, b] * sum(float(look[b, o]) * gain(model.word.counts[o, a]) for o in range(3))
    return {"first": first, "second": second, "third": third}


def moved_by_hand(model: Learned, q: np.ndarray, u: int) -> float:
    total, turn = 0.0, model.turn.expected
    for a, b in itertools.product(range(2), range(3)):
        total += q[a, b] * gain(model.turn.counts[a, u])
        row = b if u == 0 else 2 - b
        after = sum(float(turn[a, u, n]) * gain(model.drift.counts[n, row]) for n in range(2))
        total += q[a, b] * after
    return total


@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("u", [0, 1])
def test_a_step_against_sums_by_hand(u: int, joint: bool) -> None:
    model = Learned(4)
    filter = ExactFilter(model, joint)
    before = filter.update(filter.initial(), {"second": 1})
    after = filter.predict(before, u)
    terms = filter.expected_free_energy(after)
    each = novelty_by_hand(model, after.probs.reshape(2, 3).numpy())
    moved = moved_by_hand(model, before.probs.reshape(2, 3).numpy(), u)
    assert_close(terms.novelty, sum(each.values()) + moved, 1e-12)
    assert_close(
        filter.expected_free_energy(filter.unpack(after.probs, 1)).novelty,
        sum(each.values()),
        1e-12,
    )
    for name, part in terms.per_site.items():
        assert_close(part.novelty, each[name], 1e-12)
    assert_close(terms.total, -(terms.pragmatic + terms.epistemic + terms.novelty), 1e-12)
    assert_close(filter.look_ahead(before).values[u], terms.values, 1e-12)
    assert_close(filter.predict(before.reshape(1), torch.tensor([u])).gained[0], moved, 1e-12)


def test_every_way_of_scoring_policies_agrees() -> None:
    model = Learned(5)
    filter = ExactFilter(model)
    start = filter.update(filter.initial((2,)), {"first": torch.tensor([0, 2])})
    plan = OpenLoop(2)(filter, start)
    for p, policy in enumerate(plan.policies):
        belief = start
        for t, u in enumerate(policy):
            belief = filter.predict(belief, u)
            terms = filter.expected_free_energy(belief)
            assert_close(plan.per_step.values[:, p, t], terms.values, 1e-12)
    stepwise = score_policies(filter, start, plan.policies)
    assert_close(stepwise.values, plan.per_step.values, 1e-12)
    given = OpenLoop(2, policies=plan.policies[1:])(filter, start)
    assert_close(given.expected_free_energy, plan.expected_free_energy[:, 1:], 1e-12)
    assert_close(
        plan.expected_free_energy,
        -(plan.terms.pragmatic + plan.terms.epistemic + plan.terms.novelty),
        1e-12,
    )
    closed = Sophisticated(1)(filter, start)
    assert_close(closed.terms.values, OpenLoop(1)(filter, start).terms.values, 1e-12)
    pragmatic = OpenLoop(2, terms={"pragmatic", "epistemic"})(filter, start)
    assert bool((pragmatic.expected_free_energy > plan.expected_free_energy).all())


def test_novelty_fades_as_counts_grow_and_the_rule_is_chosen_by_an_object() -> None:
    model = Learned(6)
    exact, rough = ExactFilter(model), ExactFilter(model, novelty=InverseCounts())
    before = exact.look_ahead(exact.initial()).novelty
    assert not torch.allclose(rough.look_ahead(rough.initial()).novelty, before)
    with torch.no_grad():
        for name in ("turn", "drift", "look", "word"):
            getattr(model, name).counts.mul_(1e6)
    after = exact.look_ahead(exact.initial()).novelty
    assert bool((after < 1e-5 * before).all())
    assert_close(rough.look_ahead(rough.initial()).novelty, after, 1e-8)


def test_gradients_reach_the_counts() -> None:
    model = Learned(7)
    counts = torch.nn.Parameter(model.turn.counts.clone())
    del model.turn.counts
    model.turn.counts = counts
    filter = ExactFilter(model)
    filter.look_ahead(filter.initial()).novelty.sum().backward()
    assert counts.grad is not None
    assert bool((counts.grad != 0).any())


@pytest.mark.parametrize("u", [0, 1])
def test_independent_factors_against_sums_by_hand(u: int) -> None:
    model = Learned(8)
    filter = FactorizedFilter(model)
    before = filter.update(filter.initial(), {"first": 1})
    after = filter.predict(before, u)
    first, second = (
        torch.outer(*(q.exp() for q in belief.factors)).numpy() for belief in (before, after)
    )
    terms = filter.expected_free_energy(after)
    each = novelty_by_hand(model, second)
    moved = sum(
        first[a, b] * gain(model.turn.counts[a, u])
        + first[a, b]
        * sum(
            second[n].sum() * gain(model.drift.counts[n, b if u == 0 else 2 - b]) for n in range(2)
        )
        for a, b in itertools.product(range(2), range(3))
    )
    assert_close(terms.novelty, sum(each.values()) + moved, 1e-12)
    for name, part in terms.per_site.items():
        assert_close(part.novelty, each[name], 1e-12)
    assert_close(filter.look_ahead(before).values[u], terms.values, 1e-12)
    again = filter.predict(before.reshape(1, 1), torch.tensor([0, 1]))
    assert_close(again.take(torch.tensor([u])).gained.reshape(()), moved, 1e-12)
    assert filter.update(after, {}).gained is None
    rough = FactorizedFilter(model, novelty=InverseCounts())
    assert abs(float(rough.expected_free_energy(after).novelty - terms.novelty)) > 1e-3
