"""A bank of filters, against a mixture of Kalman filters in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pyro_activeinf.filters import Bank, GaussianFilter, ParticleFilter
from pyro_activeinf.models import LinearGaussian
from pyro_activeinf.planning import CrossEntropy
from tests.filters.regimes import Regimes, systems
from tests.kalman import simulate, smooth

PRIOR = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)


def bank(seed: int = 0) -> Bank:
    return Bank(Regimes(systems(3, seed), PRIOR))


@pytest.mark.parametrize("seed", range(3))
def test_beliefs_and_evidence_are_those_of_a_mixture_of_kalman_filters(seed: int) -> None:
    each = systems(3, seed)
    seen, actions = simulate(each[1], seed, 6, missing=0.2)
    assert actions is not None
    filter = bank(seed)
    belief, before = filter.initial(), 0.0
    for t, row in enumerate(seen):
        if t:
            belief = filter.predict(belief, torch.from_numpy(actions[t - 1]))
        belief = filter.update(belief, {"o": torch.from_numpy(row)})
        exact = [smooth(one, seen[: t + 1], actions[:t]) for one in each]
        logs = np.log(PRIOR.numpy()) + [one.log_evidence for one in exact]
        total = np.logaddexp.reduce(logs)
        weights = np.exp(logs - total)
        mean = weights @ [one.means[-1] for one in exact]
        spread = [one.covs[-1].diagonal() + (one.means[-1] - mean) ** 2 for one in exact]
        np.testing.assert_allclose(belief.marginals["regime"].probs, weights, atol=1e-10)
        np.testing.assert_allclose(belief.marginals["s"].mean, mean, atol=1e-9)
        np.testing.assert_allclose(belief.marginals["s"].variance, weights @ spread, atol=1e-9)
        assert float(belief.free_energy) == pytest.approx(before - total, abs=1e-9)
        assert float(belief.terms.total) == pytest.approx(before - total, abs=1e-9)
        before = total


def test_members_of_a_batch_are_what_they_are_alone() -> None:
    filter = bank()
    seen = torch.randn(2, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    push = torch.linspace(-1, 1, 4, dtype=torch.float64)[:, None]
    together = filter.update(filter.initial((4,)), {"o": seen[0]})
    together = filter.update(filter.predict(together, push), {"o": seen[1]})
    for b in range(4):
        alone = filter.update(filter.initial(), {"o": seen[0, b]})
        alone = filter.update(filter.predict(alone, push[b]), {"o": seen[1, b]})
        torch.testing.assert_close(together.log_probs[b], alone.log_probs)
        found = together.reshape(2, 2).reshape(4).take(torch.tensor([b]))
        torch.testing.assert_close(found.marginals["s"].mean[0], alone.marginals["s"].mean)
        torch.testing.assert_close(found.free_energy[0], alone.free_energy)


def test_expected_free_energy_is_the_mean_over_what_may_hold() -> None:
    filter = bank()
    push = torch.tensor([0.5], dtype=torch.float64)
    ahead = filter.predict(filter.initial(), push)
    found = filter.expected_free_energy(ahead)
    parts = [
        member.expected_free_energy(member.predict(member.initial(), push))
        for member in filter.members
    ]
    expected = sum(p * part.values for p, part in zip(PRIOR, parts, strict=True))
    torch.testing.assert_close(found.values, expected)
    torch.testing.assert_close(found.total, found.risk + found.ambiguity - found.novelty)


def test_one_value_alone_is_planned_for_as_by_its_filter() -> None:
    one = Bank(Regimes(systems(1), torch.ones(1, dtype=torch.float64)))
    alone = one.members[0]
    planner = CrossEntropy(3, samples=16, elites=4, iterations=2)
    plans = []
    for filter in (one, alone):
        torch.manual_seed(0)
        plans.append(planner(filter, filter.initial()))
    torch.testing.assert_close(plans[0].policies, plans[1].policies)
    torch.testing.assert_close(plans[0].expected_free_energy, plans[1].expected_free_energy)


def test_gradients_flow_to_what_may_hold() -> None:
    model = Regimes(systems(3), PRIOR.clone().requires_grad_())
    filter = Bank(model)
    belief = filter.update(filter.initial(), {"o": torch.zeros(2, dtype=torch.float64)})
    belief.free_energy.backward()
    exact = [smooth(one, np.zeros((1, 2))).log_evidence for one in systems(3)]
    evidence = np.exp(exact)
    total = PRIOR.numpy() @ evidence
    assert model.prior.grad is not None
    np.testing.assert_allclose(model.prior.grad, 1 - evidence / total, atol=1e-9)


def test_it_has_the_type_of_its_model_whatever_the_default_is() -> None:
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        assert bank().initial().log_probs.dtype == torch.float64
    finally:
        torch.set_default_dtype(default)


def test_draws_are_of_the_mixture() -> None:
    torch.manual_seed(0)
    belief = bank().initial()
    drawn = belief.sample(20_000)
    shares = torch.bincount(drawn["regime"]) / 20_000
    torch.testing.assert_close(shares, PRIOR, atol=0.015, rtol=0.0)
    mean, half = belief.marginals["s"].mean, 5 * belief.marginals["s"].stddev / 20_000**0.5
    assert bool(((drawn["s"].mean(0) - mean).abs() < half).all())


def test_particles_find_nearly_the_same() -> None:
    torch.manual_seed(0)
    model = Regimes(systems(3), PRIOR)
    exact, drawn = Bank(model), Bank(model, make=lambda m: ParticleFilter(m, num_particles=4000))
    seen = {"o": torch.tensor([0.3, -0.5], dtype=torch.float64)}
    beliefs = [f.update(f.initial(), seen) for f in (exact, drawn)]
    probs = [belief.marginals["regime"].probs for belief in beliefs]
    torch.testing.assert_close(*probs, atol=0.05, rtol=0.0)
    means = [belief.marginals["s"].mean for belief in beliefs]
    torch.testing.assert_close(*means, atol=0.1, rtol=0.0)


def test_what_does_not_stay_is_refused() -> None:
    with pytest.raises(ValueError, match=r"site 'regime' of transition.*expected the value that"):
        Bank(Regimes(systems(2), torch.ones(2, dtype=torch.float64) / 2, lasts=False))
    with pytest.raises(ValueError, match="`model`: expected a state site of finitely many values"):
        Bank(LinearGaussian(torch.eye(2)))
    with pytest.raises(ValueError, match="`sites`: expected names among"):
        Bank(Regimes(systems(2), torch.ones(2, dtype=torch.float64) / 2), sites=["s"])
    with pytest.raises(TypeError, match="BankBelief"):
        bank().predict(GaussianFilter(LinearGaussian(torch.eye(2))).initial(), None)  # type: ignore[arg-type]
