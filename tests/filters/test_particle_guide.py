"""Proposals of a guide, and what they do to weights."""

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters import ParticleFilter
from pyro_activeinf.filters.particle_guide import Proposal
from pyro_activeinf.filters.particle_program import ParticlePrograms
from pyro_activeinf.guides import RecognitionGuide
from tests.filters.particles import Pushed


class Wide(RecognitionGuide):
    """About what was observed, whatever came before."""

    def recognize(self, previous: Any, action: Any, observation: Any) -> Tensor:
        return pyro.sample("s", dist.Normal(observation["o"], 2.0))


def test_the_correction_is_the_ratio_of_densities() -> None:
    model = Pushed()
    carrier = ParticleFilter(model, num_particles=6)
    belief = carrier.predict(carrier.initial((2,)), torch.tensor([0.5, -0.5]))
    programs = ParticlePrograms(model)
    seen = programs.observed({"o": torch.tensor([0.3, 1.0])})
    assert belief.origin is not None
    states, ratio = Proposal(programs, Wide(model))(belief, belief.origin, seen)
    before = belief.origin.states
    assert before is not None
    mean = before["s"].sin() + torch.tensor([0.5, -0.5])
    expected = dist.Normal(mean, 0.3).log_prob(states["s"]) - dist.Normal(
        torch.tensor([0.3, 1.0]), 2.0
    ).log_prob(states["s"])
    torch.testing.assert_close(ratio, expected)


def test_evidence_by_a_wide_guide_is_the_same() -> None:
    model, seen = Pushed(), {"o": torch.tensor(0.7)}
    found = []
    for guide in (None, Wide(model)):
        carrier = ParticleFilter(model, guide, num_particles=20_000)
        belief = carrier.update(carrier.initial(), seen)
        belief = carrier.update(carrier.predict(belief, 0.2), seen)
        found.append((float(belief.marginals["s"].mean), float(belief.free_energy)))
    assert found[0] == pytest.approx(found[1], abs=0.05)


def test_sites_that_are_no_states_are_refused() -> None:
    class Strange(Wide):
        def recognize(self, previous: Any, action: Any, observation: Any) -> Tensor:
            return pyro.sample("soul", dist.Normal(0.0, 1.0))

    model = Pushed()
    carrier = ParticleFilter(model, Strange(model), num_particles=5)
    with pytest.raises(ValueError, match="soul"):
        carrier.update(carrier.initial(), {"o": 0.1})
