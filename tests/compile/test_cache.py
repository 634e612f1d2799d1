"""Tables are compiled once, and again when anything that the program holds has changed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.nn import PyroModule, PyroParam, PyroSample
from pyro.optim import Adam
from torch import Tensor, nn
from torch.distributions import constraints
from torch.func import functional_call

from pyro_activeinf.compile import Compiled, Snapshot, Tables
from pyro_activeinf.models import GenerativeModel, LogPreferences


@dataclass
class Setting:
    """A mutable part of a program."""

    bias: float = 0.5


@dataclass
class Held:
    """What a plain program may hold."""

    number: float = 0.5
    tensor: Tensor = field(default_factory=lambda: torch.tensor([0.5]))
    array: Any = field(default_factory=lambda: np.array([0.5]))
    listed: list[Any] = field(default_factory=lambda: [[0.5]])
    named: dict[str, Any] = field(default_factory=lambda: {"bias": (0.5,)})
    setting: Setting = field(default_factory=Setting)
    net: nn.Module = field(default_factory=lambda: nn.Linear(1, 1))


class Coin(GenerativeModel):
    """A hidden coin, seen with a chance of error that is given in several ways."""

    def __init__(self, chance: Any = None) -> None:
        super().__init__()
        self.chance = nn.Parameter(torch.tensor([0.2, 0.9])) if chance is None else chance
        self.held = Held()
        self.wish = 1.0
        self.runs = 0

    def initial(self) -> Tensor:
        return pyro.sample("side", dist.Categorical(torch.ones(2) / 2))

    def transition(self, side: Tensor, action: Any) -> Tensor:
        return pyro.sample("side", dist.Categorical(torch.eye(2)[side]))

    def observe(self, side: Tensor) -> None:
        self.runs += 1
        pyro.sample("seen", dist.Bernoulli(self.chance[side]))
        pyro.sample("other", dist.Bernoulli(torch.full((2,), self.bias())[side]))

    def bias(self) -> float:
        held = self.held
        parts = [held.number, held.tensor[0], held.array[0], held.listed[0][0]]
        parts += [held.named["bias"][0], held.setting.bias, held.net.bias.detach().sigmoid()]
        return sum(float(part) for part in parts) / len(parts)

    def prefer(self) -> None:
        pyro.sample("seen", LogPreferences(torch.stack([-self.chance.sum(), torch.tensor(0.0)])))


def chances(tables: Tables) -> list[float]:
    return tables.observe[0].log_probs.exp()[:, 1].tolist()


# Kept, and made anew


def test_nothing_is_compiled_twice_while_nothing_changes() -> None:
    model = Coin()
    compiled = Compiled(model)
    first = compiled.tables
    assert compiled.tables is first
    assert compiled.preferences(0) is compiled.preferences(5)  # prefer takes no step
    assert compiled.tables is first
    assert model.runs == 1


def test_a_program_that_changes_itself_when_run_is_not_compiled_for_ever() -> None:
    model = Coin()  # it counts its runs
    compiled = Compiled(model)
    assert compiled.tables is compiled.tables


def fill(model: Coin) -> None:
    with torch.no_grad():
        model.chance[1] = 0.4


def step(model: Coin) -> None:
    optimizer = torch.optim.SGD([model.chance], lr=1.0)
    model.chance.sum().mul(0.5).neg().backward()
    with torch.no_grad():
        model.chance.copy_(torch.tensor([0.2, 0.4]) - 0.5)
    optimizer.step()
    optimizer.zero_grad()


def load(model: Coin) -> None:
    state = copy.deepcopy(model.state_dict())
    state["chance"] = torch.tensor([0.2, 0.4])
    model.load_state_dict(state)


def load_assigning(model: Coin) -> None:
    state = copy.deepcopy(model.state_dict())
    state["chance"] = torch.tensor([0.2, 0.4])
    model.load_state_dict(state, assign=True)


def replace(model: Coin) -> None:
    model.chance = nn.Parameter(torch.tensor([0.2, 0.4]))


def replace_by_constrained(model: Coin) -> None:
    model.chance = PyroParam(torch.tensor([0.2, 0.4]), constraints.unit_interval)


def replace_data(model: Coin) -> None:
    model.chance.data = torch.tensor([0.2, 0.4])


@pytest.mark.parametrize(
    "change",
    [
        fill,
        step,
        load,
        load_assigning,
        replace,
        replace_by_constrained,
        replace_data,
    ],
)
def test_tables_follow_a_parameter(change: Callable[[Coin], None]) -> None:
    model = Coin()
    compiled = Compiled(model)
    before = compiled.tables
    preferred = compiled.preferences(0)[0].log_probs[0].item()
    assert chances(before) == pytest.approx([0.2, 0.9], abs=1e-12)
    change(model)
    assert compiled.tables is not before
    assert chances(compiled.tables) == pytest.approx([0.2, 0.4], abs=1e-12)
    assert preferred == pytest.approx(-1.1, abs=1e-12)
    assert compiled.preferences(0)[0].log_probs[0].item() == pytest.approx(-0.6, abs=1e-12)
    assert compiled.tables is compiled.tables


def test_preferences_asked_for_first_follow_too() -> None:
    model = Coin()
    compiled = Compiled(model)
    compiled.preferences(0)
    replace(model)
    assert compiled.preferences(0)[0].log_probs[0].item() == pytest.approx(-0.6, abs=1e-12)


@torch.no_grad()
def test_numbers_in_memory_that_was_free_again_are_noticed() -> None:
    many = 100_000  # enough for the allocator to give the same memory again soon
    model = Coin(chance=nn.Parameter(torch.full((many,), 0.5)))
    compiled = Compiled(model)
    for i in range(20):
        for part in (1, 2, 3):
            model.chance.data = torch.full((many,), 0.01 * i * part)
        assert chances(compiled.tables)[1] == pytest.approx(0.03 * i, abs=1e-12)


def test_buffers_and_dtype_are_followed() -> None:
    model = Coin()
    compiled = Compiled(model)
    tables = compiled.tables
    model.float()
    assert compiled.tables is not tables
    assert compiled.tables.observe[0].log_probs.dtype == torch.float32
    model.double()
    assert compiled.tables.observe[0].log_probs.dtype == torch.float64
    buffered = Coin(chance=0)
    del buffered.chance
    buffered.register_buffer("chance", torch.tensor([0.2, 0.9]))
    compiled = Compiled(buffered)
    assert chances(compiled.tables) == pytest.approx([0.2, 0.9])
    buffered.chance.mul_(0.5)
    assert chances(compiled.tables) == pytest.approx([0.1, 0.45])


def set_number(held: Held) -> None:
    held.number = 0.6


def set_tensor(held: Held) -> None:
    held.tensor = torch.tensor([0.6])


def fill_tensor(held: Held) -> None:
    held.tensor.fill_(0.6)


def set_array(held: Held) -> None:
    held.array = np.array([0.6])


def fill_array(held: Held) -> None:
    held.array[:] = 0.6


def fill_list(held: Held) -> None:
    held.listed[0][0] = 0.6


def fill_dict(held: Held) -> None:
    held.named["bias"] = (0.6,)


def set_part(held: Held) -> None:
    held.setting.bias = 0.6


def fill_net(held: Held) -> None:
    with torch.no_grad():
        held.net.bias.add_(0.5)


@pytest.mark.parametrize(
    "change",
    [
        set_number,
        set_tensor,
        fill_tensor,
        set_array,
        fill_array,
        fill_list,
        fill_dict,
        set_part,
        fill_net,
    ],
)
@pytest.mark.parametrize("module", [True, False])
def test_tables_follow_whatever_a_program_holds(
    change: Callable[[Held], None], module: bool
) -> None:
    model: Any = Coin()
    if not module:  # the same programs, of an object that is no module
        programs = {name: getattr(model, name) for name in ("initial", "transition", "observe")}
        program: Any = SimpleNamespace(actions=None, held=model.held, **programs)
    else:
        program = model
    compiled = Compiled(program)
    before = compiled.tables
    assert compiled.tables is before
    change(model.held)
    assert compiled.tables is not before
    found = compiled.tables.observe[1].log_probs[..., -1].exp().flatten()[0]
    assert found.item() == pytest.approx(model.bias(), abs=1e-12)


def test_a_program_replaced_by_another_is_noticed() -> None:
    model = Coin()
    compiled = Compiled(model)
    assert [site.name for site in compiled.tables.outcomes] == ["seen", "other"]
    model.observe = lambda side: pyro.sample("new", dist.Categorical(torch.eye(2)[side]))  # type: ignore[method-assign]
    assert [site.name for site in compiled.tables.outcomes] == ["new"]


def test_a_snapshot_ends_where_objects_hold_each_other() -> None:
    one, two = SimpleNamespace(), Held()
    one.self, one.parts = one, [two]
    two.listed.append(two.listed)
    two.named["two"] = two
    before = Snapshot(one)
    assert before.holds()
    two.number = 0.7
    assert not before.holds()


class Stored(Coin):
    """The chance lies in Pyro's parameter store."""

    def observe(self, side: Tensor) -> None:
        chance = pyro.param("chance", torch.tensor([0.2, 0.9]))
        pyro.sample("seen", dist.Bernoulli(chance[side]))


def test_tables_follow_pyro_param() -> None:
    pyro.clear_param_store()
    compiled = Compiled(Stored(chance=0))
    before = compiled.tables
    assert compiled.tables is before
    pyro.param("unrelated", torch.zeros(1))
    assert compiled.tables is before
    pyro.get_param_store()["chance"] = torch.tensor([0.2, 0.4])
    assert chances(compiled.tables) == pytest.approx([0.2, 0.4], abs=1e-12)
    with torch.no_grad():
        pyro.param("chance").unconstrained().fill_(0.5)
    assert chances(compiled.tables) == pytest.approx([0.5, 0.5], abs=1e-12)
    pyro.clear_param_store()
    assert chances(compiled.tables) == pytest.approx([0.2, 0.9], abs=1e-12)
    pyro.clear_param_store()


def test_two_programs_do_not_share_tables() -> None:
    one, two = Coin(), Coin()
    first, second = Compiled(one), Compiled(two)
    kept = second.tables
    replace(one)
    assert chances(first.tables) == pytest.approx([0.2, 0.4])
    assert second.tables is kept


# Gradients


def loss(compiled: Compiled) -> Tensor:
    return -compiled.tables.observe[0].log_probs[0, 1] - compiled.tables.observe[0].log_probs[1, 0]


def test_backward_twice() -> None:
    model = Coin()
    compiled = Compiled(model)
    for _ in range(3):
        model.chance.grad = None
        loss(compiled).backward()
        assert model.chance.grad is not None
        # -log 0.2 - log(1 - 0.9)
        assert model.chance.grad.tolist() == pytest.approx([-5.0, 10.0], abs=1e-10)


def test_preferences_backward_twice() -> None:
    model = Coin()
    compiled = Compiled(model)
    for _ in range(3):
        (gradient,) = torch.autograd.grad(compiled.preferences(0)[0].log_probs[0], model.chance)
        assert gradient.tolist() == [-1.0, -1.0]


def test_learning_goes_on() -> None:
    model = Coin()
    compiled = Compiled(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        now = loss(compiled)
        now.backward()
        optimizer.step()
        with torch.no_grad():
            model.chance.clamp_(0.01, 0.99)
        losses.append(now.item())
    assert losses[0] > 3
    assert losses[-1] < 0.5
    assert chances(compiled.tables) == pytest.approx(model.chance.tolist(), abs=1e-12)


def test_grad_mode_is_followed() -> None:
    model = Coin()
    compiled = Compiled(model)
    with torch.no_grad():
        assert not compiled.tables.observe[0].log_probs.requires_grad
        quiet = compiled.tables
        assert compiled.tables is quiet
    assert compiled.tables.observe[0].log_probs.requires_grad
    model.chance.requires_grad_(False)
    assert not compiled.tables.observe[0].log_probs.requires_grad
    model.chance.requires_grad_(True)
    assert compiled.tables.observe[0].log_probs.requires_grad


def test_inference_mode() -> None:
    model = Coin()
    compiled = Compiled(model)
    with torch.inference_mode():
        assert chances(compiled.tables) == pytest.approx([0.2, 0.9])
        born_there = Compiled(Coin())
        assert born_there.tables is born_there.tables
    assert compiled.tables.observe[0].log_probs.requires_grad


def test_gradients_of_torch_func() -> None:
    model = Coin()

    class Loss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.compiled = Compiled(model)

        def forward(self) -> Tensor:
            return loss(self.compiled)

    module = Loss()
    for chance in ([0.2, 0.9], [0.5, 0.5]):
        gradient = torch.func.grad(
            lambda value: functional_call(module, {"model.chance": value}, ())
        )(torch.tensor(chance))
        expected = [-1 / chance[0], 1 / (1 - chance[1])]
        assert gradient.tolist() == pytest.approx(expected, abs=1e-10)
    assert chances(module.compiled.tables) == pytest.approx([0.2, 0.9], abs=1e-12)


def test_tables_follow_training_by_pyro() -> None:
    pyro.clear_param_store()
    model = Coin(chance=PyroParam(torch.tensor([0.5, 0.5]), constraints.unit_interval))
    compiled = Compiled(model)
    before = compiled.tables
    data = {"seen": torch.ones(2)}
    elbo = pyro.infer.TraceEnum_ELBO(max_plate_nesting=0)
    svi = pyro.infer.SVI(model, lambda *_: None, Adam({"lr": 0.1}), elbo)
    for _ in range(10):
        svi.step(data)
    assert compiled.tables is not before
    assert chances(compiled.tables) == pytest.approx(model.chance.tolist(), abs=1e-12)
    assert max(chances(compiled.tables)) > 0.6
    pyro.clear_param_store()


def test_the_parameter_store_is_not_touched_by_compiling() -> None:
    pyro.clear_param_store()
    model = Coin(chance=PyroParam(torch.tensor([0.5, 0.5]), constraints.unit_interval))
    with poutine.trace() as tracer:
        compiled = Compiled(model)
        compiled.tables, compiled.preferences(0), compiled.habit()
    assert list(pyro.get_param_store()) == []
    assert list(tracer.trace.nodes) == []


# Random parameters


def test_random_parameters_are_refused_until_they_have_a_value() -> None:
    model = Coin(chance=PyroSample(dist.Beta(torch.ones(2), 1.0).to_event(1)))
    with pytest.raises(ValueError, match=r"`chance`.*PyroSample.*set model.chance = .*NUTS or SVI"):
        Compiled(model)
    model.chance = torch.tensor([0.2, 0.4])
    assert chances(Compiled(model).tables) == pytest.approx([0.2, 0.4], abs=1e-12)


def test_random_parameters_of_a_part_are_named_with_their_path() -> None:
    model = Coin()
    model.part = PyroModule("part")
    model.part.weight = PyroSample(dist.Normal(0.0, 1.0))
    with pytest.raises(ValueError, match=r"`part.weight`.*set model.part.weight = tensor"):
        Compiled(model)


def test_preferences_of_long_past_steps_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyro_activeinf.compile.cache.KEPT_STEPS", 5)
    compiled = Compiled(Timed())
    first = compiled.preferences(0)
    for step in range(20):
        compiled.preferences(step)
    assert len(compiled._preferences) == 5
    assert compiled.preferences(19) is compiled.preferences(19)
    again = compiled.preferences(0)
    assert torch.equal(again[0].log_probs, first[0].log_probs)


class Timed(Coin):
    """A coin that is liked more and more."""

    def prefer(self, step: int) -> None:
        pyro.sample("seen", dist.Bernoulli(logits=torch.tensor(0.1 * step)))
