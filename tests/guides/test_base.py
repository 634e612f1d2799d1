"""What all guides promise: the sites, plates and shapes of the model, in one process or many."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import SVI, Predictive, Trace_ELBO, TraceEnum_ELBO, config_enumerate
from pyro.optim import Adam
from torch import Tensor, nn

import pyro_activeinf as aif
from pyro_activeinf.guides import Amortized, Exact, Guide, MeanField, RecognitionGuide, Whole
from pyro_activeinf.models import Tiger, TMaze
from tests import kalman
from tests.guides.models import Mixed, linear_gaussian, mixed_data

Make = Callable[[Any], Guide]
GUIDES: dict[str, Make] = {
    "amortized": lambda model: Amortized(model, [8]),
    "linear": lambda model: Amortized(model, []),
    "whole": lambda model: Amortized(model, [8], summary=Whole(model, 4)),
    "mean field": MeanField,
    "exact": Exact,
}
each_guide = pytest.mark.parametrize("make", GUIDES.values(), ids=GUIDES)


def heard(batch: tuple[int, ...] = (2,)) -> tuple[dict[str, Tensor], Tensor]:
    growl = torch.randint(2, (*batch, 4))
    growl[..., 1] = -1
    return {"growl": growl}, torch.zeros(*batch, 3, dtype=torch.long)


@pytest.fixture(autouse=True)
def empty_parameter_store() -> Iterator[None]:
    pyro.clear_param_store()
    yield
    pyro.clear_param_store()


@pytest.fixture(params=[False, True], ids=["store", "local"])
def local(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Parameters in Pyro's store, or in their modules."""
    with pyro.settings.context(module_local_params=request.param):
        yield request.param


def latent(trace: Any) -> dict[str, Any]:
    nodes = {name: trace.nodes[name] for name in trace.stochastic_nodes}
    return {name: node for name, node in nodes.items() if not name.startswith("batch_")}


@each_guide
@pytest.mark.parametrize("batch", [(), (2,), (3, 2)])
def test_sites_shapes_and_plates_are_those_of_the_model(make: Make, batch: tuple[int, ...]) -> None:
    model = Tiger().double()
    args = heard(batch)
    recognized = latent(poutine.trace(make(model)).get_trace(*args))
    generated = latent(poutine.trace(model).get_trace(*args))
    assert recognized.keys() == generated.keys()
    for name, node in recognized.items():
        assert node["value"].shape == generated[name]["value"].shape
        assert node["value"].dtype == generated[name]["value"].dtype
        assert node["cond_indep_stack"] == generated[name]["cond_indep_stack"]


MIXED = [name for name in GUIDES if name != "exact"]


@pytest.mark.parametrize("make", [GUIDES[name] for name in MIXED], ids=MIXED)
@pytest.mark.parametrize("vectorized", [False, True])
def test_sites_of_all_kinds(make: Make, vectorized: bool) -> None:
    model, args = Mixed(), mixed_data()
    guide = make(model)
    recognized = latent(poutine.trace(guide).get_trace(*args))
    generated = latent(poutine.trace(model).get_trace(*args))
    assert recognized.keys() == generated.keys()
    elbo = Trace_ELBO(3, max_plate_nesting=1, vectorize_particles=vectorized)
    loss = elbo.differentiable_loss(model, guide, *args)
    gradients = torch.autograd.grad(loss, list(guide.parameters()), allow_unused=True)
    assert bool(loss.isfinite())
    assert any(g is not None and bool((g != 0).any()) for g in gradients)
    assert all(bool(g.isfinite().all()) for g in gradients if g is not None)


@each_guide
def test_enumeration_is_the_mean_of_many_samples(make: Make) -> None:
    model, args = Tiger(accuracy=0.7).double(), heard()
    args = args[0], torch.zeros(2, 3, dtype=torch.long)
    guide = make(model)
    if isinstance(guide, MeanField):
        guide.prepare(*args)
        for numbers in guide.parameters():
            numbers.data = torch.randn_like(numbers)
    enumerated = TraceEnum_ELBO(max_plate_nesting=1).loss(model, config_enumerate(guide), *args)
    many = Trace_ELBO(20000, max_plate_nesting=1, vectorize_particles=True)
    assert many.loss(model, guide, *args) == pytest.approx(enumerated, rel=0.02)


LEARNED = ["amortized", "mean field"]


@pytest.mark.parametrize("make", [GUIDES[name] for name in LEARNED], ids=LEARNED)
def test_training_lowers_free_energy(make: Make, local: bool) -> None:
    model, args = Tiger().double(), heard()
    guide = make(model)
    elbo = Trace_ELBO(20, max_plate_nesting=1, vectorize_particles=True)
    svi = SVI(model, guide, Adam({"lr": 0.1}), elbo)
    first = svi.evaluate_loss(*args)
    for _ in range(15):
        svi.step(*args)
    assert svi.evaluate_loss(*args) < first - 5.0


@pytest.mark.parametrize("make", [GUIDES["amortized"], GUIDES["mean field"]])
def test_two_guides_in_one_process_share_nothing(make: Make, local: bool) -> None:
    model, args = Tiger().double(), heard()
    trained, other = make(model), make(model)
    trained(*args)
    other(*args)
    before = copy.deepcopy(other.state_dict())
    svi = SVI(model, trained, Adam({"lr": 0.1}), Trace_ELBO(max_plate_nesting=1))
    moved = copy.deepcopy(trained.state_dict())
    for _ in range(3):
        svi.step(*args)
        other(*args)
    assert any(not torch.equal(moved[k], v) for k, v in trained.state_dict().items())
    for name, value in other.state_dict().items():
        assert torch.equal(before[name], value)
    assert (len(pyro.get_param_store()) == 0) == local


def test_a_module_and_a_torch_optimizer_train_it(local: bool) -> None:
    model, args = Tiger().double(), heard()
    guide = Amortized(model, [8])
    loss = Trace_ELBO(max_plate_nesting=1)(model, guide)
    optimizer = torch.optim.Adam(guide.parameters(), lr=0.1)
    before = copy.deepcopy(guide.state_dict())
    loss(*args).backward()
    optimizer.step()
    assert all(not torch.equal(before[k], v) for k, v in guide.state_dict().items())


def test_the_model_is_held_not_owned() -> None:
    system = kalman.random_system(0)
    model = linear_gaussian(system)
    model.A = nn.Parameter(model.A)
    guide = Amortized(model, [4])
    assert guide.model is model
    assert list(guide.children()) == [guide.networks]
    assert not any(parameter is model.A for parameter in guide.parameters())
    assert model._pyro_name == ""


def test_a_copy_has_a_copy_of_the_model() -> None:
    model = Tiger().double()
    guide = Exact(model)
    twin, other = copy.deepcopy((guide, model))
    assert twin.model is other
    assert twin._filter._compiled.programs is other


class Growls(RecognitionGuide):
    """A guide of a user's own: looks at the growl of the step alone."""

    def __init__(self, model: Any = None) -> None:
        super().__init__(model)
        self.trust = nn.Parameter(torch.tensor(1.0))
        self.seen: list[Any] = []

    def recognize(self, previous: Any, action: Any, observation: Any) -> Any:
        self.seen.append((previous, action, observation))
        growl = observation["growl"] if "growl" in observation else torch.tensor(-1)
        sign = torch.where(growl < 0, 0.0, 2.0 * growl - 1.0)
        logits = torch.stack([-sign * self.trust, sign * self.trust], -1)
        tiger = pyro.sample("tiger", dist.Categorical(logits=logits))
        stay = torch.zeros(4) if action is None else torch.eye(4)[action] * 50
        if action is None:
            stay = torch.tensor([0.0, 0.0, 0.0, 50.0])
        return tiger, pyro.sample("door", dist.Categorical(logits=stay))


def test_what_a_guide_of_ones_own_is_given() -> None:
    guide = Growls(Tiger().double())
    observations, actions = heard((2,))
    states = guide(observations, actions)
    assert [previous for previous, *_ in guide.seen] == [None, *states[:-1]]
    assert guide.seen[0][1] is None
    assert torch.equal(guide.seen[2][1], actions[:, 1])
    assert torch.equal(guide.seen[1][2]["growl"], torch.tensor([-1, -1]))


def test_without_a_model_a_guide_takes_numbers() -> None:
    observations, actions = heard((2,))
    states = Growls()(observations, actions)
    assert [tuple(tiger.shape) for tiger, _ in states] == [(2,)] * 4
    assert len(Growls()(None, actions)) == 4
    assert len(Growls()(observations)) == 4


def test_a_guide_of_ones_own_is_trained() -> None:
    model, args = Tiger().double(), heard()
    guide = Growls(model)
    svi = SVI(model, guide, Adam({"lr": 0.1}), Trace_ELBO(max_plate_nesting=1))
    svi.step(*args)
    assert guide.trust.item() != 1.0


def test_generation_without_observations() -> None:
    model = Tiger().double()
    for make in GUIDES.values():
        states = make(model)(None, torch.tensor([0, 1]))
        assert len(states) == 3


def test_predictive_draws_from_the_guide() -> None:
    model, args = Tiger().double(), heard(())
    guide = Exact(model)
    drawn = Predictive(model, guide=guide, num_samples=8)(*args)
    assert drawn["tiger_3"].shape == (8,)
    assert drawn["outcome_3"].shape == (8,)


def test_names_that_the_model_does_not_have() -> None:
    with pytest.raises(ValueError, match="`observations`: expected names among"):
        Amortized(TMaze(), [4])({"growl": torch.tensor([0])})


def test_it_is_at_the_root() -> None:
    assert aif.RecognitionGuide is RecognitionGuide
    assert aif.guides.Amortized is Amortized
