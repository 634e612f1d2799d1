"""Sites as features and distributions, whatever their support."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.guides import Amortized, MeanField, Whole
from pyro_activeinf.guides.sites import quantity, quiet, state_sites
from pyro_activeinf.models import Bayesian, Neural, TMaze
from pyro_activeinf.models.unroll import random_names
from tests.guides.models import Mixed

KINDS: dict[str, Any] = {
    "categorical": dist.Categorical(torch.ones(3)),
    "bernoulli": dist.Bernoulli(torch.tensor(0.3)),
    "one-hot": dist.OneHotCategorical(torch.ones(3)),
    "normal": dist.Normal(0.0, 1.0),
    "vector": dist.MultivariateNormal(torch.zeros(2), torch.eye(2)),
    "matrix": dist.Normal(torch.zeros(2, 3), 1.0).to_event(2),
    "positive": dist.Gamma(2.0, 1.0),
    "interval": dist.Uniform(torch.tensor(-2.0), torch.tensor(5.0)),
    "simplex": dist.Dirichlet(torch.ones(4)),
    "positive vector": dist.LogNormal(torch.zeros(2), 1.0).to_event(1),
}
each_kind = pytest.mark.parametrize("fn", KINDS.values(), ids=KINDS)


@each_kind
@pytest.mark.parametrize("batch", [(), (5, 2)])
def test_distributions_are_on_the_support(fn: Any, batch: tuple[int, ...]) -> None:
    kind = quantity("x", fn)
    guess = kind.distribution(torch.randn(*batch, kind.numbers))
    value = guess.sample()
    assert guess.batch_shape == batch
    assert value.shape == (*batch, *fn.event_shape)
    assert bool(fn.support.check(value).all())
    assert guess.log_prob(value).shape == batch
    assert bool(fn.log_prob(value).isfinite().all())
    assert kind.encode(value).shape == (*batch, kind.width)
    assert not bool(kind.missing(value).any())


@each_kind
def test_a_distribution_near_a_value(fn: Any) -> None:
    kind, value = quantity("x", fn), fn.sample()
    draws = kind.distribution(kind.near(value, 0.01)).sample((200,))
    if type(kind).__name__ == "Real":
        assert torch.allclose(draws.mean(0), value, atol=0.05, rtol=0.05)
    else:
        assert len(torch.unique(draws, dim=0)) == kind.width


def test_what_is_random_at_the_start_and_later() -> None:
    found = state_sites(Mixed())
    assert list(found.first) == ["mode", "lit", "place", "speed", "share"]
    assert list(found.later) == ["mode", "lit", "place", "speed"]
    assert found.bare is None
    assert state_sites(Neural(2, 1)).bare == "s"
    assert list(state_sites(TMaze()).first) == ["context", "location"]


def test_random_parameters_are_no_states() -> None:
    model = Neural(2, 1, uncertainty=Bayesian())
    assert random_names(model) == {"dynamics.weight", "dynamics.bias"}
    assert list(state_sites(model).later) == ["s"]


def test_making_a_guide_leaves_the_parameter_store_alone() -> None:
    pyro.clear_param_store()
    model = Neural(2, 1, uncertainty=Bayesian())
    for guide in (MeanField(model), Amortized(model, [4], summary=Whole(model, 3))):
        assert guide.random_parameters is not None
        if isinstance(guide, MeanField):
            guide.prepare({"o": torch.zeros(3, 1)})
    assert not list(pyro.get_param_store().keys())


def test_a_quiet_run_changes_nothing() -> None:
    def program() -> Tensor:
        return pyro.sample("x", dist.Normal(0.0, 1.0))

    before = torch.get_rng_state()
    with pyro.poutine.trace() as outer:
        quiet(program)
    assert not outer.trace.nodes or list(outer.trace.nodes) == []
    assert torch.equal(torch.get_rng_state(), before)
