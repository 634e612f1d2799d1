"""Moments of outcomes, and what has none."""

from __future__ import annotations

import math
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.free_energy import Gaussian
from pyro_activeinf.free_energy.cubature import cubature
from tests.free_energy.futures import level_and_shade, shade_beside_level, step


def two_sites(states: Any) -> None:
    pyro.sample("near", dist.Normal(states["s"], 1.0).to_event(1))
    pyro.sample("far", dist.MultivariateNormal(2 * states["s"], torch.eye(2)))


def test_several_sites_together_and_apart() -> None:
    cov = torch.tensor([[1.0, 0.4], [0.4, 0.5]])
    s = cubature(torch.zeros(2), torch.linalg.cholesky(cov))
    terms = Gaussian()(step(two_sites, {"s": s}))
    half = [0.5 * torch.logdet(torch.eye(2) + k * cov) for k in (5, 1, 4)]
    for found, truth in zip([terms, *terms.per_site.values()], half, strict=True):
        assert float(found.epistemic) == pytest.approx(float(truth), abs=1e-12)
        assert float(found.ambiguity) > 0


def test_preferences_over_outcomes_and_states_by_their_moments() -> None:
    def prefer(values: Any) -> dict[str, torch.Tensor]:
        liked = dist.MultivariateNormal(torch.ones(2), torch.eye(2)).log_prob(values["far"])
        return {
            "far": liked,
            "s": dist.Normal(torch.zeros(2), 1.0).to_event(1).log_prob(values["s"]),
        }

    s = cubature(torch.zeros(2), torch.eye(2))
    terms = Gaussian()(step(two_sites, {"s": s}, prefer=prefer))
    log_2pi = math.log(2 * math.pi)
    of_far, of_s = -log_2pi - 0.5 * (2 + 10), -log_2pi - 1
    assert float(terms.per_site["far"].pragmatic) == pytest.approx(of_far, abs=1e-12)
    assert float(terms.pragmatic) == pytest.approx(of_far + of_s, abs=1e-12)


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (shade_beside_level, "`site 'shade'`: expected real outcomes"),
        (level_and_shade, "`observe`: expected sites that do not depend on each other"),
        (lambda s: pyro.sample("o", dist.Cauchy(1.0 * s["s"], 1.0)), "`site 'o'`: expected real"),
    ],
)
def test_outcomes_without_moments(look: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Gaussian()(step(look, {"s": torch.arange(2)}))
