from __future__ import annotations

import itertools

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters import (
    ExactFilter,
    FactorizedFilter,
    InverseCounts,
    MutualInformation,
)
from pyro_activeinf.free_energy.policies import score_policies
from pyro_activeinf.models import CategoricalTable, GenerativeModel
from pyro_activeinf.planning import OpenLoop, Sophisticated
from tests.learning.counted import Learned
from tests.oracles import assert_close


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


def twice(counts: Tensor) -> float:
    """Information of two draws, from the entropy of both of them together."""
    a, total = counts, counts.sum()
    joint = a[:, None] * (a + torch.eye(len(a))) / (total * (total + 1))
    mean = torch.special.entr(a / total).sum() - gain(a)  # E[H(theta)]
    return float(torch.special.entr(joint).sum() - 2 * mean)


def together_by_hand(model: Learned, q: np.ndarray) -> float:
    """Of all outcomes: where b is 1, first and third are drawn from the same row."""
    same = model.look.counts[1]
    both = q[:, 1].sum() * (2 * gain(same) - twice(same))
    return sum(novelty_by_hand(model, q).values()) - float(both)


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
    q = after.probs.reshape(2, 3).numpy()
    each, total = novelty_by_hand(model, q), together_by_hand(model, q)
    moved = moved_by_hand(model, before.probs.reshape(2, 3).numpy(), u)
    assert_close(terms.novelty, total + moved, 1e-12)
    alone = filter.expected_free_energy(filter.unpack(after.probs, 1))
    assert_close(alone.novelty, total, 1e-12)
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
    assert_close(terms.novelty, together_by_hand(model, second) + moved, 1e-12)
    for name, part in terms.per_site.items():
        assert_close(part.novelty, each[name], 1e-12)
    assert_close(filter.look_ahead(before).values[u], terms.values, 1e-12)
    again = filter.predict(before.reshape(1, 1), torch.tensor([0, 1]))
    assert_close(again.take(torch.tensor([u])).gained.reshape(()), moved, 1e-12)
    assert filter.update(after, {}).gained is None
    rough = FactorizedFilter(model, novelty=InverseCounts())
    assert abs(float(rough.expected_free_energy(after).novelty - terms.novelty)) > 1e-3


class Twins(GenerativeModel):
    """Three factors that move by the same table, and are seen."""

    def __init__(self) -> None:
        super().__init__()
        self.move = CategoricalTable(torch.tensor([[1.0, 2.0], [0.5, 3.0]]))

    def initial(self) -> list[Tensor]:
        return [pyro.sample(n, dist.Categorical(torch.tensor([0.3, 0.7]))) for n in "abc"]

    def transition(self, state: list[Tensor], action: None) -> list[Tensor]:
        return [pyro.sample(n, self.move(s)) for n, s in zip("abc", state, strict=True)]

    def observe(self, state: list[Tensor]) -> None:
        pyro.sample("o", dist.Categorical(torch.eye(2)[state[0]]))


def test_draws_from_one_row_are_counted_together() -> None:
    """Against the entropy of all draws together, in every state."""
    model = Twins()
    filter = ExactFilter(model)
    counts = model.move.counts
    for state, found in zip(
        itertools.product(range(2), repeat=3), filter._current().gained[0], strict=True
    ):
        expected = 0.0
        for row in range(2):
            n, a = state.count(row), counts[row]
            mean = torch.special.entr(a / a.sum()).sum() - gain(a)
            for draws in itertools.product(range(2), repeat=n):
                seen, log_p = a.clone(), torch.zeros(())
                for x in draws:
                    log_p = log_p + (seen[x] / seen.sum()).log()
                    seen[x] += 1
                expected -= float(log_p.exp() * log_p)
            expected -= n * float(mean)
        assert_close(found, expected, 1e-12)


def test_independent_factors_count_draws_from_one_row_together() -> None:
    """As the filter of joint states does, under the product of the marginals."""
    model = Twins()
    exact, apart = ExactFilter(model), FactorizedFilter(model)
    before, joint = apart.initial(), exact.initial()
    found = apart.expected_free_energy(apart.predict(before))
    wanted = exact.expected_free_energy(exact.predict(joint))
    assert_close(found.novelty, wanted.novelty, 1e-12)
    assert_close(apart.look_ahead(before).novelty.squeeze(), wanted.novelty, 1e-12)


def test_tables_too_many_to_lay_out_together_count_by_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together = FactorizedFilter(Twins())
    monkeypatch.setattr("pyro_activeinf.filters.factor_novelty.LARGEST", 2)
    apart = FactorizedFilter(Twins())
    more, less = (
        float(f.expected_free_energy(f.predict(f.initial())).novelty) for f in (apart, together)
    )
    assert more > less
