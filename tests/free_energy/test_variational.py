"""Pyro's ELBOs to the last bit where no option is given; the counter; both kinds of parameters."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import (
    ELBO,
    SVI,
    RenyiELBO,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
)
from pyro.infer.autoguide import AutoMultivariateNormal, AutoNormal, AutoNormalMessenger
from pyro.nn import PyroModule, PyroParam
from torch import Tensor, nn

from pyro_activeinf.free_energy import VariationalFreeEnergy
from pyro_activeinf.learning.tracing import traced
from tests.free_energy.programs import CASES, DATA, Pair, evaluated, gaussian, gradients, mixture

each_case = pytest.mark.parametrize("case", CASES)


# Pyro's own


@each_case
def test_loss_is_pyros_to_the_last_bit(case: str) -> None:
    elbo, pair = CASES[case]
    expected = evaluated(elbo().loss, pair())
    assert evaluated(VariationalFreeEnergy(elbo()).loss, pair()) == expected
    exact = case in {"enum, guide", "enum, vectorized"}
    assert len({value for value, _ in expected}) == (1 if exact else 3)


@each_case
def test_gradients_are_pyros_to_the_last_bit(case: str) -> None:
    elbo, pair = CASES[case]
    expected = evaluated(elbo().loss_and_grads, pair())
    assert evaluated(VariationalFreeEnergy(elbo()).loss_and_grads, pair()) == expected
    assert all(grads for _, grads in expected)


@each_case
def test_a_differentiable_loss_has_the_same_value_and_gradients(case: str) -> None:
    elbo, pair = CASES[case]
    expected = evaluated(elbo().loss_and_grads, pair())
    found = evaluated(VariationalFreeEnergy(elbo()).differentiable_loss, pair())
    for (value, grads), (other, others) in zip(found, expected, strict=True):
        assert value == pytest.approx(other, rel=1e-12)
        assert grads.keys() == others.keys()
        for name, grad in grads.items():
            torch.testing.assert_close(torch.tensor(grad), torch.tensor(others[name]))
    if hasattr(elbo(), "differentiable_loss"):
        assert found == evaluated(elbo().differentiable_loss, pair())


@pytest.mark.parametrize("elbo", [Trace_ELBO, TraceMeanField_ELBO, TraceGraph_ELBO])
def test_svi_takes_the_same_path(elbo: type[ELBO]) -> None:
    def path(loss: ELBO) -> tuple[list[float], list[float], float]:
        pyro.clear_param_store()
        pyro.set_rng_seed(3)
        pair = gaussian(2)
        svi = SVI(pair.model, pair.guide, pyro.optim.ClippedAdam({"lr": 0.05}), loss=loss)
        steps = [svi.step() for _ in range(20)]
        return steps, pyro.param("each").tolist(), svi.evaluate_loss()

    assert path(VariationalFreeEnergy(elbo())) == path(elbo())


def test_the_default_is_a_sampled_elbo() -> None:
    expected = evaluated(Trace_ELBO(num_particles=4, vectorize_particles=True).loss, gaussian())
    energy = VariationalFreeEnergy(num_particles=4, vectorize_particles=True)
    assert evaluated(energy.loss, gaussian()) == expected


def test_settings_are_set_on_a_copy() -> None:
    given = TraceMeanField_ELBO(max_plate_nesting=1)
    energy = VariationalFreeEnergy(given, num_particles=4, vectorize_particles=True)
    assert (given.num_particles, given.vectorize_particles, given.max_plate_nesting) == (1, 0, 1)
    assert (energy.num_particles, energy.vectorize_particles) == (4, True)
    assert energy.elbo.max_plate_nesting == 2
    again = VariationalFreeEnergy(energy.elbo, num_particles=1)
    assert again.elbo.max_plate_nesting == 1
    assert VariationalFreeEnergy(given, max_plate_nesting=3).elbo.max_plate_nesting == 3
    reference = TraceMeanField_ELBO(num_particles=4, vectorize_particles=True, max_plate_nesting=1)
    assert evaluated(energy.loss, gaussian()) == evaluated(reference.loss, gaussian())


def test_a_guess_of_plates_is_not_shared() -> None:
    given = TraceEnum_ELBO()
    one, other = VariationalFreeEnergy(given), VariationalFreeEnergy(given)
    evaluated(one.loss, mixture(enumerated=True))
    assert one.elbo.max_plate_nesting == 1
    assert other.elbo.max_plate_nesting == given.max_plate_nesting == float("inf")


# Modules


class Model(PyroModule):
    def __init__(self) -> None:
        super().__init__()
        self.scale = PyroParam(torch.tensor(0.8), dist.constraints.positive)
        self.net = nn.Linear(1, 1)

    def forward(self, data: Tensor) -> None:
        with pyro.plate("points", len(data)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(self.net(z[:, None])[:, 0], self.scale), obs=data)


class Guide(PyroModule):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(1, 2)

    def forward(self, data: Tensor) -> None:
        with pyro.plate("points", len(data)):
            loc, width = self.net(data[:, None]).unbind(-1)
            pyro.sample("z", dist.Normal(loc, width.exp()))


def trained(loss: ELBO, steps: int = 15) -> list[float]:
    pyro.clear_param_store()
    pyro.set_rng_seed(5)
    module = loss(Model(), Guide())
    assert isinstance(module, nn.Module)
    module(DATA)
    optim = torch.optim.Adam(module.parameters(), lr=0.05)
    curve = []
    for _ in range(steps):
        optim.zero_grad()
        value = module(DATA)
        value.backward()
        optim.step()
        curve.append(value.item())
    return curve


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("elbo", [Trace_ELBO, TraceMeanField_ELBO])
def test_it_is_a_module_under_both_kinds_of_parameters(elbo: type[ELBO], local: bool) -> None:
    with pyro.settings.context(module_local_params=local):
        curve = trained(VariationalFreeEnergy(elbo()))
        assert curve == trained(elbo())
        assert bool(pyro.get_param_store().keys()) != local
    assert curve[-1] < curve[0]


@pytest.mark.parametrize("elbo", [TraceGraph_ELBO, lambda: RenyiELBO(num_particles=2)])
def test_forms_without_a_module_of_their_own_have_one(elbo: Callable[[], ELBO]) -> None:
    with pyro.settings.context(module_local_params=True):
        curve = trained(VariationalFreeEnergy(elbo()), 60)
    assert sum(curve[-10:]) < sum(curve[:10])


def test_two_energies_in_turn_are_as_two_alone() -> None:
    def stepping(energy: VariationalFreeEnergy, seed: int) -> Iterator[float]:
        pyro.set_rng_seed(seed)
        module = energy(Model(), Guide())
        module(DATA)
        optim = torch.optim.SGD(module.parameters(), lr=0.01)
        while True:
            optim.zero_grad()
            pyro.set_rng_seed(seed)
            loss = module(DATA)
            loss.backward()
            optim.step()
            yield loss.item()

    def fresh(beta: float) -> VariationalFreeEnergy:
        return VariationalFreeEnergy(weight=lambda site, step: beta + step, free_bits=0.1)

    with pyro.settings.context(module_local_params=True):
        first, second = stepping(fresh(0.1), 1), stepping(fresh(0.7), 2)
        turns = [(next(first), next(second)) for _ in range(5)]
        first, second = stepping(fresh(0.1), 1), stepping(fresh(0.7), 2)
        alone = [next(first) for _ in range(5)], [next(second) for _ in range(5)]
    assert turns == list(zip(*alone, strict=True))


@pytest.mark.parametrize("auto", [AutoNormal, AutoMultivariateNormal, AutoNormalMessenger])
def test_auto_guides(auto: Any) -> None:
    def model() -> None:
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        rate = pyro.sample("rate", dist.Gamma(2.0, 1.0))
        pyro.sample("x", dist.Normal(z, rate), obs=torch.tensor(0.3))

    def curve(loss: ELBO) -> list[float]:
        pyro.clear_param_store()
        pyro.set_rng_seed(1)
        svi = SVI(model, auto(model), pyro.optim.Adam({"lr": 0.02}), loss=loss)
        return [svi.step() for _ in range(6)]

    expected = curve(Trace_ELBO())
    assert curve(VariationalFreeEnergy()) == expected
    assert curve(VariationalFreeEnergy(weight=lambda site, step: 1.0)) == expected


def test_copies_are_independent() -> None:
    energy = VariationalFreeEnergy(weight={"mean": 0.5})
    evaluated(energy.loss_and_grads, gaussian())
    other = copy.deepcopy(energy)
    evaluated(other.loss_and_grads, gaussian())
    assert (energy.step, other.step) == (3, 6)


# The counter


@pytest.mark.parametrize("options", [{}, {"weight": {"mean": 1.0}}, {"free_bits": 0.5}])
def test_the_counter_counts_gradients(options: dict[str, Any]) -> None:
    energy, pair = VariationalFreeEnergy(**options), gaussian()
    energy.loss(pair.model, pair.guide)
    energy.decompose(pair.model, pair.guide)
    with torch.no_grad():
        energy.differentiable_loss(pair.model, pair.guide)
    assert energy.step == 0
    energy.loss_and_grads(pair.model, pair.guide)
    energy.differentiable_loss(pair.model, pair.guide)
    assert energy.step == 2
    energy.step = 40
    energy.loss_and_grads(pair.model, pair.guide)
    assert energy.step == 41


def test_an_evaluation_that_fails_is_not_counted() -> None:
    energy = VariationalFreeEnergy(weight={"nowhere": 1.0})
    with pytest.raises(ValueError, match="nowhere"):
        energy.loss_and_grads(gaussian().model, gaussian().guide)
    assert energy.step == 0
    assert all(grad is None for grad in gradients().values())


def test_the_counter_may_be_a_tensor() -> None:
    seen: list[Any] = []

    def weight(site: str, step: Any) -> Any:
        seen.append(step)
        return step / 10

    energy, pair = VariationalFreeEnergy(weight=weight), gaussian()
    energy.step = torch.tensor(3)
    value = evaluated(energy.loss_and_grads, pair, 1)
    assert torch.equal(torch.as_tensor(energy.step), torch.tensor(4))
    assert all(torch.is_tensor(step) for step in seen)
    number = VariationalFreeEnergy(weight=lambda site, step: 0.3)
    assert value == evaluated(number.loss_and_grads, pair, 1)


@pytest.mark.parametrize("free_bits", [None, 0.4])
@pytest.mark.parametrize("elbo", [Trace_ELBO, TraceMeanField_ELBO, TraceGraph_ELBO])
def test_a_graph_can_be_traced_with_the_counter_as_an_input(
    elbo: type[ELBO], free_bits: float | None
) -> None:
    def weight(site: str, step: Any) -> Any:
        return step / 10

    energy = VariationalFreeEnergy(elbo(), weight=weight, free_bits=free_bits)
    with pyro.settings.context(module_local_params=True, validate_poutine=False):
        module = energy(Model(), Guide())
        module(DATA)
        leaves = [*module.parameters()]

        def gradient(step: Tensor) -> list[Tensor]:
            energy.step = step
            loss = module(DATA)
            return [loss.detach(), *torch.autograd.grad(loss, leaves)]

        with pyro.validation_enabled(False):
            graph = traced(gradient, [torch.tensor(3.0)], leaves)
            pyro.set_rng_seed(9)
            valid, *found = graph(torch.tensor(7.0), *leaves)
            pyro.set_rng_seed(9)
            torch.testing.assert_close(found, gradient(torch.tensor(7.0)))
    assert bool(valid)


# Errors


def test_a_guide_site_that_the_model_does_not_draw() -> None:
    pair = gaussian()

    def guide() -> None:
        pair.guide()
        pyro.sample("means", dist.Normal(0.0, 1.0))

    with pytest.raises(ValueError, match=re.escape("(['mean', 'z']), got also ['means']")):
        VariationalFreeEnergy().loss(pair.model, guide)


def test_a_guide_site_that_the_model_observes() -> None:
    pair = gaussian()

    def guide() -> None:
        pair.guide()
        pyro.sample("x", dist.Normal(0.0, 1.0))

    with pytest.raises(ValueError, match=re.escape("though the model observes ['x']")):
        VariationalFreeEnergy().loss_and_grads(pair.model, guide)
    assert all(grad is None for grad in gradients().values())


def test_a_model_site_that_the_guide_does_not_draw() -> None:
    pair = gaussian()
    with pytest.raises(ValueError, match=re.escape("`guide`: expected a sample for each site")):
        VariationalFreeEnergy().loss(pair.model, pyro.poutine.block(pair.guide, hide=["mean"]))


def test_an_auxiliary_site_is_the_guides_own_affair() -> None:
    pair = gaussian()

    def guide() -> None:
        pyro.sample("aux", dist.Normal(0.0, 1.0), infer={"is_auxiliary": True})
        pair.guide()

    both = Pair(pair.model, guide)
    found = evaluated(VariationalFreeEnergy(weight=lambda site, step: 1.0).loss, both)
    assert found == evaluated(Trace_ELBO().loss, both)


@pytest.mark.parametrize("elbo", [Trace_ELBO, "Trace_ELBO", VariationalFreeEnergy()])
def test_only_pyros_elbos_are_taken(elbo: Any) -> None:
    with pytest.raises(TypeError, match="`elbo`: expected an instance of one of Pyro's ELBOs"):
        VariationalFreeEnergy(elbo)


def test_particles_are_counted() -> None:
    with pytest.raises(ValueError, match="num_particles"):
        VariationalFreeEnergy(num_particles=0)


@pytest.mark.parametrize("value", ["yes", 1])
def test_what_is_no_flag_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="`vectorize_particles`: expected True or False, got "):
        VariationalFreeEnergy(vectorize_particles=value)
