from __future__ import annotations

import pytest
import torch

from pyro_activeinf.behavior.tasks import Bandit, GaussianBandit, random_walks


def test_rewards_come_as_often_as_the_schedule_says() -> None:
    probs = torch.tensor([[0.2, 0.9], [0.6, 0.1]])
    task, count = Bandit(probs), 20_000
    trial = task.begin(count)
    action = torch.arange(count) % 2
    for row in probs:
        outcome, trial = task.step(trial, action)
        for arm in range(2):
            rate = outcome["outcome"][action == arm].double().mean()
            assert float(rate) == pytest.approx(float(row[arm]), abs=0.02)


def test_the_schedule_ends() -> None:
    task = Bandit(torch.tensor([[0.2, 0.9], [0.6, 0.1]]))
    trial, present, starts, conditions = task.begin(1), [], [], []
    for _ in range(3):
        present.append(bool(trial.present))
        starts.append(bool(trial.starts))
        conditions.append([int(trial.conditions[name]) for name in ("correct", "reversal")])
        _, trial = task.step(trial, torch.tensor([0]))
    assert (present, starts) == ([True, True, False], [True, False, False])
    assert conditions[:2] == [[1, 0], [0, 1]]


def test_real_rewards_are_normal() -> None:
    task = GaussianBandit(torch.tensor([[1.0, -2.0]]), noise=0.5)
    reward = task.step(task.begin(20_000), torch.ones(20_000, dtype=torch.long))[0]["outcome"]
    assert float(reward.mean()) == pytest.approx(-2.0, abs=0.02)
    assert float(reward.std()) == pytest.approx(0.5, abs=0.02)


def test_walks_step_by_what_is_said_between_the_walls() -> None:
    walks = random_walks(5000, 3, step=0.02, low=0.1, high=0.9)
    steps = walks.diff(dim=0)
    assert float(steps.std()) == pytest.approx(0.02, rel=0.05)
    assert 0.1 <= float(walks.min()) < 0.15
    assert 0.85 < float(walks.max()) <= 0.9


@pytest.mark.parametrize(
    ("probs", "message"),
    [(torch.ones(3), r"\(trials, actions\)"), (torch.tensor([[0.5, 1.2]]), "probabilities")],
)
def test_what_is_no_schedule_is_refused(probs: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=f"`probs`: expected {message}"):
        Bandit(probs)
    with pytest.raises(ValueError, match="`means`: expected"):
        GaussianBandit(torch.ones(3))
