"""Whole sessions of persons of a fit, against shares of correct choices in closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import plots, to_arviz
from pyro_activeinf.behavior import (
    BehaviorFit,
    ChoiceModel,
    fit,
    learning_curve,
    reenact,
    simulate,
)
from pyro_activeinf.behavior.peers import RandomChoice
from pyro_activeinf.behavior.tasks import Bandit, Every, ReversalLearning
from tests.behavior.persons import Guessing, followers

GOOD, BAD, TRIALS = 0.8, 0.3, 12
ARMS = Bandit(torch.tensor([[GOOD, BAD]] * 8 + [[BAD, GOOD]] * 4))
STAY, SHIFT = 0.9, 0.4


def known(model: ChoiceModel, true: dict[str, Tensor], subjects: int) -> BehaviorFit:
    """A fit whose posterior is a point."""
    people = simulate(model, ARMS, subjects=subjects, trials=TRIALS).choices
    found = fit(model, people, Guessing(2), progress=False)
    draws = {name: value.expand(1, 50, subjects, *value.shape) for name, value in true.items()}
    return replace(found, parameters=draws)


def by_hand() -> Tensor:
    """p(correct) of win-stay, lose-shift at each trial: a recursion of a single probability."""
    first, found = 0.5, []
    for good, bad in ARMS.probs.tolist():
        found.append(first if good > bad else 1 - first)
        stays, leaves = (p * STAY + (1 - p) * (1 - SHIFT) for p in (good, bad))
        first = first * stays + (1 - first) * (1 - leaves)
    return torch.tensor(found)


def test_win_stay_lose_shift_is_as_a_recursion_has_it() -> None:
    true = {"stay": torch.tensor(STAY), "shift": torch.tensor(SHIFT)}
    anew = reenact(known(followers(), true, 400), ARMS, draws=50)

    found = learning_curve(anew, before=4, after=4)

    expected = by_hand()
    blocks = torch.cat([expected[4:8], (expected[:4] + expected[8:]) / 2])
    error = math.sqrt(0.25 / (50 * 400))
    for shares in (found.expected, found.replicated):
        torch.testing.assert_close(shares.mean(0), blocks, rtol=0, atol=4.5 * error)
    low, high = found.interval(0.98)
    assert bool(((low <= blocks) & (blocks <= high)).all())


def test_random_choice_has_no_curve() -> None:
    def biased() -> None:
        pyro.sample("bias", dist.Normal(torch.zeros(2), 1.0).to_event(1))

    model = ChoiceModel(biased, lambda p: RandomChoice(p["bias"]))
    fitted = known(model, {"bias": torch.tensor([0.7, 0.3]).log()}, 5)
    flat = Bandit(torch.tensor([[0.9, 0.1]] * TRIALS))

    found = learning_curve(reenact(fitted, flat, draws=50), before=1, after=TRIALS)

    inside = found.expected[:, found.positions >= 0]
    torch.testing.assert_close(inside, torch.full_like(inside, 0.7), rtol=0, atol=1e-12)
    assert bool(found.expected[:, found.positions < 0].isnan().all())
    low, high = found.interval(0.9)
    assert bool((low <= 0.7)[1:].all())
    assert bool((high >= 0.7)[1:].all())


def test_people_lie_beside_it_and_it_is_drawn() -> None:
    task = ReversalLearning(reversals=Every(9))
    people = simulate(followers(), task, subjects=6, trials=40).choices
    fitted = fit(followers(), people, Guessing(30), progress=False)

    alone, anew = learning_curve(fitted), learning_curve(reenact(fitted, task, draws=20))

    torch.testing.assert_close(anew.observed, alone.observed, equal_nan=True)
    assert anew.replicated.shape == (20, 20)
    (panel,) = plots.learning_curve({"foretold": alone, "by itself": anew}).axes
    assert len(panel.collections) == 2


def test_it_is_exported() -> None:
    task = ReversalLearning()
    people = simulate(followers(), task, subjects=3, trials=10).choices
    anew = reenact(fit(followers(), people, Guessing(5), progress=False), task, trials=7, draws=4)

    data = to_arviz(anew)

    choice = data["posterior_predictive"]["choice"]
    assert choice.dims == ("chain", "draw", "subject", "trial")
    assert choice.shape == (1, 4, 3, 7)
    np.testing.assert_array_equal(choice.values[0, 2], anew.by_draw(anew.choices.actions)[2])
    assert data["observed_data"]["choice"].shape == (3, 10)
    assert data["posterior"]["stay"].dims == ("chain", "draw", "subject")


def test_wrong_arguments_are_refused() -> None:
    people = simulate(followers(), ARMS, subjects=2, trials=5).choices
    fitted = fit(followers(), people, Guessing(5), progress=False)
    with pytest.raises(TypeError, match="`fit`: expected what behavior"):
        reenact(people, ARMS)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`task`: expected a task"):
        reenact(fitted, "bandit")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`model`: expected an agent with the actions of the task"):
        reenact(fitted, ReversalLearning(actions=3))
    with pytest.raises(ValueError, match="`draws`"):
        reenact(fitted, ARMS, draws=0)
