"""A differentiable loss of the forms that Pyro gives none to."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import ELBO, EnergyDistance, RenyiELBO, TraceGraph_ELBO

from pyro_activeinf.free_energy import VariationalFreeEnergy
from pyro_activeinf.free_energy._differentiable import differentiable
from tests.free_energy.programs import Pair, gaussian, mixture


def test_what_pyro_has_is_taken() -> None:
    elbo = pyro.infer.Trace_ELBO()
    assert differentiable(elbo) == elbo.differentiable_loss


@pytest.mark.parametrize("alpha", [0.0, 0.5, -0.5, 2.0])
def test_renyis_bound_by_its_definition(alpha: float) -> None:
    """-log mean_k w_k^(1 - alpha) / (1 - alpha), differentiated as it stands."""

    def model() -> None:
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z, 1.0), obs=torch.tensor(1.5))

    where = torch.tensor(0.3, requires_grad=True)
    elbo = RenyiELBO(alpha=alpha, num_particles=4)
    pyro.set_rng_seed(2)
    loss = differentiable(elbo)(model, lambda: pyro.sample("z", dist.Normal(where, 0.7)))
    (slope,) = torch.autograd.grad(loss, where)

    pyro.set_rng_seed(2)
    q = dist.Normal(where, 0.7)
    z = torch.stack([q.rsample() for _ in range(4)])
    seen = dist.Normal(z, 1.0).log_prob(torch.tensor(1.5))
    log_weight = dist.Normal(0.0, 1.0).log_prob(z) + seen - q.log_prob(z)
    powers = (1 - alpha) * log_weight
    expected = -(powers.logsumexp(0) - torch.tensor(4.0).log()) / (1 - alpha)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(slope, torch.autograd.grad(expected, where)[0])


@pytest.mark.parametrize("make", [gaussian, mixture])
def test_a_graph_of_samples(make: Any) -> None:
    pair: Pair = make()
    pyro.set_rng_seed(2)
    loss = differentiable(TraceGraph_ELBO(num_particles=3))(pair.model, pair.guide)
    pyro.set_rng_seed(2)
    expected = TraceGraph_ELBO(num_particles=3).loss(pair.model, pair.guide)
    assert type(loss) is torch.Tensor
    assert loss.item() == pytest.approx(expected)
    assert loss.requires_grad


def test_other_losses_have_none() -> None:
    class Odd(ELBO):
        def _get_trace(self, *args: Any) -> Any:
            raise AssertionError

        def loss(self, model: Any, guide: Any) -> float:
            return 1.0

    energy = VariationalFreeEnergy(Odd())
    assert energy.loss(gaussian().model, gaussian().guide) == 1.0
    with pytest.raises(TypeError, match=r"`elbo`: expected an ELBO with differentiable_loss"):
        energy.differentiable_loss(gaussian().model, gaussian().guide)


def test_a_divergence_that_is_no_elbo_is_refused() -> None:
    with pytest.raises(TypeError, match="`elbo`"):
        VariationalFreeEnergy(EnergyDistance())
