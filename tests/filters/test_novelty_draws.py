"""Tables are worth to particles and estimators what they are worth to the exact filter."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters import (
    ExactFilter,
    FactorizedFilter,
    HiddenMarkovFilter,
    InverseCounts,
    ParticleFilter,
)
from pyro_activeinf.free_energy import Estimated, Exact, Nested
from pyro_activeinf.models import POMDP, CategoricalTable, GenerativeModel


@pytest.fixture
def model() -> POMDP:
    torch.manual_seed(0)
    twice = CategoricalTable.from_array(torch.rand(3, 2).double() + 0.2)
    return POMDP(
        A=[twice, twice, torch.eye(2).double()],  # two draws from the same row
        B=[CategoricalTable.from_array(torch.rand(2, 2, 2).double() + 0.2)],
        D=[torch.tensor([0.7, 0.3]).double()],
    )


def scored(filter: Any) -> Any:
    ahead = filter.predict(filter.initial((2,)), torch.tensor([0, 1]))
    return filter.expected_free_energy(ahead)


@pytest.mark.parametrize("rule", [None, InverseCounts()])
def test_an_estimator_counts_what_its_filter_counts(model: POMDP, rule: Any) -> None:
    filter = ExactFilter(model, novelty=rule)
    truth, found = scored(filter).novelty, scored(Estimated(filter, model, Exact())).novelty
    assert bool((truth > 0.1).all())
    torch.testing.assert_close(found, truth, rtol=0, atol=1e-12)


def test_factors_by_themselves_are_counted_as_well() -> None:
    torch.manual_seed(0)
    tables = [CategoricalTable.from_array(torch.rand(3, 2, 2).double() + 0.2) for _ in range(2)]
    moves = [CategoricalTable.from_array(torch.rand(2, 2, 2).double() + 0.2) for _ in range(2)]
    model = POMDP(A=tables, B=moves, D=[torch.tensor([0.7, 0.3]).double()] * 2)
    filter = FactorizedFilter(model)
    action = torch.tensor([[0, 1], [1, 1]])
    ahead = filter.predict(filter.initial((2,)), action)
    truth = filter.expected_free_energy(ahead).novelty
    found = Estimated(filter, model, Exact()).expected_free_energy(ahead).novelty
    assert bool((truth > 0.2).all())
    torch.testing.assert_close(found, truth, rtol=0, atol=1e-12)


@pytest.mark.parametrize("estimated", [False, True])
def test_particles_find_it_within_their_error(model: POMDP, estimated: bool) -> None:
    pyro.set_rng_seed(0)
    particles: Any = ParticleFilter(model, num_particles=4000)
    terms = scored(Estimated(particles, model, Nested(20)) if estimated else particles)
    truth = scored(ExactFilter(model)).novelty
    error = terms.standard_error["novelty"]
    assert bool((error > 0).all())
    assert bool((terms.standard_error["total"] > error).all())
    assert bool(((terms.novelty - truth).abs() < 3 * error).all())
    parts = terms.pragmatic + terms.epistemic + terms.novelty
    torch.testing.assert_close(terms.total, -parts, rtol=0, atol=1e-12)


class Echoes(GenerativeModel):
    """What is heard is a number; where one goes is learned."""

    actions = gym.spaces.Discrete(2)

    def __init__(self) -> None:
        super().__init__()
        self.move = CategoricalTable(torch.rand(2, 2, 2).double() + 0.2)

    def initial(self) -> Tensor:
        return pyro.sample("s", dist.Categorical(torch.tensor([0.7, 0.3]).double()))

    def transition(self, s: Tensor, action: Tensor) -> Tensor:
        return pyro.sample("s", self.move(s, action))

    def observe(self, s: Tensor) -> None:
        pyro.sample("o", dist.Normal(s.double(), 1.0))


def test_moves_are_worth_something_where_outcomes_are_numbers() -> None:
    pyro.set_rng_seed(0)
    model = Echoes()
    silent: Any = POMDP(
        A=[torch.ones(1, 2).double()], B=[model.move], D=[torch.tensor([0.7, 0.3]).double()]
    )
    truth = ExactFilter(silent)
    ahead = truth.predict(truth.initial((2,)), torch.tensor([0, 1]))
    expected = truth.expected_free_energy(ahead).novelty
    torch.testing.assert_close(scored(HiddenMarkovFilter(model)).novelty, expected)


def test_gradients_reach_the_counts() -> None:
    counts = torch.nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 1.0]]).double())
    table = CategoricalTable(counts)
    model = POMDP(A=[table], B=[torch.eye(2)[..., None].double()], D=[torch.ones(2).double() / 2])
    filter = Estimated(ExactFilter(model), model, Exact())
    belief = filter.predict(filter.initial())
    terms = filter.expected_free_energy(belief)
    (slope,) = torch.autograd.grad(terms.novelty, table.counts)
    assert bool((slope < 0).all())
