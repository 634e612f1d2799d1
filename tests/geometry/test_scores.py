"""Scores of flows, with and without an inverse."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import transforms
from pyro.infer.autoguide import AutoNormalizingFlow
from torch import Tensor

from pyro_activeinf.geometry import NaturalGradient
from pyro_activeinf.geometry.scores import log_probs


def gradients(rows: Tensor, params: list[Tensor]) -> Tensor:
    found = []
    for row in rows:
        grads = torch.autograd.grad(row, params, retain_graph=True, materialize_grads=True)
        found.append(torch.cat([grad.flatten() for grad in grads]))
    return torch.stack(found)


def test_scores_are_those_by_the_inverse() -> None:
    torch.manual_seed(0)
    flow = transforms.affine_autoregressive(2, hidden_dims=[4])
    loc = torch.zeros(2, requires_grad=True)
    fn = dist.TransformedDistribution(dist.Normal(loc, 1.0).to_event(1), [flow])
    params = [loc, *flow.parameters()]
    torch.manual_seed(1)
    found = gradients(log_probs(fn, 3), params)
    torch.manual_seed(1)
    with torch.no_grad():
        z = flow(fn.base_dist.sample((3,))).clone()  # a copy is not in the cache
    assert torch.allclose(found, gradients(fn.log_prob(z), params), atol=1e-12)


def test_scores_of_numbers() -> None:
    scale = torch.tensor(2.0, requires_grad=True)
    fn = dist.TransformedDistribution(
        dist.Normal(0.0, 1.0), [transforms.AffineTransform(0.0, scale)]
    )
    torch.manual_seed(2)
    found = gradients(log_probs(fn, 4), [scale])
    torch.manual_seed(2)
    z = 2.0 * torch.randn(4)
    assert torch.allclose(found.squeeze(-1), z.square() / 8 - 0.5, atol=1e-12)


def test_scores_of_a_flow_without_an_inverse_have_mean_zero() -> None:
    torch.manual_seed(3)
    flow = transforms.planar(2)
    fn = dist.TransformedDistribution(dist.Normal(torch.zeros(2), 1.0).to_event(1), [flow])
    found = gradients(log_probs(fn, 300), list(flow.parameters()))
    error = found.std(0) / 300**0.5
    assert ((found.mean(0) / error).abs() < 4).all()
    assert found.abs().max() > 0.1


def test_guides_with_a_flow_have_an_information() -> None:
    def model() -> None:
        z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z.sum(-1), 0.5), obs=torch.tensor(1.0))

    pyro.set_rng_seed(0)
    guide = AutoNormalizingFlow(model, transforms.planar)
    guide()
    matrix = NaturalGradient(guide).fisher().matrix()
    assert matrix.diagonal().min() > 0
