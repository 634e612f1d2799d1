"""Amortized guides come as close to the truth as their distributions can."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO
from torch import Tensor

from pyro_activeinf import VariationalFreeEnergy
from pyro_activeinf.flows import NormalizingFlow, Spline
from pyro_activeinf.free_energy import AccuracyWeight
from pyro_activeinf.guides import Amortized, MeanField, Past, Whole
from pyro_activeinf.models import GenerativeModel, Tiger
from tests import kalman
from tests.guides.models import Mixed, linear_gaussian, mixed_data


def train(loss: Any, guide: Any, data: Any, steps: int, rate: float) -> None:
    optimizer = torch.optim.Adam(guide.parameters(), lr=rate)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        optimizer.zero_grad()
        loss(data()).backward()
        optimizer.step()


def free_energy(model: Any, guide: Any, observations: Any, samples: int) -> float:
    """F of one member of the batch, on average, in nats."""
    elbo = Trace_ELBO(samples, vectorize_particles=True, max_plate_nesting=1)
    return float(elbo.loss(model, guide, observations)) / len(observations["o"])


def episodes(system: kalman.System, first: int, count: int) -> tuple[dict[str, Tensor], float]:
    """Series of a system, and -log evidence of one of them, on average."""
    seen = [kalman.simulate(system, first + i, 3)[0] for i in range(count)]
    evidence = [kalman.smooth(system, series).log_evidence for series in seen]
    return {"o": torch.as_tensor(np.stack(seen))}, -float(np.mean(evidence))


def test_free_energy_of_a_linear_gaussian_chain_is_within_a_percent_of_kalmans() -> None:
    system = kalman.random_system(1, n=1, m=1, k=None)
    model = linear_gaussian(system)
    guide = Amortized(model, [16], summary=Whole(model, 8))
    pool, _ = episodes(system, 1000, 256)
    fresh, truth = episodes(system, 0, 64)

    def batch() -> dict[str, Tensor]:
        return {"o": pool["o"][torch.randint(256, (64,))]}

    train(Trace_ELBO(max_plate_nesting=1)(model, guide), guide, batch, 150, 0.02)
    found = free_energy(model, guide, fresh, 200)
    assert truth - 0.01 < found < 1.01 * truth


class Distance(GenerativeModel):
    """A sensor that tells how far one is, not on which side."""

    def initial(self) -> Tensor:
        return pyro.sample("s", dist.Normal(torch.zeros(1), 1.0).to_event(1))

    def transition(self, state: Tensor, action: Any) -> Tensor:
        return pyro.sample("s", dist.Normal(state, 0.3).to_event(1))

    def observe(self, state: Tensor) -> None:
        pyro.sample("o", dist.Normal(state.abs(), 0.3).to_event(1))


def minus_log_evidence(values: Tensor) -> float:
    """Of single observations, on average, by quadrature."""
    x = torch.linspace(-8, 8, 8001)
    joint = dist.Normal(0.0, 1.0).log_prob(x) + dist.Normal(x.abs(), 0.3).log_prob(values[:, None])
    return -float(torch.trapezoid(joint.exp(), x).log().mean())


def test_a_flow_sees_both_sides_where_a_gaussian_takes_one() -> None:
    model, seen = Distance(), torch.tensor([1.0])
    observations = {"o": seen.reshape(1, 1, 1)}
    truth = minus_log_evidence(seen)
    plain = MeanField(model)
    plain.prepare(observations)
    elbo = Trace_ELBO(16, vectorize_particles=True, max_plate_nesting=1)
    train(elbo(model, plain), plain, lambda: observations, 150, 0.05)
    guide = Amortized(model, [], NormalizingFlow(1, 2, Spline(count_bins=16, bound=4.0)))
    many = Trace_ELBO(64, vectorize_particles=True, max_plate_nesting=1)
    gently = VariationalFreeEnergy(
        many, weight=AccuracyWeight(lambda step: min(1.0, 0.02 + float(step) / 320))
    )
    train(gently(model, guide), guide, lambda: observations, 400, 0.03)
    exact = Trace_ELBO(512, vectorize_particles=True, max_plate_nesting=1)  # to settle
    train(exact(model, guide), guide, lambda: observations, 200, 0.004)
    bent, one_sided = (free_energy(model, g, observations, 10000) for g in (guide, plain))
    assert truth - 0.01 < bent < truth + 0.05
    assert bent < one_sided - 0.5
    with pyro.plate("samples", 2000, dim=-2):
        right = (guide(observations)[0] > 0).double().mean((0, 2))
    assert torch.allclose(right, torch.tensor([0.5]), atol=0.1)


@pytest.mark.parametrize("context_dim", [0, 5])
def test_a_flow_is_put_on_its_site_alone(context_dim: int) -> None:
    model = Mixed()
    flow = NormalizingFlow(2, 2, "affine_coupling", context_dim=context_dim)
    guide = Amortized(model, [8], flow)
    trace = poutine.trace(guide).get_trace(*mixed_data())
    assert type(trace.nodes["place_1"]["fn"]).__name__ == "FlowDistribution"
    assert isinstance(trace.nodes["mode_1"]["fn"], dist.Categorical)
    assert isinstance(trace.nodes["lit_1"]["fn"], dist.Bernoulli)
    assert bool((trace.nodes["speed_1"]["value"] > 0).all())
    assert torch.allclose(trace.nodes["share_0"]["value"].sum(-1), torch.ones(4))
    assert "share_1" not in trace
    flat = {id(parameter) for parameter in guide.parameters()}
    assert {id(parameter) for parameter in flow.parameters()} <= flat


def test_the_state_is_as_the_model_has_it() -> None:
    states = Amortized(Mixed(), [8])(*mixed_data())
    assert set(states[1]) == {"switches", "body", "share"}
    assert torch.equal(states[1]["share"], states[0]["share"])


@pytest.mark.parametrize("summary", [None, Past, Whole])
def test_what_is_read(summary: Any) -> None:
    """Present and past through a summary of the past, all of it through one of the whole."""
    model = linear_gaussian(kalman.random_system(2, n=2, m=1, k=1))
    guide = Amortized(model, [8], summary=summary and summary(model, 4))
    observations = torch.randn(4, 1, requires_grad=True)
    states = {f"s_{t}": torch.zeros(2) for t in range(4)}
    held = poutine.condition(guide, data=states)
    trace = poutine.trace(held).get_trace({"o": observations}, torch.zeros(3, 1))
    (gradient,) = torch.autograd.grad(trace.nodes["s_1"]["fn"].mean.sum(), observations)
    expected = {None: [1], Past: [0, 1], Whole: [0, 1, 2, 3]}[summary]
    assert gradient.squeeze(-1).nonzero().squeeze(-1).tolist() == expected


def test_later_sites_of_a_step_depend_on_earlier_ones() -> None:
    guide = Amortized(Tiger().double(), [8])
    args = {"growl": torch.tensor([0])}
    logits = []
    for tiger in (0, 1):
        held = poutine.condition(guide, data={"tiger_0": torch.tensor(tiger)})
        logits.append(poutine.trace(held).get_trace(args).nodes["door_0"]["fn"].logits)
    assert not torch.allclose(*logits)


@pytest.mark.parametrize(
    ("model", "flow"),
    [(Tiger(), NormalizingFlow(2, 1)), (Mixed(), NormalizingFlow(3, 1))],
    ids=["no real site", "other length"],
)
def test_a_flow_that_fits_nowhere(model: Any, flow: NormalizingFlow) -> None:
    with pytest.raises(ValueError, match="`flow`: expected one real state site of shape"):
        Amortized(model, [4], flow)


def test_sizes_below_one() -> None:
    with pytest.raises(ValueError, match="`hidden_dims`"):
        Amortized(Tiger(), [0])
    with pytest.raises(ValueError, match="`hidden_dim`"):
        Past(Tiger(), 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((8,), r"`hidden_dims`: expected a sequence of sizes, got 8. One layer: \[8\]."),
        (([8], 3), r"`flow`: expected flows.NormalizingFlow\(dim, length, kind\), or None, got 3"),
        (([8], None, 3), r"`summary`: expected guides.Whole\(model, hidden_dim\), or None, got 3"),
    ],
)
def test_what_is_no_size_flow_or_summary(arguments: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Amortized(Tiger(), *arguments)
