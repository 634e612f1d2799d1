"""Whether training is over."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from pyro.infer import TraceMeanField_ELBO

from pyro_activeinf.diagnostics import convergence
from pyro_activeinf.diagnostics.pareto import log_weights
from pyro_activeinf.free_energy.pareto import pareto_k
from tests.diagnostics.programs import Local, exact, model, stored


def noisy(slope: float, count: int = 400) -> torch.Tensor:
    """Losses with autocorrelated noise of variance 1."""
    noise = [0.0]
    for shock in torch.randn(count).tolist():
        noise.append(0.8 * noise[-1] + 0.6 * shock)
    return torch.tensor(noise[1:]) + slope * torch.arange(count)


def test_a_settled_series() -> None:
    found = convergence(noisy(0.0))
    assert found.converged
    assert found.snr is found.pareto_k is None
    assert found.advice.startswith("F has settled, within")
    assert str(found).startswith("trend of F ")


def test_a_falling_series() -> None:
    found = convergence(noisy(-0.05))
    assert not found.converged
    assert found.advice.startswith("F is still falling")


def test_a_rising_series() -> None:
    assert convergence(noisy(0.05)).advice.startswith("F is rising")


def test_only_the_last_half_counts() -> None:
    assert convergence([*range(1000, 0, -1), *noisy(0.0, 1000).tolist()]).converged


def test_a_series_that_is_not_finite() -> None:
    found = convergence([1.0] * 30 + [math.nan])
    assert not found.converged
    assert found.trend is None
    assert found.advice.startswith("F is not finite")
    assert str(found) == found.advice


def test_a_constant_series_has_converged() -> None:
    assert convergence([3.0] * 40).converged


def test_false_alarms_are_rare_though_noise_is_autocorrelated() -> None:
    """A test that took neighbors for independent would cry out in a third of the cases."""
    alarms = sum(not convergence(noisy(0.0, 600)).converged for _ in range(100))
    assert alarms <= 8


def test_the_exact_posterior_is_close() -> None:
    found = convergence([0.0] * 20, model, exact, torch.randn(20), num_draws=200)
    assert found.pareto_k is not None
    assert found.pareto_k < 0.5
    assert "close to the posterior" in found.advice
    assert found.snr is None  # nothing to learn


@pytest.mark.parametrize("guide", [stored, Local()], ids=["store", "module"])
def test_parameters_are_found_wherever_they_are(guide: Any) -> None:
    pyro.clear_param_store()
    data = 3.0 + torch.randn(20)
    found = convergence([0.0] * 20, model, guide, data, num_gradients=16, num_draws=100)
    assert found.snr is not None
    assert found.snr > 0.3
    assert "signal" in found.advice
    assert "Pareto k-hat" in str(found)
    pyro.clear_param_store()


def test_where_q_is_a_point_the_gradient_has_no_noise() -> None:
    guide, data = Local(), torch.full((1,), 5.0)
    with torch.no_grad():
        guide.log_scale.fill_(-20.0)
    found = convergence([0.0] * 20, model, guide, data, num_gradients=8, num_draws=50)
    assert found.snr is not None
    assert found.snr > 1e6


def test_at_the_optimum_the_gradient_is_noise() -> None:
    guide, data = Local(), torch.zeros(5)
    with torch.no_grad():
        guide.log_scale[0] = 0.5 * math.log(0.5)
    found = convergence([0.0] * 20, model, guide, data, num_gradients=200, num_draws=50)
    assert found.snr is not None
    assert found.snr < 0.3


def test_the_elbo_is_the_users() -> None:
    guide, data = Local(), torch.full((5,), 2.0)
    elbo = TraceMeanField_ELBO(num_particles=50, vectorize_particles=True)
    sharp = convergence([0.0] * 20, model, guide, data, elbo=elbo, num_draws=50)
    blunt = convergence([0.0] * 20, model, guide, data, num_draws=50)
    assert sharp.snr > 3 * blunt.snr  # type: ignore[operator]


def test_nothing_is_changed() -> None:
    guide = Local()
    convergence([0.0] * 20, model, guide, torch.ones(5), num_draws=50)
    assert all(parameter.grad is None for parameter in guide.parameters())
    assert not pyro.get_param_store().keys()


def test_weights_in_one_run_are_those_of_many() -> None:
    data = torch.randn(4)
    guide = Local()
    many = log_weights(model, guide, (data,), {}, 400, None)
    once = log_weights(model, guide, (data,), {}, 400, 1)
    assert many.shape == once.shape == (400,)
    assert once.mean().item() == pytest.approx(many.mean().item(), abs=0.6)
    evidence = torch.distributions.Normal(0.0, 2**0.5).log_prob(data).sum()
    assert once.exp().mean().log().item() == pytest.approx(evidence.item(), abs=0.5)


@pytest.mark.parametrize("shape", [0.3, 0.9])
def test_pareto_k_is_the_shape_of_a_pareto_tail(shape: float) -> None:
    weights = -shape * torch.rand(50_000).log()
    assert pareto_k(weights) == pytest.approx(shape, abs=0.15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_that_are_alike_have_no_tail(dtype: torch.dtype) -> None:
    weights = torch.full((1000,), -321.7, dtype=dtype)
    weights[:500] -= 2.0  # a guide over two values
    assert pareto_k(weights) == -math.inf
    assert pareto_k(weights * (1 + torch.finfo(dtype).eps * torch.randn(1000).sign())) < 0.5


def test_a_few_weights_that_count_for_all_are_no_flat_tail() -> None:
    weights = torch.zeros(1000)
    weights[:3] = 20.0
    assert pareto_k(weights) > 0.7


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_weights_without_a_finite_tail(value: float) -> None:
    assert pareto_k(torch.full((1000,), value)) == math.inf


def test_pareto_k_with_the_next_arviz(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes log-likelihoods, which are the weights' logarithms with the other sign."""
    import arviz

    asked = []

    class Stats:
        def psislw(self, values: np.ndarray, r_eff: float) -> tuple[np.ndarray, float]:
            assert r_eff == 1.0
            asked.append(values)
            return values, 0.25

    base = ModuleType("arviz_stats.base")
    base.array_stats = Stats()  # type: ignore[attr-defined]
    monkeypatch.setattr(arviz, "__version__", "1.2.0")
    monkeypatch.setitem(__import__("sys").modules, "arviz_stats", ModuleType("arviz_stats"))
    monkeypatch.setitem(__import__("sys").modules, "arviz_stats.base", base)
    assert pareto_k(torch.arange(30.0)) == 0.25
    np.testing.assert_array_equal(asked[0], -np.arange(30.0))


@pytest.mark.parametrize(("count", "known"), [(29, False), (30, True)])
def test_of_a_few_weights_no_tail_is_known(count: int, known: bool) -> None:
    assert math.isfinite(pareto_k(torch.arange(float(count)))) == known


@pytest.mark.parametrize(
    ("k", "words"),
    [(0.1, "close to"), (0.6, "usable as a proposal"), (0.9, "far from"), (math.inf, "not finite")],
)
def test_advice_on_the_tail(k: float, words: str) -> None:
    from pyro_activeinf.diagnostics.convergence import Convergence

    assert words in Convergence(None, 0.5, k).advice


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`losses`: expected at least 20 numbers, got 3 of them"):
        convergence([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"`model, guide`: expected both or neither"):
        convergence([0.0] * 20, model)
    with pytest.raises(ValueError, match="`num_gradients`"):
        convergence([0.0] * 20, model, exact, torch.ones(2), num_gradients=1)
    with pytest.raises(ValueError, match="`num_draws`"):
        convergence([0.0] * 20, model, exact, torch.ones(2), num_draws=0)
