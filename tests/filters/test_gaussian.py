"""The Gaussian filter against Kalman's, in numpy, and against closed forms."""

import copy
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import GenerativeModel
from pyro_activeinf.filters import GaussianBelief, GaussianFilter
from pyro_activeinf.models import LinearGaussian
from pyro_activeinf.planning import OpenLoop
from tests import kalman
from tests.filters.gaussian_programs import (
    Cart,
    Drifting,
    Pendulum,
    cart_system,
    pendulum_filter,
)

equal = partial(torch.testing.assert_close, rtol=0.0, atol=1e-10)


def linear_gaussian(system: kalman.System, **more: Any) -> LinearGaussian:
    A, B, C, Q, R, mean, cov, offset = system
    return LinearGaussian(A, B, C, Q, R, mean, cov, offset=offset, **more)


def run(carrier: GaussianFilter, seen: list[dict[str, Any]], actions: Any) -> list[GaussianBelief]:
    beliefs: list[GaussianBelief] = []
    for t, observation in enumerate(seen):
        prior = carrier.predict(beliefs[-1], actions[t - 1]) if t else carrier.initial()
        beliefs.append(carrier.update(prior, observation))
    return beliefs


@pytest.mark.parametrize("seed", range(5))
def test_filter_and_smoother_of_a_linear_gaussian_model(seed: int) -> None:
    system = kalman.random_system(seed, n=3, m=2, k=2)
    seen, actions = kalman.simulate(system, seed, 12, missing=0.2)
    truth = kalman.smooth(system, seen, actions)
    carrier = GaussianFilter(linear_gaussian(system))
    assert carrier.linear
    found = carrier.smooth({"o": torch.tensor(seen)}, torch.tensor(actions))
    equal(found.mean, torch.tensor(truth.means))
    equal(found.cov, torch.tensor(truth.covs))
    assert float(-found.free_energy) == pytest.approx(truth.log_evidence, abs=1e-10)
    beliefs = run(carrier, [{"o": row} for row in torch.tensor(seen)], torch.tensor(actions))
    evidence = -sum(float(belief.free_energy) for belief in beliefs)
    assert evidence == pytest.approx(truth.log_evidence, abs=1e-10)
    equal(beliefs[-1].mean, torch.tensor(truth.means[-1]))


@pytest.mark.parametrize("seed", range(3))
def test_several_sites_that_depend_on_each_other(seed: int) -> None:
    system = cart_system()
    seen, actions = kalman.simulate(system, seed, 10, missing=0.2)
    truth = kalman.smooth(system, seen, actions)
    carrier = GaussianFilter(Cart())
    assert carrier.linear
    sites = {"near": torch.tensor(seen[:, 0]), "far": torch.tensor(seen[:, 1:])}
    found = carrier.smooth(sites, torch.tensor(actions))
    equal(found.mean, torch.tensor(truth.means))
    equal(found.cov, torch.tensor(truth.covs))
    assert float(-found.free_energy) == pytest.approx(truth.log_evidence, abs=1e-10)
    place = found.marginals["place"]
    assert isinstance(place, dist.MultivariateNormal)
    torch.testing.assert_close(place.covariance_matrix, found.cov[:, 1:, 1:])
    torch.testing.assert_close(found.marginals["speed"].mean, found.mean[:, 0])


def test_single_coordinates_may_be_missing() -> None:
    """Against the system that has these coordinates only."""
    system = cart_system()
    carrier = GaussianFilter(Cart())
    near, far = torch.tensor(1.4), torch.tensor([0.3, float("nan"), -0.2])
    found = carrier.update(carrier.initial(), {"near": near, "far": far})
    kept = [0, 1, 3]
    fewer = system._replace(
        C=system.C[kept], R=system.R[np.ix_(kept, kept)], offset=system.offset[kept]
    )
    truth = kalman.smooth(fewer, np.array([[1.4, 0.3, -0.2]]))
    equal(found.mean, torch.tensor(truth.means[0]))
    assert float(-found.free_energy) == pytest.approx(truth.log_evidence, abs=1e-10)
    assert float(found.terms.total) == pytest.approx(float(found.free_energy), abs=1e-12)


def test_an_absent_site_is_a_missing_one_for_each_member_of_a_batch() -> None:
    carrier = GaussianFilter(Cart())
    nan = float("nan")
    near = torch.tensor([0.5, nan, 1.0])
    far = torch.tensor([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [nan, nan, nan]])
    together = carrier.update(carrier.initial(), {"near": near, "far": far})
    alone = [
        carrier.update(carrier.initial(), observation)
        for observation in (
            {"near": near[0], "far": far[0]},
            {"far": far[1]},
            {"near": near[2]},
        )
    ]
    torch.testing.assert_close(together.mean, torch.stack([b.mean for b in alone]))
    torch.testing.assert_close(together.free_energy, torch.stack([b.free_energy for b in alone]))
    nothing = carrier.update(carrier.initial(), {})
    torch.testing.assert_close(nothing.mean, carrier.initial().mean)
    assert float(nothing.free_energy) == pytest.approx(0.0, abs=1e-12)


def test_an_uncertain_observation_is_one_through_a_noisier_sensor() -> None:
    system = cart_system()
    carrier = GaussianFilter(Cart())
    far = torch.tensor([0.3, float("nan"), -0.2])
    unsure = {"near": dist.Normal(torch.tensor([1.4, 1.4]), torch.tensor([0.5, 1e-9])), "far": far}
    found = carrier.update(carrier.initial(), unsure)
    kept = [0, 1, 3]
    for member, width in enumerate((0.5, 0.0)):
        noise = system.R + np.diag([width**2, 0.0, 0.0, 0.0])
        noisier = system._replace(
            C=system.C[kept], R=noise[np.ix_(kept, kept)], offset=system.offset[kept]
        )
        truth = kalman.smooth(noisier, np.array([[1.4, 0.3, -0.2]]))
        equal(found.mean[member], torch.tensor(truth.means[0]))
        equal(found.cov[member], torch.tensor(truth.covs[0]))
        assert float(-found.free_energy[member]) == pytest.approx(truth.log_evidence, abs=1e-10)


def test_complexity_is_the_divergence_from_the_prediction() -> None:
    carrier = GaussianFilter(Cart())
    prior = carrier.initial()
    belief = carrier.update(prior, {"near": 0.3, "far": torch.tensor([0.1, 0.9, -0.4])})
    q, p = (torch.distributions.MultivariateNormal(b.mean, b.cov) for b in (belief, prior))
    divergence = torch.distributions.kl_divergence(q, p)
    assert float(belief.terms.complexity) == pytest.approx(float(divergence), abs=1e-10)
    assert set(belief.terms.per_site) == {"near", "far"}


def test_accuracy_is_the_expected_log_likelihood_of_each_site() -> None:
    """By Monte Carlo over the belief, for the site that others do not depend on, exactly."""
    carrier = GaussianFilter(Cart())
    belief = carrier.update(carrier.initial(), {"near": torch.tensor(0.3)})
    mean, variance = belief.mean[1] + 1.0, belief.cov[1, 1]
    width = Cart.near_noise
    truth = dist.Normal(mean, width).log_prob(torch.tensor(0.3)) - variance / (2 * width**2)
    assert float(belief.terms.accuracy) == pytest.approx(float(truth), abs=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_the_extended_filter_of_a_nonlinear_program(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen, actions = rng.normal(1.0, 0.3, 8), rng.uniform(-1, 1, 7)
    means, covs, evidence = pendulum_filter(seen, actions)
    carrier = GaussianFilter(Pendulum())
    assert not carrier.linear
    beliefs = run(carrier, [{"height": h} for h in torch.tensor(seen)], torch.tensor(actions))
    equal(torch.stack([b.mean for b in beliefs]), torch.tensor(means))
    equal(torch.stack([b.cov for b in beliefs]), torch.tensor(covs))
    assert -sum(float(b.free_energy) for b in beliefs) == pytest.approx(evidence, abs=1e-10)


@pytest.mark.parametrize("dims", [1, 3])
def test_epistemic_value_of_a_linear_gaussian_chain(dims: int) -> None:
    system = kalman.random_system(dims, n=dims, m=2, k=None)
    carrier = GaussianFilter(linear_gaussian(system))
    belief = carrier.initial()
    cov = system.cov
    for _ in range(6):
        belief = carrier.predict(belief)
        cov = system.A @ cov @ system.A.T + system.Q
        signal = system.C @ cov @ system.C.T
        truth = 0.5 * np.linalg.slogdet(np.eye(2) + signal @ np.linalg.inv(system.R))[1]
        terms = carrier.expected_free_energy(belief)
        assert float(terms.epistemic) == pytest.approx(truth, abs=1e-9)
        ambiguity = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * system.R)[1]
        assert float(terms.ambiguity) == pytest.approx(ambiguity, abs=1e-9)


def test_epistemic_value_adds_up_along_a_chain_when_updates_are_anticipated() -> None:
    """The information in all outcomes together, by the chain rule."""
    system = kalman.random_system(4, n=2, m=1, k=None)
    carrier = GaussianFilter(linear_gaussian(system), anticipate=True)
    belief, total = carrier.update(carrier.initial(), {}), 0.0
    for _ in range(5):
        belief = carrier.predict(belief)
        total += float(carrier.expected_free_energy(belief).epistemic)
    n = 2
    move, noise = np.zeros((6 * n, 6 * n)), np.zeros((6 * n, 6 * n))
    for t in range(6):
        at = slice(t * n, t * n + n)
        noise[at, at] = system.Q if t else system.cov
        if t:
            move[at, at.start - n : at.start] = system.A
    inverse = np.linalg.inv(np.eye(6 * n) - move)
    cov = (inverse @ noise @ inverse.T)[n:, n:]
    show = np.kron(np.eye(5), system.C)
    signal = show @ cov @ show.T @ np.linalg.inv(np.kron(np.eye(5), system.R))
    assert total == pytest.approx(0.5 * np.linalg.slogdet(np.eye(5) + signal)[1], abs=1e-9)


def test_pragmatic_value_of_a_gaussian_preference() -> None:
    system = kalman.random_system(1, n=2, m=2, k=None)
    goal, width = np.array([0.4, -1.0]), np.array([[0.5, 0.2], [0.2, 0.9]])
    carrier = GaussianFilter(linear_gaussian(system, goal=goal, goal_cov=width))
    belief = carrier.predict(carrier.initial())
    terms = carrier.expected_free_energy(belief)
    mean = system.C @ belief.mean.numpy() + system.offset
    spread = system.C @ belief.cov.numpy() @ system.C.T + system.R
    away, inverse = mean - goal, np.linalg.inv(width)
    truth = -0.5 * (
        away @ inverse @ away + np.trace(inverse @ spread) + np.linalg.slogdet(2 * np.pi * width)[1]
    )
    assert float(terms.pragmatic) == pytest.approx(truth, abs=1e-9)
    q, p = (
        torch.distributions.MultivariateNormal(torch.tensor(m), torch.tensor(c))
        for m, c in ((mean, spread), (goal, width))
    )
    assert float(terms.risk) == pytest.approx(float(torch.distributions.kl_divergence(q, p)))
    parts = terms.risk + terms.ambiguity - terms.novelty
    assert float(terms.total) == pytest.approx(float(parts), abs=1e-10)


@pytest.mark.parametrize("spreading", [False, True])
def test_finite_actions_step_by_step_are_the_sweep(spreading: bool) -> None:
    model = Drifting(spreading)
    carrier = GaussianFilter(model)
    start = carrier.update(carrier.initial(), {"place": 0.3})
    plan = OpenLoop(3)(carrier, start)
    for policy, values in list(zip(plan.policies, plan.per_step.values, strict=True))[::17]:
        belief = start
        for action, value in zip(policy, values, strict=True):
            belief = carrier.predict(belief, action)
            torch.testing.assert_close(carrier.expected_free_energy(belief).values, value)
    assert carrier.look_ahead(start).total.shape == (5,)


def test_gradients_flow_to_actions_and_parameters() -> None:
    carrier = GaussianFilter(Pendulum())
    action = torch.tensor([0.3, -0.2], requires_grad=True)

    def value(u: Tensor) -> Tensor:
        belief = carrier.predict(carrier.predict(carrier.initial(), u[0]), u[1])
        terms = carrier.expected_free_energy(belief)
        return terms.total + belief.mean.sum()

    (found,) = torch.autograd.grad(value(action), action)
    small = 1e-6
    for i in range(2):
        shift = torch.zeros(2).index_fill(0, torch.tensor(i), small)
        with torch.no_grad():
            slope = (value(action + shift) - value(action - shift)) / (2 * small)
        assert float(found[i]) == pytest.approx(float(slope), rel=1e-5, abs=1e-7)


def test_the_evidence_of_an_episode_has_gradients_for_parameters() -> None:
    system = kalman.random_system(2, n=2, m=2, k=None)
    seen, _ = kalman.simulate(system, 2, 6)
    model = linear_gaussian(system)
    model.A = torch.nn.Parameter(model.A)
    carrier = GaussianFilter(model)

    def loss() -> Tensor:
        return carrier.smooth({"o": torch.tensor(seen)}).free_energy

    loss().backward()
    gradient = model.A.grad
    assert gradient is not None
    with torch.no_grad():
        model.A[0, 1] += 1e-6
        up = loss()
        model.A[0, 1] -= 2e-6
        down = loss()
    assert float(gradient[0, 1]) == pytest.approx(float(up - down) / 2e-6, rel=1e-5)


def test_a_changed_parameter_is_noticed() -> None:
    model = LinearGaussian(torch.eye(1))
    carrier = GaussianFilter(model)
    carrier.predict(carrier.initial())
    model.A = torch.tensor([[3.0]])
    assert float(carrier.predict(carrier.initial()).cov) == pytest.approx(10.0)


def test_a_coordinate_without_noise() -> None:
    """A Delta is a state that moves for certain; smoothing goes through a singular covariance."""

    class Still(GenerativeModel):
        def initial(self) -> Any:
            hidden = pyro.sample("hidden", dist.Normal(torch.tensor(0.0), 2.0))
            return hidden, pyro.sample("double", dist.Delta(2 * hidden))

        def transition(self, state: Any, action: None) -> Any:
            hidden, double = state
            return pyro.sample("hidden", dist.Delta(hidden)), pyro.sample(
                "double", dist.Delta(double)
            )

        def observe(self, state: Any) -> None:
            pyro.sample("o", dist.Normal(state[1], 1.0))

    found = GaussianFilter(Still()).smooth({"o": torch.tensor([1.0, 2.0, 3.0])})
    precision = 0.25 + 3 * 4.0
    torch.testing.assert_close(found.mean[:, 0], torch.full((3,), 2 * 6.0 / precision))
    torch.testing.assert_close(found.cov[:, 0, 0], torch.full((3,), 1 / precision))
    torch.testing.assert_close(found.cov[:, 1, 1], torch.full((3,), 4 / precision))


def test_several_controls() -> None:
    class Plane(GenerativeModel):
        actions = gym.spaces.MultiDiscrete([2, 3])

        def initial(self) -> Tensor:
            return pyro.sample("s", dist.Normal(torch.zeros(2), 1.0).to_event(1))

        def transition(self, state: Tensor, action: Tensor) -> Tensor:
            return pyro.sample("s", dist.Normal(state + action, 1.0).to_event(1))

        def observe(self, state: Tensor) -> None:
            pyro.sample("o", dist.Normal(state, 1.0).to_event(1))

        def prefer(self) -> None:
            pyro.sample("o", dist.Normal(torch.tensor([1.0, 2.0]), 1.0).to_event(1))

    carrier = GaussianFilter(Plane())
    moved = carrier.predict(carrier.initial(), torch.tensor([[1, 2], [0, 1]]))
    assert moved.mean.tolist() == [[1.0, 2.0], [0.0, 1.0]]
    plan = OpenLoop(2)(carrier, carrier.initial())
    assert plan.policies[plan.probs.argmax()].tolist() == [[1, 2], [0, 0]]


def test_copied_as_what_it_is_made_of() -> None:
    carrier = GaussianFilter(LinearGaussian(torch.eye(2)), anticipate=True)
    again = copy.deepcopy(carrier)
    assert again.anticipate
    assert again.initial().mean.equal(carrier.initial().mean)


def test_errors_name_what_is_wrong_and_the_way_out() -> None:
    carrier = GaussianFilter(Cart())
    start = carrier.initial()
    with pytest.raises(ValueError, match=r"names among.*'fare'"):
        carrier.update(start, {"fare": 1.0})
    with pytest.raises(ValueError, match=r"`far`: expected values of shape \(3,\)"):
        carrier.update(start, {"far": torch.zeros(2)})
    with pytest.raises(ValueError, match=r"`action`.*real numbers of shape \(\*batch, 1\)"):
        carrier.predict(start, torch.zeros(2))
    with pytest.raises(ValueError, match=r"`action`.*finite numbers"):
        carrier.predict(start, torch.tensor([torch.nan]))
    with pytest.raises(ValueError, match="batch dims"):
        carrier.predict(carrier.initial((2,)), torch.zeros(3, 1))
    with pytest.raises(ValueError, match=r"planning.Variational"):
        carrier.look_ahead(start)
    with pytest.raises(ValueError, match="at least 2 time steps"):
        carrier.smooth({"near": torch.zeros(3)}, torch.zeros(1, 1))
    with pytest.raises(TypeError, match="Hand in an instance"):
        GaussianFilter(Cart)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="integers from 0 to 4"):
        GaussianFilter(Drifting()).predict(GaussianFilter(Drifting()).initial(), 5)
