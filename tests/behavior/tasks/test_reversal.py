from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pyro_activeinf.behavior.tasks import Criterion, Every, ReversalLearning


def run(
    task: ReversalLearning, subjects: int, trials: int, right: bool = True
) -> dict[str, Tensor]:
    """What happens to subjects who always (or never) choose the better action."""
    trial, rows = task.begin(subjects), []
    for _ in range(trials):
        correct = trial.conditions["correct"]
        action = correct if right else (correct + 1) % task.num_actions
        outcome, following = task.step(trial, action)
        rows.append({**outcome, **trial.conditions, "starts": trial.starts})
        trial = following
    return {name: torch.stack([row[name] for row in rows], 1) for name in rows[0]}


def test_rewards_come_as_often_as_they_should() -> None:
    task = ReversalLearning(good=0.7, bad=0.4)
    for right, expected in ((True, 0.7), (False, 0.4)):
        found = run(task, 500, 40, right)["outcome"].double().mean()
        assert float(found) == pytest.approx(expected, abs=0.02)


def test_reversals_come_after_fixed_numbers_of_trials() -> None:
    found = run(ReversalLearning(reversals=Every(7)), 3, 30)
    assert found["reversal"].nonzero()[:, 1].reshape(3, -1)[0].tolist() == [7, 14, 21, 28]
    changed = found["correct"][:, 1:] != found["correct"][:, :-1]
    assert torch.equal(changed.long(), found["reversal"][:, 1:])
    assert found["starts"].nonzero()[:, 1].tolist() == [0, 0, 0]


def test_reversals_come_between_two_numbers_of_trials() -> None:
    found = run(ReversalLearning(reversals=Every(3, 6)), 200, 60)["reversal"]
    gaps = torch.cat([row.nonzero()[:, 0].diff() for row in found])
    assert gaps.unique().tolist() == [3, 4, 5, 6]
    first = found.argmax(1)
    assert first.unique().tolist() == [3, 4, 5, 6]


def test_reversals_wait_for_the_criterion() -> None:
    task = ReversalLearning(reversals=Criterion(4))
    assert not bool(run(task, 3, 30, right=False)["reversal"].any())
    assert run(task, 1, 13)["reversal"][0].nonzero()[:, 0].tolist() == [4, 8, 12]


def test_the_streak_begins_anew_after_an_error() -> None:
    task = ReversalLearning(reversals=Criterion(2))
    trial = task.begin(1)
    for right in (True, False, True):
        correct = trial.conditions["correct"]
        _, trial = task.step(trial, correct if right else 1 - correct)
        assert int(trial.conditions["reversal"]) == 0
    _, trial = task.step(trial, trial.conditions["correct"])
    assert int(trial.conditions["reversal"]) == 1


def test_the_next_better_action_is_any_of_the_others() -> None:
    found = run(ReversalLearning(actions=4, reversals=Every(1)), 300, 20)["correct"]
    assert bool((found[:, 1:] != found[:, :-1]).all())
    counts = torch.bincount(found.flatten(), minlength=4).double()
    assert float((counts / counts.sum() - 0.25).abs().max()) < 0.02


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"good": 1.5}, "`good`: expected a probability"), ({"actions": 1}, "`actions`: expected")],
)
def test_what_is_no_task_is_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReversalLearning(**wrong)
    with pytest.raises(ValueError, match="`most`: expected at least 5, got 3"):
        Every(5, 3)
    with pytest.raises(ValueError, match="`streak`"):
        Criterion(0)
