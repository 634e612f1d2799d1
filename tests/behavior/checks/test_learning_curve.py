from __future__ import annotations

import pytest
import torch

from pyro_activeinf.behavior import Choices, fit, learning_curve, simulate
from pyro_activeinf.behavior.checks.learning_curve import positions
from pyro_activeinf.behavior.tasks import Every, ReversalLearning
from tests.behavior.persons import Guessing, followers


def test_positions_count_from_reversals() -> None:
    aim = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1, 0]])
    starts = torch.zeros(1, 9, dtype=torch.bool)
    starts[0, 0] = True
    choices = Choices(torch.zeros(1, 9, dtype=torch.long), starts=starts)
    assert positions(choices, aim).tolist() == [[0, 1, -2, -1, 0, 1, -2, -1, 0]]


def test_a_session_is_no_reversal_for_those_before_it() -> None:
    aim = torch.tensor([[0, 0, 0, 1, 1, 1]])
    starts = torch.tensor([[True, False, False, True, False, False]])
    choices = Choices(torch.zeros(1, 6, dtype=torch.long), starts=starts)
    assert positions(choices, aim).tolist() == [[0, 1, 2, 0, 1, 2]]


def test_shares_are_those_of_the_data() -> None:
    """By hand, trial by trial; those foretold are averages of the chosen model's own."""
    task = ReversalLearning(reversals=Every(9))
    choices = simulate(followers(), task, subjects=4, trials=50).choices
    fitted = fit(followers(), choices, Guessing(draws=30), progress=False)
    found = learning_curve(fitted, before=3, after=5, draws=30)
    aim = choices.conditions["correct"]
    place = positions(choices, aim)
    chance = fitted.model.log_probs({k: v[0] for k, v in fitted.parameters.items()}, choices).exp()
    chance = chance.gather(-1, aim.expand(30, -1, -1).unsqueeze(-1)).squeeze(-1)
    for i, at in enumerate(range(-3, 5)):
        here = place == at
        assert int(found.counts[i]) == int(here.sum())
        expected = (choices.actions == aim)[here].double().mean()
        assert float(found.observed[i]) == pytest.approx(float(expected))
        torch.testing.assert_close(found.expected[:, i], chance[:, here].mean(1))


def test_replications_of_the_truth_hold_the_data() -> None:
    simulation = simulate(followers(), ReversalLearning(), subjects=40, trials=100)
    fitted = fit(followers(), simulation.choices, Guessing(draws=2), progress=False)
    true = {k: v.expand(1, 200, -1) for k, v in simulation.parameters.items()}
    object.__setattr__(fitted, "parameters", true)
    found = learning_curve(fitted, draws=200)
    low, high = found.interval(0.98)
    inside = (found.observed >= low) & (found.observed <= high)
    assert float(inside.double().mean()) > 0.85


def test_the_correct_action_has_to_be_known() -> None:
    choices = Choices(torch.zeros(1, 5, dtype=torch.long), {"outcome": torch.zeros(1, 5)})
    fitted = fit(followers(), choices, Guessing(), progress=False)
    with pytest.raises(ValueError, match="`choices`: expected a condition 'correct'"):
        learning_curve(fitted)
