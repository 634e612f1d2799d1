"""MCMC and guides of Pyro as ArviZ data."""

from __future__ import annotations

from typing import Any

import arviz
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import MCMC, NUTS
from pyro.infer.autoguide import AutoDelta, AutoNormal
from torch import Tensor

from pyro_activeinf import to_arviz
from pyro_activeinf.export import Guided

Y = torch.tensor([[0.3, -1.0], [1.0, 0.2], [2.0, 0.4]], dtype=torch.float64)


def vectors(y: Tensor) -> None:
    """A vector for each of three rows, and one for all."""
    shared = pyro.sample("shared", dist.Normal(torch.zeros(2), 1.0).to_event(1))
    with pyro.plate("row", 3):
        own = pyro.sample("own", dist.Normal(shared, 1.0).to_event(1))
        total = pyro.deterministic("total", own.sum(-1), event_dim=0)
        pyro.sample("y", dist.Normal(own, 0.5).to_event(1), obs=y)
        pyro.sample("z", dist.Normal(total, 1.0), obs=y[:, 0])


def variables(group: Any) -> dict[str, tuple[str, ...]]:
    return {str(name): tuple(map(str, value.dims)) for name, value in group.data_vars.items()}


def drawn() -> MCMC:
    run = MCMC(NUTS(vectors), num_samples=5, warmup_steps=5, disable_progbar=True)
    run.run(Y)
    return run


@pytest.fixture(params=["mcmc", "guide"])
def data(request: pytest.FixtureRequest) -> Any:
    if request.param == "mcmc":
        return to_arviz(drawn(), draws=4)
    return to_arviz(Guided(vectors, AutoNormal(vectors), (Y,)), draws=5)


def test_dims_are_named_after_plates_and_sites(data: Any) -> None:
    sampled = ("chain", "draw")
    states = {
        "shared": (*sampled, "shared_dim_0"),
        "own": (*sampled, "row", "own_dim_0"),
        "total": (*sampled, "row"),
    }
    shown = {"y": (*sampled, "row", "y_dim_0"), "z": (*sampled, "row")}

    assert variables(data["posterior"]) == states
    assert variables(data["prior"]) == states
    assert variables(data["posterior_predictive"]) == shown
    assert variables(data["prior_predictive"]) == shown
    assert variables(data["log_likelihood"]) == {"y": (*sampled, "row"), "z": (*sampled, "row")}
    assert variables(data["observed_data"]) == {"y": ("row", "y_dim_0"), "z": ("row",)}


def test_vectors_under_plates_are_scored_row_by_row(data: Any) -> None:
    own = torch.as_tensor(data["posterior"]["own"].values)
    expected = dist.Normal(own, 0.5).log_prob(Y).sum(-1)

    np.testing.assert_allclose(data["log_likelihood"]["y"].values, expected.numpy(), rtol=1e-12)
    np.testing.assert_allclose(data["posterior"]["total"].values, own.sum(-1).numpy(), rtol=1e-12)


def test_what_is_drawn_anew_is_not_what_was_seen(data: Any) -> None:
    foretold = data["posterior_predictive"]["y"].values

    assert foretold.shape == (1, 5, 3, 2)
    assert not np.isclose(foretold, Y.numpy()).any()


def test_draws_of_mcmc_are_kept_as_they_are() -> None:
    run = drawn()

    data = to_arviz(run, draws=2)

    for name, value in run.get_samples(group_by_chain=True).items():
        np.testing.assert_array_equal(data["posterior"][name].values, value.numpy())
    assert data["sample_stats"]["diverging"].values.shape == (1, 5)
    assert "r_hat" in arviz.summary(to_arviz(run, draws=2), var_names=["shared"])


def test_a_guide_draws_what_it_has_learned() -> None:
    guide = AutoDelta(vectors)
    guide(Y)

    data = to_arviz(Guided(vectors, guide, (Y,)), draws=3)

    assert len(np.unique(data["posterior"]["shared"].values)) == 2


def test_sites_that_were_summed_over_have_no_likelihood() -> None:
    from pyro.infer import config_enumerate

    @config_enumerate
    def mixture(y: Tensor) -> None:
        loc = pyro.sample("loc", dist.Normal(torch.zeros(2), 3.0).to_event(1))
        with pyro.plate("row", 3):
            kind = pyro.sample("kind", dist.Categorical(torch.ones(2)))
            pyro.sample("y", dist.Normal(loc[..., kind], 1.0), obs=y)

    run = MCMC(NUTS(mixture), num_samples=3, warmup_steps=3, disable_progbar=True)
    run.run(Y[:, 0])

    data = to_arviz(run, draws=2)

    held = data.groups() if isinstance(data.groups, type(data.to_netcdf)) else data.groups
    assert not any("log_likelihood" in name for name in held)
    assert variables(data["posterior"]) == {"loc": ("chain", "draw", "loc_dim_0")}


def test_mcmc_has_to_have_run() -> None:
    with pytest.raises(ValueError, match="Call run"):
        to_arviz(MCMC(NUTS(vectors), num_samples=3, disable_progbar=True))
