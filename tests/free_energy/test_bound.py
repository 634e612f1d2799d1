"""Reverse models of every kind, and their training."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI
from torch import Tensor

from pyro_activeinf import ExpectedFreeEnergy, RecognitionGuide
from pyro_activeinf.filters import ExactFilter, ParticleFilter
from pyro_activeinf.flows import NormalizingFlow, SplineCoupling
from pyro_activeinf.free_energy import Bound, Estimated, tighten
from pyro_activeinf.guides import Amortized
from pyro_activeinf.models import TMaze
from tests.free_energy.futures import chain, step


def test_a_network_is_trained_until_the_bound_is_tight() -> None:
    known = chain(0, 1, 2)  # of one number, so that the posterior is within reach
    bound = Bound(Amortized(known.model, []))
    estimated = Estimated(known.filter, known.model, bound, num_particles=128)
    losses = tighten(bound, lambda: estimated.prediction(known.belief), 60, 0.15)
    assert sum(losses[-10:]) < sum(losses[:10])
    many = Estimated(known.filter, known.model, bound, num_particles=20_000)
    with torch.no_grad():
        terms = many.expected_free_energy(known.belief)
    error = float(terms.standard_error["epistemic"])
    assert known.epistemic - 0.1 < float(terms.epistemic) < known.epistemic + 3 * error


def test_a_flow_as_reverse_model() -> None:
    known = chain(0)
    guide = Amortized(known.model, [], NormalizingFlow(2, 1, SplineCoupling()))
    estimated = Estimated(known.filter, known.model, Bound(guide), num_particles=500)
    with torch.no_grad():
        terms = estimated.expected_free_energy(known.belief)
    assert float(terms.epistemic) < known.epistemic


class FromScratch(RecognitionGuide):
    """The context by chance, the place by what was seen, if anything."""

    def recognize(self, previous: Any, action: Any, observation: Any) -> Any:
        shape = next(iter(observation.values())).shape
        context = pyro.sample("context", dist.Categorical(torch.ones(2) / 2).expand(shape))
        place = torch.full((5, 4), 0.01)
        for position, location in enumerate([0, 1, 2, 3, 3]):
            place[position, location] += 0.96
        seen = observation.get("position")
        chances = torch.ones(4) / 4 if seen is None else place[seen]
        return context, pyro.sample("location", dist.Categorical(chances).expand(shape))


def test_a_recognition_guide_is_asked_about_each_site_by_itself() -> None:
    maze = ExactFilter(TMaze())
    start = maze.update(maze.initial(), {"position": 0, "reward": 0})
    belief = maze.predict(start, 3)
    truth = maze.expected_free_energy(belief)
    estimated = Estimated(maze, TMaze(), Bound(FromScratch(TMaze())), num_particles=200)
    terms = estimated.expected_free_energy(belief)
    assert float(terms.epistemic) <= float(truth.epistemic)
    for name, site in terms.per_site.items():
        assert float(site.epistemic) <= float(truth.per_site[name].epistemic) + 1e-9


def test_a_program_says_nothing_about_a_site_by_itself() -> None:
    def look(states: Any) -> None:
        pyro.sample("a", dist.Normal(states["s"], 1.0))
        pyro.sample("b", dist.Normal(states["s"], 1.0))

    def reverse(outcomes: Any) -> None:
        pyro.sample("s", dist.Normal((outcomes["a"] + outcomes["b"]) / 3, 3**-0.5))

    states = {"s": torch.randn(1000)}
    density = dist.Normal(0.0, 1.0).log_prob(states["s"])
    terms = Bound(reverse)(replace(step(look, states, sampled=True), log_density=lambda: density))
    assert [float(site.epistemic) for site in terms.per_site.values()] == [0.0, 0.0]
    error = float(terms.standard_error["epistemic"])
    assert float(terms.epistemic) == pytest.approx(0.5 * math.log(3), abs=3 * error)


def test_svi_trains_the_guide_of_a_bound() -> None:
    known = chain(2)

    def reverse(outcomes: Any) -> None:
        slope = pyro.param("slope", torch.zeros(2, 2))
        pyro.sample("s", dist.Normal(outcomes["o"] @ slope, 1.5).to_event(1))

    energy = ExpectedFreeEnergy(Bound(reverse), num_particles=400)
    svi = SVI(known.model, None, pyro.optim.Adam({"lr": 0.05}), loss=energy)
    policies = torch.zeros(1, 2, 1)
    before = float(loss_of(known, reverse).detach())
    for _ in range(40):
        svi.step(known.filter.initial(), policies)
    assert float(loss_of(known, reverse).detach()) < before - 0.01


@pytest.mark.parametrize(
    ("guide", "error", "message"),
    [
        (3, TypeError, "`guide`: expected a RecognitionGuide"),
        (lambda outcomes: None, ValueError, "`guide`: expected samples of the state sites"),
    ],
)
def test_guides_that_are_none(guide: Any, error: Any, message: str) -> None:
    known = chain(0)
    with pytest.raises(error, match=message):
        Estimated(known.filter, known.model, Bound(guide)).expected_free_energy(known.belief)


def test_a_density_has_to_be_known_and_a_trained_guide_has_parameters() -> None:
    known = chain(0)
    particles = ParticleFilter(known.model, num_particles=20)
    with pytest.raises(ValueError, match="`belief`: expected one whose density of states is known"):
        Estimated(particles, known.model, known.posterior).expected_free_energy(particles.initial())
    with pytest.raises(TypeError, match=r"`bound.guide`: expected a torch module"):
        tighten(known.posterior, lambda: None)  # type: ignore[arg-type, return-value]


def loss_of(known: Any, guide: Any) -> Tensor:
    prediction = Estimated(known.filter, known.model, Bound(guide)).prediction(known.belief)
    return Bound(guide).loss(prediction)


def test_the_posterior_has_the_smallest_loss() -> None:
    known = chain(0)
    reverse: Any = known.posterior.guide
    shifted = loss_of(known, lambda outcomes: reverse({"o": outcomes["o"] + 1}))
    assert loss_of(known, reverse) < shifted
