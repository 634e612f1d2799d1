"""A step, an optimizer, and the state of both."""

from __future__ import annotations

from functools import partial
from typing import Any

import pyro
import pytest
import torch
from pyro.infer import Trace_ELBO
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR

from pyro_activeinf.learning.batches import Whole
from pyro_activeinf.learning.program import Program
from pyro_activeinf.learning.training import Training, adam

from .programs import Regression, Weights, line, parameters, same


def training(model: Any = None, guide: Any = None, **options: Any) -> Training:
    pair = model or Regression(), guide or Weights()
    return Training(Program(*pair, Trace_ELBO(), Whole(line())), **options)


def take(learner: Training, steps: int, begun: bool = False) -> list[float]:
    losses = []
    with learner.program.local():
        for step in range(steps):
            look = learner.look if step or begun else learner.begin
            loss, _ = look(line())
            learner.take(loss)
            losses.append(loss)
    return losses


def test_steps_are_those_of_svi() -> None:
    pyro.set_rng_seed(1)
    losses = take(training(optimizer=partial(torch.optim.Adam, lr=0.05)), 20)
    pyro.set_rng_seed(1)
    svi = pyro.infer.SVI(Regression(), Weights(), pyro.optim.Adam({"lr": 0.05}), Trace_ELBO())
    expected = [svi.step(*line()) for _ in range(20)]
    assert losses == pytest.approx(expected, abs=1e-9)


def test_a_state_is_taken_over() -> None:
    options: Any = {"learning_rate": partial(StepLR, step_size=2, gamma=0.5)}
    first, second = training(**options), training(**options)
    take(first, 3)
    state, generator = first.state(), torch.get_rng_state()
    expected = take(first, 4, begun=True)
    take(second, 1)
    second.require_fit(state)
    second.load(state)
    torch.set_rng_state(generator)
    assert take(second, 4, begun=True) == expected
    assert second.optimizer.param_groups[0]["lr"] == first.optimizer.param_groups[0]["lr"]


def test_a_state_is_no_view_of_the_parameters() -> None:
    learner = training()
    take(learner, 1)
    before = learner.state()["parameters"]["guide.loc"].clone()
    state = learner.state()
    take(learner, 1, begun=True)
    assert torch.equal(state["parameters"]["guide.loc"], before)


def test_a_scheduler_may_watch_the_loss() -> None:
    learner = training(learning_rate=partial(ReduceLROnPlateau, patience=0, threshold=1e9))
    take(learner, 5)
    assert learner.optimizer.param_groups[0]["lr"] < 0.01


def test_a_state_of_another_optimizer_is_refused() -> None:
    usual, sgd = training(), training(optimizer=partial(torch.optim.SGD, lr=0.1))
    take(usual, 1)
    take(sgd, 1)
    with pytest.raises(ValueError, match=r"the state of \['SGD'\], got that of \['Adam'\]"):
        sgd.require_fit(usual.state())


@pytest.mark.parametrize("wrong", [pyro.optim.Adam({"lr": 0.1}), 3, lambda leaves: None])
def test_what_makes_no_optimizer_is_named(wrong: Any) -> None:
    with pytest.raises(TypeError, match="`optimizer`: expected a function from parameters"):
        take(training(optimizer=wrong), 1)


def test_programs_without_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="expected a parameter to learn"):
        take(training(lambda x, y: None, lambda x, y: None), 1)


@pytest.mark.filterwarnings("ignore:Encountered NaN")
def test_a_loss_that_is_no_number_leaves_the_parameters() -> None:
    guide = Weights()
    learner = training(guide=guide)
    take(learner, 1)
    before = parameters(guide)
    x, y = line()
    with (
        learner.program.local(),
        pyro.validation_enabled(False),
        pytest.raises(
            ValueError, match="`loss`: expected a number, with finite gradients, got nan"
        ),
    ):
        learner.look((x, y * torch.nan))
    assert same(before, parameters(guide))
    assert all(leaf.grad is None for leaf in learner.program.leaves.values())


@pytest.mark.parametrize(
    ("leaf", "fused"),
    [
        (torch.ones(3, 4), True),
        (torch.ones(4, 3).t(), None),
        (torch.ones(3, 8)[:, ::2], None),
        (torch.ones(3, 4, dtype=torch.complex128), None),
    ],
)
def test_adam_is_that_of_torch_for_any_layout(leaf: Tensor, fused: bool | None) -> None:
    leaves = [leaf, leaf.clone()]
    optimizers = adam([leaves[0]]), torch.optim.Adam([leaves[1]], lr=0.01)
    assert optimizers[0].defaults["fused"] is fused
    grad = torch.linspace(-1.0, 2.0, 12).reshape(3, 4).to(leaf.dtype)
    for step in range(5):
        for mine, optimizer in zip(leaves, optimizers, strict=True):
            mine.grad = grad * (1 + step)
            optimizer.step()
    assert torch.allclose(leaves[0], leaves[1], rtol=1e-14, atol=1e-14)
