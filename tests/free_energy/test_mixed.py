"""Discrete and real outcomes together, against quadrature."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import GenerativeModel
from pyro_activeinf.filters import ParticleFilter
from pyro_activeinf.free_energy import Draws, Estimated, Mixed, Quadrature
from tests.free_energy.futures import (
    LEVELS,
    SHADES,
    level_and_shade,
    quadrature,
    shade_and_level,
    shade_beside_level,
    step,
)

WEIGHTS = torch.tensor([0.35, 0.65], dtype=torch.float64)


def p_shade_and_level(r: Tensor) -> Tensor:
    d, s = torch.arange(3)[:, None, None], torch.arange(2)[:, None]
    return SHADES.T[:, :, None] * dist.Normal(LEVELS[s] + 0.3 * d, 0.5 + 0.2 * s).log_prob(r).exp()


def p_level_and_shade(r: Tensor) -> Tensor:
    d, s = torch.arange(2.0)[:, None, None], torch.arange(2)[:, None]
    chance = dist.Bernoulli(logits=2 * r - s).log_prob(d).exp()
    return dist.Normal(LEVELS[s], 0.5).log_prob(r).exp() * chance


def p_shade_beside_level(r: Tensor) -> Tensor:
    s = torch.arange(2)[:, None]
    return SHADES.T[:, :, None] * dist.Normal(LEVELS[s], 0.5 + 0.2 * s).log_prob(r).exp()


CASES = {
    "real given discrete": (shade_and_level, p_shade_and_level),
    "discrete given real": (level_and_shade, p_level_and_shade),
    "side by side": (shade_beside_level, p_shade_beside_level),
}


@pytest.mark.parametrize(("look", "densities"), CASES.values(), ids=CASES.keys())
def test_against_quadrature(look: Any, densities: Any) -> None:
    information, entropy = quadrature(densities, WEIGHTS)
    terms = Mixed()(step(look, {"s": torch.arange(2)}, WEIGHTS))
    assert float(terms.epistemic) == pytest.approx(information, abs=1e-4)
    assert float(terms.outcome_entropy) == pytest.approx(entropy, abs=1e-3)
    assert terms.standard_error == {}
    total = sum(site.epistemic for site in terms.per_site.values())
    if look is not shade_beside_level:  # each adds to those before it
        assert float(total) == pytest.approx(float(terms.epistemic), abs=1e-12)
    else:
        assert float(total) > float(terms.epistemic) + 0.01


def test_a_site_by_itself_against_quadrature() -> None:
    terms = Mixed()(step(shade_beside_level, {"s": torch.arange(2)}, WEIGHTS))
    of_level, _ = quadrature(lambda r: p_shade_beside_level(r).sum(0, keepdim=True), WEIGHTS)
    assert float(terms.per_site["level"].epistemic) == pytest.approx(of_level, abs=1e-3)
    q = WEIGHTS @ SHADES
    of_shade = (WEIGHTS[:, None] * SHADES * (SHADES / q).log()).sum()
    assert float(terms.per_site["shade"].epistemic) == pytest.approx(float(of_shade), abs=1e-12)


def test_a_real_state_by_nodes_of_its_own() -> None:
    """A Gaussian state on Gauss-Hermite nodes; a light and a level that both depend on it."""
    s, log_weights = Quadrature(40)("s", dist.Normal(torch.tensor(0.2), 0.9))

    def look(states: Any) -> None:
        pyro.sample("light", dist.Bernoulli(logits=2 * states["s"]))
        pyro.sample("level", dist.Normal(states["s"], 0.6))

    terms = Mixed(Quadrature(20))(step(look, {"s": s}, log_weights.exp()))
    grid = torch.linspace(-6.0, 6.4, 1241)
    prior = dist.Normal(0.2, 0.9).log_prob(grid).exp()
    prior = prior / prior.sum()

    def densities(r: Tensor) -> Tensor:
        d = torch.arange(2.0)[:, None, None]
        chance = dist.Bernoulli(logits=2 * grid[:, None]).log_prob(d).exp()
        return chance * dist.Normal(grid[:, None], 0.6).log_prob(r[::40]).exp()

    r = torch.linspace(-8.0, 9.0, 20_001)[::40]
    p = densities(torch.linspace(-8.0, 9.0, 20_001))
    q = (prior[:, None] * p).sum(1, keepdim=True)
    truth = (prior[:, None] * (p * (p / q).log()).nan_to_num(0.0)).sum() * (r[1] - r[0])
    assert float(terms.epistemic) == pytest.approx(float(truth), abs=1e-3)


def test_chunks_change_nothing_and_gradients_flow() -> None:
    def run(limit: int) -> tuple[Tensor, Tensor]:
        gap = torch.tensor(1.0, requires_grad=True)

        def look(states: Any) -> None:
            shade = pyro.sample("shade", dist.Categorical(SHADES[states["s"]]))
            pyro.sample("level", dist.Normal(gap * states["s"] + 0.3 * shade, 0.5))

        found = Mixed(memory_limit=limit)(step(look, {"s": torch.arange(2)}, WEIGHTS)).epistemic
        (slope,) = torch.autograd.grad(found, gap)
        return found.detach(), slope

    whole, slope = run(2**28)
    torch.testing.assert_close(run(400), (whole, slope), rtol=0, atol=1e-12)
    gaps, values = torch.tensor([1 - 1e-5, 1 + 1e-5]), []
    for gap in gaps:

        def look(states: Any, gap: Tensor = gap) -> None:
            shade = pyro.sample("shade", dist.Categorical(SHADES[states["s"]]))
            pyro.sample("level", dist.Normal(gap * states["s"] + 0.3 * shade, 0.5))

        values.append(Mixed()(step(look, {"s": torch.arange(2)}, WEIGHTS)).epistemic)
    assert float(slope) == pytest.approx(float((values[1] - values[0]) / 2e-5), abs=1e-7)


class Lamp(GenerativeModel):
    """A real state, seen by a switch and a meter."""

    def initial(self) -> Tensor:
        return pyro.sample("s", dist.Normal(0.0, 1.0))

    def transition(self, s: Tensor, action: None) -> Tensor:
        return pyro.sample("s", dist.Normal(s, 0.5))

    def observe(self, s: Tensor) -> None:
        pyro.sample("switch", dist.Bernoulli(logits=s))
        pyro.sample("meter", dist.Poisson(s.exp()))


def test_draws_take_any_distribution() -> None:
    particles = ParticleFilter(Lamp(), num_particles=300)
    belief = particles.predict(particles.initial((2,)))
    terms = Estimated(particles, Lamp(), Mixed(Draws(2))).expected_free_energy(belief)
    plain = particles.expected_free_energy(belief)
    away = (terms.epistemic - plain.epistemic).abs()
    assert bool((away < 4 * plain.standard_error["epistemic"]).all())


@pytest.mark.parametrize(
    ("rule", "fn", "message"),
    [
        (Quadrature(), dist.Poisson(1.0), "expected a Normal or MultivariateNormal outcome"),
        (Quadrature(20), dist.Normal(torch.zeros(4), 1.0).to_event(1), "a grid of at most 4096"),
    ],
)
def test_outcomes_that_a_rule_does_not_know(rule: Any, fn: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rule("o", fn)


def test_nodes_have_the_moments_of_a_vector() -> None:
    cov = torch.tensor([[2.0, 0.6], [0.6, 0.5]])
    values, log_weights = Quadrature(5)("o", dist.MultivariateNormal(torch.ones(2), cov))
    weights = log_weights.exp()
    mean = (weights[:, None] * values).sum(0)
    away = values - mean
    torch.testing.assert_close(mean, torch.ones(2))
    torch.testing.assert_close(
        (weights[:, None, None] * away[:, :, None] * away[:, None]).sum(0), cov
    )
    assert float(weights.sum()) == pytest.approx(1.0, abs=1e-12)
    assert len(values) == 25
