"""Free bits against their definition, written out."""

from __future__ import annotations

import re
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import (
    ELBO,
    RenyiELBO,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
)
from pyro.infer.autoguide import AutoDelta, AutoMultivariateNormal, AutoNormal, init_to_value
from torch import Tensor
from torch.distributions import kl_divergence

from pyro_activeinf.free_energy import VariationalFreeEnergy
from tests.free_energy.programs import CASES, DATA, Pair, evaluated, gaussian, gradients, mixture

FORMS = [case for case in CASES if not case.startswith("renyi") and "score" not in case]


@pytest.mark.parametrize("case", FORMS)
def test_above_its_floor_a_complexity_is_as_it_was(case: str) -> None:
    elbo, pair = CASES[case]
    site = "kind" if case.startswith("enum, v") or case == "enum, guide" else "mean"
    if "chain" in case:
        site = "level1/state_1"
    energy = VariationalFreeEnergy(elbo(), free_bits={site: 0.0})
    expected = evaluated(elbo().loss_and_grads, pair(), 1)
    found = evaluated(energy.loss_and_grads, pair(), 1)
    assert found[0][0] == pytest.approx(expected[0][0], rel=1e-12)
    for name, grad in expected[0][1].items():
        torch.testing.assert_close(torch.tensor(found[0][1][name]), torch.tensor(grad))


@pytest.mark.parametrize("case", FORMS)
def test_below_its_floor_a_complexity_has_no_gradient(case: str) -> None:
    elbo, pair = CASES[case]
    energy = VariationalFreeEnergy(elbo(), free_bits=1e3)
    value, grads = evaluated(energy.loss_and_grads, pair(), 1)[0]
    counted = {*OBSERVED, "kind"} if case == "enum, model" else OBSERVED
    held = VariationalFreeEnergy(elbo(), weight=lambda site, step: float(site in counted))
    expected = evaluated(held.loss_and_grads, pair(), 1)[0]
    for name, grad in expected[1].items():
        torch.testing.assert_close(torch.tensor(grads.get(name, 0.0)), torch.tensor(grad))
    assert value > 900


OBSERVED = {"x", "level2/mood_0", "level1/view_0", "level1/view_1", "bonus"}


@pytest.mark.parametrize("bits", [0.1, 1.0, 1.5, {"mean": 5.0}, {"z": 2.5}, {"mean": 5.0, "z": 0}])
@pytest.mark.parametrize("subsample", [None, 2])
def test_analytic_floors_are_the_maximum(bits: Any, subsample: int | None) -> None:
    """By hand: max(n l, sum KL) of a site, for the expected complexity of each point."""
    pair = gaussian(subsample)
    found = evaluated(
        VariationalFreeEnergy(TraceMeanField_ELBO(), free_bits=bits).loss_and_grads, pair, 1
    )
    pyro.clear_param_store()
    pyro.set_rng_seed(7)
    guide = poutine.trace(pair.guide).get_trace()
    model = poutine.trace(poutine.replay(pair.model, trace=guide)).get_trace()
    model.compute_log_prob()
    value: Any = -model.nodes["x"]["log_prob_sum"]
    factor = 1.0 if subsample is None else len(DATA) / subsample
    for site, members in (("mean", 1), ("z", len(DATA))):
        kl = kl_divergence(guide.nodes[site]["fn"], model.nodes[site]["fn"]).sum()
        floor = bits.get(site, -1e3) if isinstance(bits, dict) else bits
        scaled = kl * (factor if site == "z" else 1.0)
        value = value + torch.maximum(torch.tensor(float(floor * members)), scaled)
    value.backward()
    assert found[0][0] == pytest.approx(value.item(), abs=1e-9)
    for name, grad in gradients().items():
        if grad is not None:
            torch.testing.assert_close(torch.tensor(found[0][1][name]), grad)


@pytest.mark.parametrize("vectorize", [False, True])
@pytest.mark.parametrize("elbo", [Trace_ELBO, TraceMeanField_ELBO, TraceGraph_ELBO])
@pytest.mark.parametrize("bits", [0.5, 1.2, 30.0])
def test_floors_of_the_mean_over_particles(elbo: type[ELBO], vectorize: bool, bits: float) -> None:
    pair = gaussian()
    form = elbo(num_particles=4, vectorize_particles=vectorize, max_plate_nesting=1)
    energy = VariationalFreeEnergy(form, free_bits=bits)
    pyro.set_rng_seed(3)
    terms = energy.decompose(pair.model, pair.guide)
    pyro.set_rng_seed(3)
    value = energy.loss(pair.model, pair.guide)
    expected = -terms.accuracy
    for site, members in (("mean", 1), ("z", len(DATA))):
        expected = expected + terms.complexity_per_site[site].clamp(min=bits * members)
    assert value == pytest.approx(expected.item(), abs=1e-9)


def test_enumerated_floors_are_exact() -> None:
    pair = mixture(enumerated=True)
    q, p = torch.tensor([0.1, 0.3, 0.6]), torch.tensor([0.2, 0.5, 0.3])
    kind = (q * (q / p).log()).sum()
    side = 0.4 * torch.tensor(0.4 / 0.3).log() + 0.6 * torch.tensor(0.6 / 0.7).log()
    plain = evaluated(TraceEnum_ELBO().loss, pair, 1)[0][0]
    for bits in (0.0, 0.1, 1.0):
        energy = VariationalFreeEnergy(TraceEnum_ELBO(), free_bits=bits)
        lack = torch.relu(bits - kind) + 5 * torch.relu(bits - side)
        assert energy.loss(pair.model, pair.guide) == pytest.approx(plain + lack.item(), abs=1e-9)


def test_sampled_sites_have_floors_under_enumeration() -> None:
    energy = VariationalFreeEnergy(TraceEnum_ELBO(strict_enumeration_warning=False), free_bits=2.0)
    assert energy.loss_and_grads(mixture().model, mixture().guide) > 0


def test_members_that_are_masked_are_not_counted() -> None:
    mask = torch.tensor([True, False, True, True, False])

    def model() -> None:
        with pyro.plate("points", 5), poutine.mask(mask=mask):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=DATA)

    def guide() -> None:
        with pyro.plate("points", 5), poutine.mask(mask=mask):
            pyro.sample("z", dist.Normal(0.0, 1.0))

    energy = VariationalFreeEnergy(TraceMeanField_ELBO(), free_bits=2.0)
    pyro.set_rng_seed(0)
    plain = TraceMeanField_ELBO().loss(model, guide)
    pyro.set_rng_seed(0)
    assert energy.loss(model, guide) == pytest.approx(plain + 2.0 * 3)


@pytest.mark.parametrize("outside", [False, True])
def test_floors_have_the_scale_and_the_weight_of_their_complexity(outside: bool) -> None:
    pair = gaussian()
    form = TraceMeanField_ELBO()
    plain = evaluated(VariationalFreeEnergy(form, free_bits=3.0).loss, pair, 1)[0][0]
    energy = VariationalFreeEnergy(form, free_bits=3.0, weight=lambda site, step: 0.5)
    assert evaluated(energy.loss, pair, 1)[0][0] == pytest.approx(0.5 * plain)
    if outside:

        def scaled(*programs: Any) -> float:
            with poutine.scale(scale=4.0):
                return energy.loss(*programs)

        assert evaluated(scaled, pair, 1)[0][0] == pytest.approx(2.0 * plain)


def test_a_loss_with_free_bits_needs_no_gradients_around_it() -> None:
    energy, pair = VariationalFreeEnergy(free_bits=1.0), gaussian()
    expected = evaluated(energy.loss, pair, 1)
    with torch.no_grad():
        assert evaluated(energy.loss, pair, 1) == expected
        assert not energy.differentiable_loss(pair.model, pair.guide).requires_grad


def test_a_collapsed_latent_is_held_up() -> None:
    """The decoder ignores z: its complexity goes to 0 but for free bits."""

    def model() -> None:
        with pyro.plate("points", 5):
            pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(0.0, 1.0), obs=DATA)

    def guide() -> None:
        where = pyro.param("where", torch.linspace(-1.5, 1.5, 5))
        with pyro.plate("points", 5):
            pyro.sample("z", dist.Normal(where, 0.5))

    def complexity(bits: float | None) -> Tensor:
        pyro.clear_param_store()
        energy = VariationalFreeEnergy(TraceMeanField_ELBO(), free_bits=bits)
        svi = pyro.infer.SVI(model, guide, pyro.optim.SGD({"lr": 0.02}), loss=energy)
        for _ in range(200):
            svi.step()
        return energy.decompose(model, guide).complexity / 5

    floor = -torch.tensor(0.5).log() + 0.5 * 0.5**2 - 0.5  # of the width alone
    assert complexity(None).item() == pytest.approx(floor.item(), abs=1e-3)
    assert complexity(0.6).item() == pytest.approx(0.6, abs=0.02)


def test_an_auto_guide_that_draws_sites_apart_has_floors() -> None:
    """AutoNormal draws z_unconstrained, and z from it: by hand, the same as a Normal guide."""
    pair = gaussian()
    auto = AutoNormal(pair.model, init_loc_fn=init_to_value(values=VALUES), init_scale=0.3)

    auto()
    widths = {site: getattr(auto.scales, site).detach() for site in VALUES}

    def guide() -> None:
        pyro.sample("mean", dist.Normal(VALUES["mean"], widths["mean"]))
        with pyro.plate("points", 5):
            pyro.sample("z", dist.Normal(VALUES["z"], widths["z"]))

    for bits, weight in ((0.3, 1.0), (2.0, 0.5), ({"z": 3.0}, 2.0)):
        energy = VariationalFreeEnergy(free_bits=bits, weight={"z": weight, "mean": 0.1})
        expected = evaluated(energy.loss, Pair(pair.model, guide), 1)[0][0]
        found = evaluated(energy.loss, Pair(pair.model, auto), 1)[0][0]
        assert found == pytest.approx(expected, abs=1e-9)


VALUES = {"mean": torch.tensor(0.4), "z": torch.linspace(-1, 1, 5, dtype=torch.float64)}


# Errors


@pytest.mark.parametrize("elbo", [Trace_ELBO, TraceGraph_ELBO])
def test_sites_that_are_not_reparameterized(elbo: type[ELBO]) -> None:
    energy = VariationalFreeEnergy(elbo(), free_bits=1.0)
    with pytest.raises(ValueError, match=r"reparameterized.*Categorical at site 'kind'"):
        energy.loss(mixture().model, mixture().guide)


@pytest.mark.parametrize("auto", [AutoDelta, AutoMultivariateNormal])
def test_guides_without_a_distribution_for_each_site(auto: Any) -> None:
    def model() -> None:
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z, 1.0), obs=torch.tensor(1.0))

    with pytest.raises(ValueError, match=re.escape("a point (Delta) at site 'z'")):
        VariationalFreeEnergy(free_bits=1.0).loss(model, auto(model))


def test_renyi_has_no_complexity() -> None:
    with pytest.raises(ValueError, match=r"`free_bits`.*RenyiELBO"):
        VariationalFreeEnergy(RenyiELBO(), free_bits=1.0)


@pytest.mark.parametrize("bits", [-1.0, {"mean": -0.5}, "many", float("nan")])
def test_floors_are_not_negative(bits: Any) -> None:
    with pytest.raises(ValueError, match=r"`free_bits.*a number >= 0"):
        VariationalFreeEnergy(free_bits=bits)
