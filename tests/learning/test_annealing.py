"""Schedules beside numbers worked out by hand, for steps that are numbers and tensors alike."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.fx.experimental.proxy_tensor import make_fx

from pyro_activeinf.learning import LearningRate, RobbinsMonro
from pyro_activeinf.learning.annealing import Cyclical, Linear, WarmUp

SCHEDULES = [
    Linear(10),
    Linear(7, start=2.0, stop=0.5),
    WarmUp(delay=5, steps=3, start=0.1),
    Cyclical(period=9, ratio=0.4),
    RobbinsMonro(tau=3.0, kappa=0.6),
]
each = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)


def by_hand(schedule: Any, step: int) -> float:
    match schedule:
        case RobbinsMonro(tau, kappa):
            return 1.0 / (step + tau) ** kappa
        case Linear(steps, start, stop):
            progress = step / steps
        case WarmUp(delay, steps, start, stop):
            progress = 0.0 if step < delay else (step - delay) / steps
        case Cyclical(period, ratio, start, stop):
            place = step - period * (step // period)
            progress = place / (ratio * period)
    return start + (stop - start) * min(progress, 1.0)


@each
@given(step=st.integers(0, 100))
def test_numbers_are_those_by_hand(schedule: Any, step: int) -> None:
    assert schedule(step) == pytest.approx(by_hand(schedule, step), abs=1e-12)


@each
def test_tensors_and_integers_agree(schedule: Any) -> None:
    for step in range(40):
        found = schedule(torch.tensor(step))
        assert found.shape == ()
        assert float(found) == pytest.approx(schedule(step), abs=1e-12)


@each
def test_a_schedule_can_be_traced(schedule: Any) -> None:
    graph = make_fx(schedule)(torch.tensor(0))
    for step in (0, 6, 33):
        assert torch.equal(graph(torch.tensor(step)), schedule(torch.tensor(step)))


@each
def test_schedules_are_frozen(schedule: Any) -> None:
    with pytest.raises(AttributeError):
        schedule.start = 3.0


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: Linear(0), "steps"),
        (lambda: Linear(3, start=-1.0), "start"),
        (lambda: Linear(3, stop=float("nan")), "stop"),
        (lambda: WarmUp(-1, 3), "delay"),
        (lambda: WarmUp(1, 0), "steps"),
        (lambda: Cyclical(0), "period"),
        (lambda: Cyclical(5, ratio=0.0), "ratio"),
        (lambda: Cyclical(5, ratio=1.5), "ratio"),
        (lambda: RobbinsMonro(tau=0.0), "tau"),
        (lambda: RobbinsMonro(tau=float("inf")), "tau"),
        (lambda: RobbinsMonro(kappa=0.5), "kappa"),
        (lambda: RobbinsMonro(kappa=1.1), "kappa"),
        (lambda: RobbinsMonro(cast("float", "x")), "tau"),
        (lambda: RobbinsMonro(1.0, cast("float", None)), "kappa"),
    ],
)
def test_wrong_arguments_are_named(make: Any, argument: str) -> None:
    with pytest.raises(ValueError, match=f"^`{argument}`"):
        make()


def test_steps_of_robbins_and_monro_find_a_mean() -> None:
    numbers = torch.randn(20_000) + 3.0
    rho, mean = RobbinsMonro(tau=1.0, kappa=1.0), torch.tensor(0.0)
    for step, number in enumerate(numbers):
        mean += rho(step) * (number - mean)
    assert float(mean) == pytest.approx(float(numbers.mean()), abs=1e-9)


def test_a_learning_rate_follows_a_schedule() -> None:
    leaf = torch.zeros(1, requires_grad=True)
    sgd = torch.optim.SGD([leaf], lr=0.5)
    scheduler, rates = LearningRate(Linear(4, start=1.0, stop=0.0))(sgd), []
    for _ in range(5):
        rates += scheduler.get_last_lr()
        leaf.grad = torch.ones(1)
        sgd.step()
        scheduler.step()
    assert rates == [0.5, 0.375, 0.25, 0.125, 0.0]


def test_a_number_is_no_schedule() -> None:
    with pytest.raises(TypeError, match="`schedule`: expected a function from steps to numbers"):
        LearningRate(0.1)  # type: ignore[arg-type]
