"""What holds for every estimator, and the linear-Gaussian chain for all that can take it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.contrib.oed.eig import nmc_eig
from torch import Tensor

from pyro_activeinf.filters import ExactFilter, ParticleFilter
from pyro_activeinf.free_energy import (
    Bound,
    Draws,
    Estimated,
    Estimator,
    Exact,
    Gaussian,
    Mixed,
    Nested,
)
from pyro_activeinf.models import TMaze
from tests.free_energy.futures import Chain, chain

SAMPLERS: dict[str, Callable[[Chain], Estimator]] = {
    "nested": lambda known: Nested(),
    "nested, itself included": lambda known: Nested(include_self=True),
    "nested, fewer inside": lambda known: Nested(num_inner=500),
    "bound": lambda known: known.posterior,
    "Gaussian of draws": lambda known: Gaussian(),
    "mixed, drawn": lambda known: Mixed(Draws(1)),
}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gaussian_in_closed_form(seed: int) -> None:
    known = chain(seed, 3, 2)
    terms = Estimated(known.filter, known.model, Gaussian()).expected_free_energy(known.belief)
    assert float(terms.epistemic) == pytest.approx(known.epistemic, abs=1e-9)
    assert float(terms.pragmatic) == pytest.approx(known.pragmatic, abs=1e-9)
    assert terms.standard_error == {}
    direct = known.filter.expected_free_energy(known.belief)
    torch.testing.assert_close(terms.values, direct.values, rtol=0, atol=1e-9)


@pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS.keys())
def test_within_the_error_that_it_tells(make: Callable[[Chain], Estimator]) -> None:
    known = chain(3)
    particles = ParticleFilter(known.model, num_particles=1500)
    estimated = Estimated(particles, known.model, make(known))
    belief = particles.initial()
    for u in (0.3, -0.5):
        belief = particles.predict(belief, torch.tensor([u]))
    terms = estimated.expected_free_energy(belief)
    for name, truth in (("epistemic", known.epistemic), ("pragmatic", known.pragmatic)):
        error = terms.standard_error[name]
        assert 0 < float(error) < 0.2
        assert float(getattr(terms, name)) == pytest.approx(truth, abs=3 * float(error))
    truth = -known.epistemic - known.pragmatic
    assert float(terms.total) == pytest.approx(truth, abs=3 * float(terms.standard_error["total"]))


def epistemic_of(
    estimator: Estimator, known: Chain, times: int, particles: int
) -> tuple[Tensor, Tensor]:
    """Epistemic values of many sets of draws, and the errors that they tell."""
    estimated = Estimated(known.filter, known.model, estimator, num_particles=particles)
    many = known.belief.reshape(1).take(torch.zeros(times, dtype=torch.long))
    found = estimated.expected_free_energy(many)
    return found.epistemic, found.standard_error["epistemic"]


def mean_of(estimator: Estimator, known: Chain, times: int, particles: int) -> tuple[float, float]:
    """Mean epistemic value over many sets of draws, and the standard error of the mean."""
    found, _ = epistemic_of(estimator, known, times, particles)
    return float(found.mean()), float(found.std() / math.sqrt(times))


@pytest.mark.parametrize("include_self", [False, True])
def test_nested_at_a_thousand_by_a_thousand(include_self: bool) -> None:
    known = chain(1)
    found, told = epistemic_of(Nested(include_self=include_self), known, 12, 1000)
    away = found - known.epistemic
    assert abs(float(away[0])) < 2 * float(told[0])
    assert int((away.abs() < 2 * told).sum()) >= 10
    assert float(told.mean()) == pytest.approx(float(found.std()), rel=0.5)
    assert abs(float(away.mean())) < 0.02


def test_the_bias_of_nested_is_in_the_direction_that_it_tells() -> None:
    known = chain(0)
    low, error = mean_of(Nested(include_self=True), known, 3000, 15)
    assert low < known.epistemic - 5 * error
    assert low < math.log(15)
    high, error = mean_of(Nested(), known, 3000, 15)
    assert high > known.epistemic + 5 * error


def test_a_bound_lies_below_and_touches_with_the_posterior() -> None:
    known = chain(0)
    mean, error = mean_of(known.posterior, known, 200, 500)
    assert abs(mean - known.epistemic) < 3 * error < 0.03
    reverse: Any = known.posterior.guide

    def crude(outcomes: Any) -> None:
        reverse({"o": 0.8 * outcomes["o"]})

    worse, error = mean_of(Bound(crude), known, 200, 500)
    assert worse < known.epistemic - 5 * error


def test_as_nested_monte_carlo_of_pyro() -> None:
    known = chain(1)
    C, R, belief = known.model.C, known.model.R, known.belief

    def model(design: Tensor) -> None:
        batch = design.shape[:-1]
        prior = dist.MultivariateNormal(belief.mean, belief.cov).expand(batch)
        s = pyro.sample("s", prior)
        pyro.sample("o", dist.MultivariateNormal(s @ C.T, R))

    theirs = nmc_eig(model, torch.zeros(1, 1), ["o"], ["s"], N=2000, M=500)
    ours, error = mean_of(Nested(), known, 10, 1000)
    assert abs(ours - float(theirs)) < 0.02 + 3 * error + 0.04
    assert abs(float(theirs) - known.epistemic) < 0.08


DISCRETE: dict[str, Callable[[], Estimator]] = {
    "exact": Exact,
    "mixed": Mixed,
    "nested": Nested,
    "bound": lambda: Bound(guess),
}


def guess(outcomes: Any) -> None:
    """Guess the state from the position, in ignorance of the reward."""
    shape = outcomes["position"].shape
    pyro.sample("context", dist.Categorical(torch.ones(2) / 2).expand(shape))
    place = torch.full((5, 4), 0.01)
    for position, location in enumerate([0, 1, 2, 3, 3]):
        place[position, location] += 0.96
    pyro.sample("location", dist.Categorical(place[outcomes["position"]]))


@pytest.mark.parametrize("make", DISCRETE.values(), ids=DISCRETE.keys())
def test_terms_add_up_and_have_the_shapes_of_the_batch(make: Callable[[], Estimator]) -> None:
    maze = ExactFilter(TMaze())
    start = maze.update(maze.initial((2, 1)), {"position": 0, "reward": 0})
    belief = maze.predict(start, torch.arange(4))
    estimated = Estimated(maze, TMaze(), make(), num_particles=50)
    terms = estimated.expected_free_energy(belief)
    assert terms.values.shape == (2, 4, 4, 3)
    assert terms.sites == maze.observation_sites
    assert all(error.shape == (2, 4) for error in terms.standard_error.values())
    parts = terms.risk + terms.ambiguity - terms.novelty
    worth = terms.pragmatic + terms.epistemic + terms.novelty
    torch.testing.assert_close(terms.total, parts, rtol=0, atol=1e-9)
    torch.testing.assert_close(terms.total, -worth, rtol=0, atol=1e-9)
    ahead = estimated.look_ahead(start)
    assert ahead.values.shape == (2, 1, 4, 4, 3)
    assert estimated.scoring_bytes > maze.scoring_bytes
