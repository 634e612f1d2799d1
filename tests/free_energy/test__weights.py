"""A weight is a scale that one could have written into model and guide by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from pyro.poutine.messenger import Messenger
from torch.distributions import kl_divergence

from pyro_activeinf.free_energy import AccuracyWeight, ComplexityWeight, VariationalFreeEnergy
from tests.free_energy.programs import CASES, Pair, chain, evaluated, gaussian

HALVES = {"mean": 0.5, "z": 0.25, "x": 2.0, "kind": 0.5, "side": 0.75, "level1/view_1": 0.5}


class ByHand(Messenger):
    """What poutine.scale does, for each site by itself."""

    def _pyro_sample(self, msg: Any) -> None:
        msg["scale"] = msg["scale"] * HALVES.get(msg["name"], 1.0)


def by_hand(pair: Pair) -> Pair:
    return Pair(ByHand()(pair.model), ByHand()(pair.guide))


SAME_SCALES = {"enum, model"}  # what is summed out shares one scale


@pytest.mark.parametrize("case", [case for case in CASES if case not in SAME_SCALES])
@pytest.mark.parametrize("of", ["loss", "loss_and_grads"])
def test_weights_are_scales_to_the_last_bit(case: str, of: str) -> None:
    elbo, pair = CASES[case]
    expected = evaluated(getattr(elbo(), of), by_hand(pair()))
    sites = poutine.trace(pair().model).get_trace().nodes
    listed = VariationalFreeEnergy(
        elbo(), weight={site: scale for site, scale in HALVES.items() if site in sites}
    )
    assert evaluated(getattr(listed, of), pair()) == expected
    called = VariationalFreeEnergy(elbo(), weight=lambda site, step: HALVES.get(site, 1.0))
    assert evaluated(getattr(called, of), pair()) == expected


def test_one_scale_for_all_that_is_summed_out() -> None:
    elbo, pair = CASES["enum, model"]
    weight = {"kind": 0.5, "x": 0.5, "mean": 0.25}
    terms = VariationalFreeEnergy(elbo()).decompose(pair().model, pair().guide)
    found = VariationalFreeEnergy(elbo(), weight=weight)
    pyro.set_rng_seed(0)
    value = found.loss(pair().model, pair().guide)
    pyro.set_rng_seed(0)
    terms = found.decompose(pair().model, pair().guide)
    expected = 0.25 * terms.complexity - 0.5 * terms.accuracy
    assert value == pytest.approx(expected.item(), abs=1e-9)


def annealed(beta: float, gamma: float) -> tuple[float, float]:
    """beta KL[q||p] - gamma E[log p(o|s)] of one Gaussian, and its slope, in closed form."""
    where = torch.tensor(0.4, requires_grad=True)
    q, p = dist.Normal(where, 0.5), dist.Normal(0.0, 2.0)
    accuracy = dist.Normal(where, 1.0).log_prob(torch.tensor(1.5)) - 0.5 * 0.5**2
    value = beta * kl_divergence(q, p) - gamma * accuracy
    value.backward()
    assert where.grad is not None
    return value.item(), where.grad.item()


def one_gaussian() -> Pair:
    def model() -> None:
        z = pyro.sample("z", dist.Normal(0.0, 2.0))
        pyro.sample("x", dist.Normal(z, 1.0), obs=torch.tensor(1.5))

    def guide() -> None:
        pyro.sample("z", dist.Normal(pyro.param("where", torch.tensor(0.4)), 0.5))

    return Pair(model, guide)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0, 4.0])
def test_annealing_of_complexity_and_of_accuracy(beta: float) -> None:
    elbo = TraceMeanField_ELBO(num_particles=40000, vectorize_particles=True)
    for weight, (complexity, accuracy) in [
        (ComplexityWeight(lambda step: beta), (beta, 1.0)),
        (AccuracyWeight(lambda step: beta), (1.0, beta)),
    ]:
        found = evaluated(
            VariationalFreeEnergy(elbo, weight=weight).loss_and_grads, one_gaussian(), 1
        )
        value, slope = annealed(complexity, accuracy)
        assert found[0][0] == pytest.approx(value, abs=0.03)
        assert found[0][1]["where"] == pytest.approx(slope, abs=0.03)


def test_a_schedule_follows_the_counter() -> None:
    seen: list[tuple[str, int]] = []

    def weight(site: str, step: Any) -> float:
        seen.append((site, step))
        return 1.0 + step

    energy, pair = VariationalFreeEnergy(weight=weight), gaussian()
    evaluated(energy.loss_and_grads, pair, 2)
    sites = ["mean", "z", "mean", "z", "x"]  # guide, model
    assert seen == [*((site, 0) for site in sites), *((site, 1) for site in sites)]


def test_a_site_of_an_unrolled_model_is_found_under_the_name_of_all_its_steps() -> None:
    pair = chain()
    every = {"level1/state_0": 0.5, "level1/state_1": 2.0}
    short = {"level1/state": 0.5, "level1/state_1": 2.0}
    found = [evaluated(VariationalFreeEnergy(weight=w).loss, pair) for w in (every, short)]
    assert found[0] == found[1]
    assert found[0] != evaluated(Trace_ELBO().loss, pair)


def test_a_weight_may_be_a_tensor_without_dims() -> None:
    tensors = {site: torch.tensor(scale) for site, scale in HALVES.items() if site in "mean x z"}
    numbers = {site: HALVES[site] for site in tensors}
    for of in ("loss", "loss_and_grads"):
        one, other = (VariationalFreeEnergy(weight=weight) for weight in (tensors, numbers))
        assert evaluated(getattr(one, of), gaussian()) == evaluated(getattr(other, of), gaussian())


def test_weights_multiply_scales_of_the_model() -> None:
    pair = gaussian()
    scaled = Pair(poutine.scale(pair.model, scale=3.0), poutine.scale(pair.guide, scale=3.0))
    energy = VariationalFreeEnergy(weight={"mean": 0.5, "z": 0.5, "x": 0.5})
    half = evaluated(energy.loss, scaled)
    for (found, _), (expected, _) in zip(half, evaluated(Trace_ELBO().loss, pair), strict=True):
        assert found == pytest.approx(1.5 * expected)


@pytest.mark.parametrize(
    ("scale", "got"),
    [(-0.5, "got -0.5"), (float("inf"), "got inf"), (torch.ones(2), "shape"), ("big", "'big'")],
)
def test_scales_that_no_elbo_takes(scale: Any, got: str) -> None:
    energy = VariationalFreeEnergy(weight=lambda site, step: scale)
    with pytest.raises(ValueError, match=f"`weight of mean`.*{got}"):
        energy.loss(gaussian().model, gaussian().guide)


@pytest.mark.parametrize("make", [lambda: 3.0, lambda: "annealed"])
def test_what_is_no_weight(make: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="`weight`: expected a function"):
        VariationalFreeEnergy(weight=make())


@pytest.mark.parametrize("option", ["weight", "free_bits"])
def test_a_name_that_is_no_site(option: str) -> None:
    energy = VariationalFreeEnergy(**{option: {"mean": 1.0, "zed": 0.5}})
    with pytest.raises(ValueError, match=f"`{option}`: expected sites among .*'z'.*'zed'"):
        energy.loss_and_grads(gaussian().model, gaussian().guide)
