"""Linear Gaussian models against Kalman, with every way of inference that Pyro has."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro import poutine
from pyro.infer import MCMC, NUTS, SVI, Predictive, TraceMeanField_ELBO
from pyro.infer.autoguide import AutoMultivariateNormal
from pyro.nn import PyroParam, PyroSample
from torch import Tensor, nn
from torch.distributions import constraints

from pyro_activeinf.models import LinearGaussian
from tests import kalman
from tests.guides.models import linear_gaussian
from tests.strategies import SEEDS


def tensors(episode: Any) -> tuple[dict[str, Tensor], Tensor | None]:
    seen, moves = episode
    return {"o": torch.as_tensor(seen)}, None if moves is None else torch.as_tensor(moves)


@given(SEEDS, st.integers(1, 3), st.integers(1, 3), st.sampled_from([None, 1, 2]), st.booleans())
@settings(max_examples=30)
def test_joint_density_is_evidence_times_posterior(
    seed: int, n: int, m: int, k: int | None, missing: bool
) -> None:
    system = kalman.random_system(seed, n, m, k)
    episode = kalman.simulate(system, seed, 4, missing=0.4 if missing else 0.0)
    joint = kalman.joint_posterior(system, *episode)
    states = torch.randn(4, n)
    data = {f"s_{t}": states[t] for t in range(4)}
    model = poutine.condition(linear_gaussian(system), data=data)
    log_joint = poutine.trace(model).get_trace(*tensors(episode)).log_prob_sum()
    posterior = dist.MultivariateNormal(torch.as_tensor(joint.mean), torch.as_tensor(joint.cov))
    log_evidence = log_joint - posterior.log_prob(states.flatten())
    assert log_evidence.item() == pytest.approx(joint.log_evidence, abs=1e-8)


SYSTEM = kalman.random_system(3, n=1, m=1, k=1)
EPISODE = kalman.simulate(SYSTEM, 4, 2)
TRUTH = kalman.smooth(SYSTEM, *EPISODE)


def test_nuts_finds_the_smoothed_states() -> None:
    kernel = NUTS(linear_gaussian(SYSTEM), max_tree_depth=3)
    mcmc = MCMC(kernel, num_samples=200, warmup_steps=60, disable_progbar=True)
    mcmc.run(*tensors(EPISODE))
    for t, (mean, cov) in enumerate(zip(TRUTH.means, TRUTH.covs, strict=True)):
        draws = mcmc.get_samples()[f"s_{t}"]
        spread = torch.as_tensor(np.sqrt(np.diag(cov)))
        off = (draws.mean(0) - torch.as_tensor(mean)) / spread
        assert bool((off.abs() < 0.3).all())
        assert torch.allclose(draws.std(0), spread, rtol=0.3)


def test_svi_with_a_full_gaussian_finds_the_evidence() -> None:
    model, args = linear_gaussian(SYSTEM), tensors(EPISODE)
    guide = AutoMultivariateNormal(model)
    guide(*args)
    loss = TraceMeanField_ELBO(20, vectorize_particles=True, max_plate_nesting=0)(model, guide)
    optimizer = torch.optim.Adam(guide.parameters(), lr=0.1)
    for step in range(150):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 150)
        optimizer.zero_grad()
        loss(*args).backward()
        optimizer.step()
    assert loss(*args).item() == pytest.approx(-TRUTH.log_evidence, abs=0.03)
    means = guide.get_posterior().mean.reshape(2, 1)
    assert torch.allclose(means, torch.as_tensor(TRUTH.means), atol=0.1)


def test_predictive_draws_what_the_model_says() -> None:
    model = linear_gaussian(SYSTEM)
    drawn = Predictive(model, num_samples=2000, parallel=True)(None, torch.zeros(1, 1))
    first = drawn["o_0"].reshape(2000, 1)
    expected = SYSTEM.C @ SYSTEM.mean + SYSTEM.offset
    spread = SYSTEM.C @ SYSTEM.cov @ SYSTEM.C.T + SYSTEM.R
    assert first.mean(0).item() == pytest.approx(expected.item(), abs=4 * spread.item() ** 0.5 / 44)
    assert first.var(0).item() == pytest.approx(spread.item(), rel=0.15)


def test_arrays_that_are_left_out() -> None:
    model = LinearGaussian(2 * torch.eye(3))
    assert torch.equal(model.C, torch.eye(3))
    assert torch.equal(model.R, torch.eye(3))
    assert torch.equal(model.mean, torch.zeros(3))
    assert model.actions is None
    assert not poutine.trace(model.prefer).get_trace().stochastic_nodes


def test_actions_and_preferences() -> None:
    model = LinearGaussian([[1.0]], [[1.0, 2.0]], goal=[3.0], goal_cov=[[4.0]], bound=2.5)
    assert isinstance(model.actions, gym.spaces.Box)
    assert model.actions.shape == (2,)
    assert float(model.actions.high[0]) == 2.5
    preferred = poutine.trace(model.prefer).get_trace().nodes["o"]["fn"]
    assert preferred.mean.item() == 3.0
    assert preferred.variance.item() == 4.0


def test_arrays_can_be_learned() -> None:
    pyro.clear_param_store()
    model = linear_gaussian(SYSTEM)
    model.A = nn.Parameter(model.A)
    model.Q = PyroParam(model.Q, constraints.positive_definite)
    model.offset = PyroSample(dist.Normal(torch.zeros(1), 1.0).to_event(1))
    args = tensors(EPISODE)
    before = model.A.detach().clone()
    guide = AutoMultivariateNormal(model)
    assert "offset" in poutine.trace(guide).get_trace(*args).stochastic_nodes
    SVI(model, guide, pyro.optim.Adam({"lr": 0.1}), TraceMeanField_ELBO()).step(*args)
    assert not torch.equal(model.A, before)
    pyro.clear_param_store()


EYE = [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"C": torch.ones(1, 3)}, r"`C`: expected finite numbers of shape \(1, 2\)"),
        ({"Q": [[1.0, 0.0], [0.0, 0.0]]}, "`Q`: expected a symmetric positive definite"),
        ({"R": [[1.0, 0.5], [0.0, 1.0]]}, "`R`: expected a symmetric positive definite"),
        ({"mean": [float("nan"), 0.0]}, "`mean`: expected finite numbers"),
        ({"B": torch.ones(3, 1)}, r"`B`: expected finite numbers of shape \(2, 1\)"),
        ({"B": EYE, "bound": 0.0}, "`bound`: expected a finite number above 0"),
        ({"goal": [1.0]}, r"`goal`: expected finite numbers of shape \(2,\)"),
        ({"A": "fast"}, "`A`: expected numbers"),
    ],
)
def test_arrays_that_do_not_fit(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LinearGaussian(**({"A": EYE} | given))
