"""Agents in the T-maze."""

from __future__ import annotations

import pytest
import torch

from pyro_activeinf.demo import tmaze
from pyro_activeinf.envs.tmaze import LOSS, REWARD
from pyro_activeinf.records import Trajectory


@pytest.fixture
def seeker() -> Trajectory:
    return tmaze.epistemic(40, progress=False)


def test_the_epistemic_agent_visits_the_cue_and_is_rewarded(seeker: Trajectory) -> None:
    cue, rewarded = tmaze.rows({"epistemic agent": seeker})
    assert (cue.measure, rewarded.measure) == ("cue visited first", "rewarded at the end")
    assert cue.proportion.rate == 1.0
    assert rewarded.proportion.rate > 0.85  # the arms are valid in 98 % of trials
    assert rewarded.proportion.trials == 40


def test_the_reward_only_agent_gambles() -> None:
    """It goes straight to either arm, which is the right one in half of the trials."""
    cue, rewarded = tmaze.rows({"reward-only agent": tmaze.reward_only(100, progress=False)})
    assert cue.proportion.rate == 0.0
    low, high = rewarded.proportion.interval(0.999)
    assert low < 0.5 < high


def test_rows_count_first_moves_and_last_outcomes(seeker: Trajectory) -> None:
    first, other = seeker.episodes()[:2]
    other.observations["reward"][-1] = LOSS
    other.actions[0] = 1
    first.observations["reward"][-1] = REWARD
    for trial, expected in ((first, 1), (other, 0)):
        rows = tmaze.rows({"agent": trial})
        assert [row.proportion.successes for row in rows] == [expected, expected]


def test_rows_go_by_measure_then_by_agent(seeker: Trajectory) -> None:
    rows = tmaze.rows({"a": seeker, "b": seeker})
    assert [row.agent for row in rows] == ["a", "b", "a", "b"]
    assert rows[0].measure == rows[1].measure != rows[2].measure


def test_plans_are_those_that_the_agent_made(seeker: Trajectory) -> None:
    trial = seeker.episodes()[3]
    assert trial.policy_probs is not None
    plans = tmaze.plans(trial)
    assert len(plans) == 2
    for t, plan in enumerate(plans):
        assert torch.allclose(plan.probs, trial.policy_probs[t])


def test_every_value_has_a_name(seeker: Trajectory) -> None:
    sizes = {name: probs.shape[-1] for name, probs in seeker.beliefs.items()}
    sizes |= {"position": 5, "reward": 3, "action": 4}
    assert {name: len(names) for name, names in tmaze.LABELS.items()} == sizes
