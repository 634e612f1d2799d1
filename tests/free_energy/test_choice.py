"""Which estimator is chosen unasked."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.filters import ExactFilter, ParticleFilter
from pyro_activeinf.free_energy import Exact, Gaussian, Mixed, Nested, choose
from pyro_activeinf.free_energy.choice import outcome_distributions
from pyro_activeinf.models import TMaze
from tests.free_energy.futures import chain

COIN, REAL = dist.Bernoulli(0.5), dist.Normal(0.0, 1.0)
VECTOR = dist.Normal(torch.zeros(5), 1.0).to_event(1)


@pytest.mark.parametrize(
    ("kind", "outcomes", "expected"),
    [
        ("discrete", {"a": COIN}, Exact),
        ("particles", {"a": COIN, "b": COIN}, Exact),
        ("discrete", {"a": dist.Categorical(torch.ones(5000))}, Nested),
        ("discrete", {"a": COIN, "b": REAL}, Mixed),
        ("discrete", {"b": VECTOR}, Nested),
        ("discrete", {"b": dist.Poisson(1.0)}, Nested),
        ("Gaussian", {"b": VECTOR, "c": REAL}, Gaussian),
        ("Gaussian", {"b": dist.Cauchy(0.0, 1.0)}, Nested),
        ("particles", {"b": REAL}, Nested),
        ("none", {"a": COIN, "b": REAL}, Nested),
    ],
)
def test_choice(kind: str, outcomes: Any, expected: type) -> None:
    known = chain(0)
    beliefs = {
        "discrete": ExactFilter(TMaze()).initial(),
        "Gaussian": known.belief,
        "particles": ParticleFilter(known.model, num_particles=2).initial(),
    }
    assert type(choose(beliefs.get(kind), outcomes)) is expected


def test_outcomes_of_a_program() -> None:
    found = outcome_distributions(TMaze())
    assert {name: len(fn.enumerate_support()) for name, fn in found.items()} == {
        "position": 5,
        "reward": 3,
    }
