"""Beliefs as particles."""

from __future__ import annotations

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import GenerativeModel
from pyro_activeinf.filters import ExactFilter, FactorizedFilter
from pyro_activeinf.free_energy import Estimated
from pyro_activeinf.free_energy._states import count_of, states_of
from pyro_activeinf.free_energy.estimator import States
from pyro_activeinf.models import TMaze
from tests.free_energy.futures import chain


def test_a_discrete_belief_is_listed() -> None:
    belief = ExactFilter(TMaze()).initial((2,))
    states = states_of(belief, States.LISTED, 5)
    assert not states.sampled
    assert states.log_weights.shape == (8, 2)
    assert count_of(belief, States.LISTED, 5) == 8
    for name, marginal in belief.marginals.items():
        probs = torch.zeros(2, marginal.probs.shape[-1])
        probs.index_add_(-1, states.values[name].reshape(-1), states.log_weights.exp().T)
        torch.testing.assert_close(probs, marginal.probs)


def test_draws_know_their_density() -> None:
    for belief in (ExactFilter(TMaze()).initial((2,)), chain(0).belief):
        states = states_of(belief, States.DRAWN, 400)
        assert states.sampled
        assert states.log_density is not None
        density = states.log_density()
        assert density.shape == states.log_weights.shape
    expected = dist.MultivariateNormal(belief.mean, belief.cov).log_prob(states.values["s"])
    torch.testing.assert_close(density, expected)


def test_points_have_the_moments_of_a_gaussian_belief() -> None:
    belief = chain(0).belief
    states = states_of(belief, States.MATCHED, 5)
    points = states.values["s"]
    assert len(points) == count_of(belief, States.MATCHED, 5) == 4
    torch.testing.assert_close(points.mean(0), belief.mean)
    torch.testing.assert_close(torch.cov(points.T, correction=0), belief.cov)


class Switches(GenerativeModel):
    """Twenty switches, of which one is seen: a million joint states."""

    def initial(self) -> list[Tensor]:
        half = torch.ones(2) / 2
        return [pyro.sample(f"s{i}", dist.Categorical(half)) for i in range(20)]

    def transition(self, state: list[Tensor], action: None) -> list[Tensor]:
        stay = torch.eye(2)
        return [pyro.sample(f"s{i}", dist.Categorical(stay[s])) for i, s in enumerate(state)]

    def observe(self, state: list[Tensor]) -> None:
        pyro.sample("o", dist.Categorical(torch.eye(2)[state[3]]))


def test_too_many_states_are_drawn() -> None:
    filter = FactorizedFilter(Switches())
    estimated = Estimated(filter, Switches(), num_particles=300)
    terms = estimated.expected_free_energy(filter.initial())
    assert float(terms.epistemic) == pytest.approx(math.log(2), abs=0.01)
    assert "epistemic" in terms.standard_error
