"""Against the tables of the exact filter."""

from __future__ import annotations

import math
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.filters import ExactFilter, FactorizedFilter, ParticleFilter
from pyro_activeinf.free_energy import Estimated, Exact
from pyro_activeinf.models import Tiger, TMaze
from tests.free_energy.futures import shade_and_level, step


@pytest.mark.parametrize("model", [TMaze, Tiger])
@pytest.mark.parametrize("kind", [ExactFilter, FactorizedFilter])
def test_as_the_exact_filter(model: Any, kind: Any) -> None:
    exact, carrier = ExactFilter(model()), kind(model())
    estimated = Estimated(carrier, model(), Exact())
    belief = exact.initial((3,))
    other = carrier.initial((3,))
    for u in (torch.tensor([0, 1, 2]), torch.tensor([1, 1, 0])):
        belief, other = exact.predict(belief, u), carrier.predict(other, u)
        terms = estimated.expected_free_energy(other)
        expected = exact.expected_free_energy(belief)
        torch.testing.assert_close(terms.values, expected.values, rtol=0, atol=1e-9)
        assert terms.standard_error == {}


def test_particles_of_a_maze_within_three_standard_errors() -> None:
    maze, exact = TMaze(), ExactFilter(TMaze())
    particles = ParticleFilter(maze, num_particles=2000, estimator=Exact())
    for u in range(4):
        seen = {"position": 0, "reward": 0}
        true = exact.predict(exact.update(exact.initial(), seen), u)
        drawn = particles.predict(particles.update(particles.initial(), seen), u)
        truth, terms = exact.expected_free_energy(true), particles.expected_free_energy(drawn)
        error = float(terms.standard_error["total"])
        assert float(terms.total) == pytest.approx(float(truth.total), abs=3 * error + 1e-3)


def test_impossible_outcomes_count_nothing_and_forbidden_ones_all() -> None:
    sure = torch.eye(2)

    def look(states: Any) -> None:
        pyro.sample("o", dist.Categorical(sure[states["s"]]))

    def prefer(values: Any) -> dict[str, torch.Tensor]:
        return {"o": torch.tensor([0.0, -math.inf])[values["o"]]}

    states, weights = {"s": torch.arange(2)}, torch.tensor([1.0, 0.0])
    terms = Exact()(step(look, states, weights, prefer))
    assert terms.pragmatic == 0.0
    assert terms.epistemic == 0.0
    terms = Exact()(step(look, states, torch.tensor([0.5, 0.5]), prefer))
    assert terms.pragmatic == -math.inf
    assert float(terms.epistemic) == pytest.approx(math.log(2), abs=1e-12)


def test_a_real_outcome_is_not_enumerated() -> None:
    with pytest.raises(ValueError, match=r"`site 'level'`: expected .* finite support"):
        Exact()(step(shade_and_level, {"s": torch.arange(2)}))
