"""Paths of particles against exact smoothers."""

import math

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf import GenerativeModel
from pyro_activeinf.filters import ExactFilter, ParticleFilter
from pyro_activeinf.filters import particle_smoothing as module
from pyro_activeinf.models import TMaze
from tests import kalman
from tests.filters.particles import Chained, Persistent, linear

SYSTEM = kalman.random_system(2)
SEEN, MOVES = kalman.simulate(SYSTEM, 3, 5, missing=0.2)


def test_paths_are_those_of_rauch_tung_and_striebel() -> None:
    truth = kalman.smooth(SYSTEM, SEEN, MOVES)
    carrier = ParticleFilter(linear(SYSTEM), num_particles=600)
    seen = torch.as_tensor(SEEN).expand(3, -1, -1)
    found = carrier.smooth({"o": seen}, torch.as_tensor(MOVES))
    assert found.states["s"].shape == (600, 3, 5, 2)
    spread = np.sqrt(np.stack([np.diag(cov) for cov in truth.covs]))
    away = (found.marginals["s"].mean.numpy() - truth.means) / spread
    assert np.abs(away).max() < 0.35
    assert np.abs(away.mean(0)).max() < 0.2
    assert found.free_energy.shape == (3,)
    torch.testing.assert_close(
        found.free_energy, torch.full((3,), -truth.log_evidence), atol=0.5, rtol=0.0
    )


def test_chunks_of_paths_are_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMORY_LIMIT", 2**16)
    truth = kalman.smooth(SYSTEM, SEEN, MOVES)
    carrier = ParticleFilter(linear(SYSTEM), num_particles=500)
    found = carrier.smooth({"o": torch.as_tensor(SEEN)}, torch.as_tensor(MOVES))
    assert found.states["s"].shape == (500, 5, 2)
    spread = np.sqrt(np.stack([np.diag(cov) for cov in truth.covs]))
    assert np.abs((found.marginals["s"].mean.numpy() - truth.means) / spread).max() < 0.35


def test_discrete_paths_are_those_of_the_tables() -> None:
    seen = {"position": torch.tensor([0, 4, 2]), "reward": torch.tensor([0, 0, -1])}
    moves = torch.tensor([3, 2])
    truth = ExactFilter(TMaze()).smooth(seen, moves)
    found = ParticleFilter(TMaze(), num_particles=400).smooth(seen, moves)
    for name, marginal in truth.marginals.items():
        probs = found.marginals[name].probs
        torch.testing.assert_close(probs, marginal.probs, atol=5 * 0.5 / 20, rtol=0.0)
    error = float(found.free_energy - truth.free_energy)
    assert abs(error) < 4 / math.sqrt(400)


def test_paths_keep_their_parameters() -> None:
    carrier = ParticleFilter(Persistent(), num_particles=300)
    found = carrier.smooth({"o": torch.tensor([1.0, 0.8, 0.7, 0.9])})
    path = found.states["s"]
    assert path.shape == (300, 4)
    assert bool(path.isfinite().all())
    assert float((path.mean(0) - torch.tensor([1.0, 0.8, 0.7, 0.9])).abs().max()) < 0.3


def test_sites_that_depend_on_each_other() -> None:
    seen = {"seen": torch.tensor([[1, 0, -1]]), "reading": torch.tensor([[2.0, math.nan, 3.0]])}
    found = ParticleFilter(Chained(), num_particles=50).smooth(seen)
    assert found.states["place"].shape == (50, 1, 3)
    assert found.marginals["kind"].batch_shape == (1, 3)


def test_where_only_its_ancestor_can_have_moved_there() -> None:
    """A state without noise: rounding aside, no other particle meets the path."""

    class Turning(GenerativeModel):
        def initial(self) -> torch.Tensor:
            return pyro.sample("s", dist.Normal(0.0, 1.0))

        def transition(self, state: torch.Tensor, action: None) -> torch.Tensor:
            return pyro.sample("s", dist.Delta(state.sin() * 1.1))

        def observe(self, state: torch.Tensor) -> None:
            pyro.sample("o", dist.Normal(state, 0.5))

    found = ParticleFilter(Turning(), num_particles=40).smooth({"o": torch.tensor([0.5, 0.4, 0.6])})
    path = found.states["s"]
    torch.testing.assert_close(path[:, 1:], path[:, :-1].sin() * 1.1)
