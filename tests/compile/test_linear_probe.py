"""Which programs are told to be affine: never one that is not."""

from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.compile.linear import observe_layout
from pyro_activeinf.compile.linear_probe import is_affine
from pyro_activeinf.models import LinearGaussian
from tests.filters.gaussian_programs import Cart, Drifting, Pendulum

MATRIX = torch.tensor([[1.0, 2.0], [0.0, -1.0]], dtype=torch.float64)
WEIGHTS = torch.nn.Parameter(MATRIX.clone())

AFFINE: dict[str, Callable[[Tensor], Tensor]] = {
    "matmul": lambda x: x @ MATRIX,
    "matmul from the left": lambda x: (MATRIX @ x.unsqueeze(-1)).squeeze(-1) + 1.0,
    "einsum": lambda x: torch.einsum("ij,...j->...i", MATRIX, x),
    "a layer": lambda x: torch.nn.functional.linear(x, MATRIX, torch.ones(2)),
    "learned": lambda x: x @ WEIGHTS,
    "coordinates": lambda x: torch.stack([x[..., 1], 3.0 - x[..., 0] / 2], -1),
    "cat": lambda x: torch.cat([x[..., :1] - x[..., 1:], x[..., :1].neg()], -1),
    "unbind": lambda x: torch.stack(x.unbind(-1)[::-1], -1),
    "sums": lambda x: x.sum(-1, keepdim=True) + x.cumsum(-1) - x.mean(-1, keepdim=True),
    "chosen by a constant": lambda x: torch.where(torch.tensor([True, False]), x, 2 * x),
    "to a type": lambda x: x.to(torch.float64).contiguous().type_as(x),
    "constant": lambda x: torch.ones(2),
    "reversed": lambda x: 2.0 - x.flip(-1),
}


def written(x: Tensor) -> Tensor:
    found = torch.zeros(2)
    found[0] = x[0]
    return found


NOT: dict[str, Callable[[Tensor], Tensor]] = {
    "square": lambda x: x * x,
    "power": lambda x: x**2,
    "sine": torch.sin,
    "absolute": abs,
    "clamped": lambda x: x.clamp(-1.0, 1.0),
    "step": lambda x: torch.where(x > 100.0, x + 1.0, x),
    "place": lambda x: MATRIX[(x[..., 0] > 50.0).long()],
    "quotient": lambda x: x / (1 + x.sum(-1, keepdim=True)),
    "inverse": lambda x: 1.0 / (10.0 + x),
    "product of coordinates": lambda x: x[..., :1] * x,
    "maximum": lambda x: torch.maximum(x, x.flip(-1)),
    "rounded": lambda x: x.long().to(x),
    "branch": lambda x: x if bool((x < 5.0).all()) else -x,
    "a number": lambda x: torch.ones(2) * float(x.sum()),
    "in place": lambda x: torch.zeros(2).add_(x),
    "written into": written,
    "cut off from gradients": lambda x: x.detach() + x,
    "norm": lambda x: x / 3 + x.norm(dim=-1, keepdim=True),
}


class Program:
    """A move of the state, and noise that may depend on it."""

    actions = None

    def __init__(self, loc: Callable[[Tensor], Tensor], scale: Any = lambda x: 1.0) -> None:
        self.loc, self.scale = loc, scale

    def initial(self) -> Tensor:
        return pyro.sample("s", dist.Normal(torch.zeros(2), 1.0).to_event(1))

    def transition(self, state: Tensor, action: None) -> Tensor:
        return pyro.sample("s", dist.Normal(self.loc(state), self.scale(state)).to_event(1))

    def observe(self, state: Tensor) -> None:
        pyro.sample("o", dist.Normal(state[..., 0], 1.0))


def told(program: Any) -> bool:
    states, _ = observe_layout(program)
    return is_affine(program, "transition", states, torch.zeros(2), None, False)


@pytest.mark.parametrize("loc", AFFINE.values(), ids=AFFINE.keys())
def test_affine(loc: Callable[[Tensor], Tensor]) -> None:
    assert told(Program(loc))


@pytest.mark.parametrize("loc", NOT.values(), ids=NOT.keys())
def test_not_affine(loc: Callable[[Tensor], Tensor]) -> None:
    assert not told(Program(loc))


@pytest.mark.parametrize("scale", [torch.exp, lambda x: torch.where(x > 9.0, 1.0, 2.0), torch.abs])
def test_noise_that_depends_on_the_state(scale: Callable[[Tensor], Tensor]) -> None:
    assert not told(Program(lambda x: x, scale))


def test_constant_noise_in_every_form() -> None:
    assert told(Program(lambda x: x, lambda x: torch.tensor([0.5, 2.0])))
    assert told(Program(lambda x: x, lambda x: 0.1 * torch.ones_like(WEIGHTS[0])))


def test_actions_are_followed_where_they_are_real() -> None:
    states, _ = observe_layout(Cart())
    zero = torch.zeros(3)
    assert is_affine(Cart(), "transition", states, zero, torch.zeros(1), True)
    assert is_affine(Cart(), "observe", states, zero, None, False)

    class Squared(Cart):
        def transition(self, state: Any, action: Tensor) -> Any:
            return super().transition(state, action.square())

    assert not is_affine(Squared(), "transition", states, zero, torch.zeros(1), True)


def test_models() -> None:
    model = LinearGaussian(MATRIX, B=torch.ones(2, 1), C=torch.ones(1, 2))
    states, _ = observe_layout(model)
    assert is_affine(model, "transition", states, torch.zeros(2), torch.zeros(1), True)
    states, _ = observe_layout(Drifting())
    zero = torch.zeros(1, 2)
    assert is_affine(Drifting(True), "transition", states, zero, torch.arange(5), False)
    states, _ = observe_layout(Pendulum())
    assert not is_affine(Pendulum(), "observe", states, torch.zeros(2), None, False)


def test_validation_is_as_it_was_before() -> None:
    before = torch.distributions.Distribution._validate_args
    told(Program(lambda x: x))
    assert torch.distributions.Distribution._validate_args == before
