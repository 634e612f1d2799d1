"""The filter of observed worlds, against quadrature and closed forms."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, MixtureSameFamily, Normal

from pyro_activeinf.filters import ObservedBelief, ObservedFilter
from pyro_activeinf.models import Ensemble, LogDensity, NeuralDynamics, TMaze
from pyro_activeinf.planning import CrossEntropy, OpenLoop

BOX = gym.spaces.Box(-1.0, 1.0, (2,))
PUSH = gym.spaces.Box(-2.0, 2.0, (1,))


def built(n: int = 2, actions: Any = PUSH, members: int = 3, **options: Any) -> ObservedFilter:
    box = gym.spaces.Box(-1.0, 1.0, (n,))
    model = NeuralDynamics(box, actions, (8,), Ensemble(members), **options)
    model.calibrate(torch.randn(50, n) * 2 + 1, torch.randn(50, n))
    return ObservedFilter(model)


def belief_of(mean: Tensor, scale: Tensor) -> ObservedBelief:
    return ObservedBelief(1, mean, scale.square())


def test_update_is_bayes_rule_by_quadrature() -> None:
    carrier = built(1, sensor=0.3)
    prior = belief_of(torch.tensor([[0.2], [-0.4], [0.5]]), torch.tensor([[0.3], [0.6], [0.2]]))
    seen = carrier.update(prior, {"o": torch.tensor([0.1])})
    grid = torch.linspace(-4.0, 4.0, 10_001)
    sensor = Normal(grid, carrier.model.sensor * carrier.model.scale)
    surprise = []
    for k in range(3):
        before = Normal(prior.mean[k], prior.var[k].sqrt())
        joint = (before.log_prob(grid) + sensor.log_prob(torch.tensor(0.1))).exp()
        evidence = torch.trapezoid(joint, grid)
        mean = torch.trapezoid(joint * grid, grid) / evidence
        var = torch.trapezoid(joint * (grid - mean).square(), grid) / evidence
        torch.testing.assert_close(seen.mean[k, 0], mean, atol=1e-9, rtol=0)
        torch.testing.assert_close(seen.var[k, 0], var, atol=1e-9, rtol=0)
        surprise.append(-evidence.log())
    assert float(seen.free_energy) == pytest.approx(float(sum(surprise)) / 3, abs=1e-9)
    assert float(seen.terms.total) == pytest.approx(float(seen.free_energy), abs=1e-12)


def test_what_is_missing_changes_nothing() -> None:
    carrier = built()
    prior = carrier.predict(carrier.initial((2,)), torch.zeros(2, 1))
    nan = carrier.update(prior, {"o": torch.tensor([[math.nan, 0.5], [math.nan, math.nan]])})
    torch.testing.assert_close(nan.mean[..., 0], prior.mean[..., 0])
    torch.testing.assert_close(nan.mean[1], prior.mean[1])
    assert nan.free_energy[1].item() == pytest.approx(0.0, abs=1e-12)
    assert carrier.update(prior, {}) is prior


def test_terms_of_a_prediction() -> None:
    """Information about the state in closed form; pragmatic value of a Gaussian preference."""
    wanted = Independent(Normal(torch.tensor([0.5, -1.0]), torch.tensor([0.3, 2.0])), 1)
    carrier = built(preferences=wanted)
    belief = belief_of(torch.randn(4, 3, 2), torch.rand(4, 3, 2) + 0.1)
    terms = carrier.expected_free_energy(belief)
    noise = (carrier.model.sensor * carrier.model.scale).square()
    information = 0.5 * (1 + belief.var / noise).log().sum(-1).mean(-1)
    torch.testing.assert_close(terms.epistemic, information, atol=1e-10, rtol=0)
    ambiguity = Independent(Normal(torch.zeros(2), noise.sqrt()), 1).entropy()
    torch.testing.assert_close(terms.ambiguity, ambiguity.expand(4), atol=1e-10, rtol=0)
    spread = (belief.var + noise) / wanted.variance
    expected = (wanted.log_prob(belief.mean) - 0.5 * spread.sum(-1)).mean(-1)
    torch.testing.assert_close(terms.pragmatic, expected, atol=1e-10, rtol=0)
    parts = terms.risk + terms.ambiguity - terms.novelty
    torch.testing.assert_close(terms.total, parts, atol=1e-10, rtol=0)


def test_novelty_bounds_the_information_about_members_from_above() -> None:
    """By quadrature of the mixture; it is zero, as that is, where members agree."""
    carrier = built(1, sensor=0.1)
    belief = belief_of(torch.randn(20, 3, 1), torch.rand(20, 3, 1) + 0.2)
    noise = (carrier.model.sensor * carrier.model.scale).square()
    each = Independent(Normal(belief.mean, (belief.var + noise).sqrt()), 1)
    even = torch.distributions.Categorical(torch.ones(20, 3))
    mixture = MixtureSameFamily(even, each)
    grid = torch.linspace(-12.0, 12.0, 8_001)
    log_prob = mixture.log_prob(grid[:, None, None])
    entropy = -torch.trapezoid(log_prob.exp() * log_prob, grid, dim=0)
    exact = entropy - each.entropy().mean(-1)
    novelty = carrier.expected_free_energy(belief).novelty
    assert bool((novelty >= exact - 1e-9).all())
    assert float(torch.corrcoef(torch.stack([novelty, exact]))[0, 1]) > 0.9
    alike = belief_of(torch.randn(20, 1, 1).expand(20, 3, 1), torch.ones(20, 3, 1))
    assert float(carrier.expected_free_energy(alike).novelty.abs().max()) < 1e-12


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
@pytest.mark.parametrize("own", [False, True], ids=["shared policies", "policies of its own"])
def test_scores_are_those_of_single_steps(batch: tuple[int, ...], own: bool) -> None:
    carrier = built(preferences=LogDensity(lambda o: -o.square().sum(-1), 1))
    start = carrier.update(carrier.initial(batch), {"o": torch.randn(*batch, 2)})
    policies = torch.randn(*(batch if own else ()), 5, 4, 1)
    found = carrier.score(start, policies)
    current = start.reshape(*batch, 1)
    for t in range(4):
        current = carrier.predict(current, policies[..., t, :])
        terms = carrier.expected_free_energy(current)
        torch.testing.assert_close(found.values[..., t, :, :], terms.values, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_a_tree_of_counted_actions_is_scored_as_its_policies(batch: tuple[int, ...]) -> None:
    carrier = built(actions=gym.spaces.Discrete(3))
    start = carrier.update(carrier.initial(batch), {"o": torch.randn(*batch, 2)})
    plan = OpenLoop(3)(carrier, start)
    alone = carrier.score(start, plan.policies)
    torch.testing.assert_close(plan.per_step.values, alone.values, atol=1e-9, rtol=1e-9)
    ahead = carrier.look_ahead(start)
    torch.testing.assert_close(ahead.values, alone.values[..., ::9, 0, :, :], atol=1e-9, rtol=1e-9)


def test_gradients_reach_actions_and_parameters() -> None:
    carrier = built(preferences=LogDensity(lambda o: -o.square().sum(-1), 1))
    policies = torch.zeros(2, 3, 1, requires_grad=True)
    carrier.score(carrier.initial(), policies).total.sum().backward()
    assert policies.grad is not None
    assert bool((policies.grad != 0).all())
    assert all(p.grad is not None for p in carrier.model.parameters())


def test_shapes() -> None:
    carrier = built()
    belief = carrier.predict(carrier.initial((2, 3)), torch.zeros(3, 1))
    assert (belief.step, belief.batch_shape) == (1, (2, 3))
    assert belief.sample(7)["s"].shape == (7, 2, 3, 2)
    assert belief.reshape(6).take(torch.tensor([4, 0])).marginals["s"].mean.shape == (2, 2)
    assert belief.free_energy.shape == (2, 3)


def test_what_does_not_fit_is_explained() -> None:
    carrier = built()
    with pytest.raises(TypeError, match=r"`model`.*NeuralDynamics"):
        ObservedFilter(TMaze())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"`action`.*shape"):
        carrier.predict(carrier.initial(), torch.zeros(3))
    with pytest.raises(ValueError, match=r"`o`.*shape"):
        carrier.update(carrier.initial(), {"o": torch.zeros(3)})
    with pytest.raises(ValueError, match=r"`observation`"):
        carrier.update(carrier.initial(), {"smell": torch.zeros(2)})
    with pytest.raises(ValueError, match=r"`model.actions`.*CrossEntropy"):
        carrier.look_ahead(carrier.initial())
    with pytest.raises(ValueError, match=r"`batch dims`"):
        carrier.predict(carrier.initial((2,)), torch.zeros(3, 1))
    with pytest.raises(ValueError, match=r"`model.actions`"):
        CrossEntropy(2)(built(actions=gym.spaces.Discrete(2)), carrier.initial())
