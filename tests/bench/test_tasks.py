"""What is timed computes what it should: recorded outputs, Bayes' rule, a replay."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from pyro_activeinf.bench.problem import Problem
from pyro_activeinf.bench.results import AGREE
from pyro_activeinf.bench.tasks import TASKS, Living, Products, Rollout, Scoring, Stepping, Updating
from pyro_activeinf.bench.worlds import World, grid, tmaze
from tests.references import load_reference


def numbers(problem: Problem) -> dict[str, Any]:
    task = TASKS[problem.task](problem.to_json())
    return task.outputs(task.run(task.fresh()), None)


def assert_agree(ours: Any, recorded: Any) -> None:
    np.testing.assert_allclose(ours, recorded, rtol=0, atol=AGREE)


@pytest.mark.parametrize("horizon", [3, 4])
def test_scores_on_the_grid_are_those_recorded(horizon: int) -> None:
    recorded = load_reference("grid100")
    world = replace(grid(), first=recorded["obs"])
    found = numbers(Problem("scoring", world, horizon, batch=8))
    assert_agree(found["neg_efe"], recorded[f"H{horizon}_neg_efe"])
    np.testing.assert_allclose(found["policy_probs"], recorded[f"H{horizon}_q_pi"], atol=1e-3)


@pytest.mark.parametrize("horizon", [2, 4])
def test_scores_in_the_maze_are_those_recorded(horizon: int) -> None:
    recorded = load_reference("tmaze")
    found = numbers(Problem("scoring", tmaze(), horizon))
    assert_agree(found["neg_efe"], recorded[f"H{horizon}_neg_efe"])


def bayes(world: World, agent: int) -> np.ndarray:
    """The posterior of one factor after the first step, by hand."""
    a, b = world.A[0], world.B[0]
    first = a[world.first[agent, 0]] * world.D[0]
    prior = b[..., world.action[agent, 0]] @ (first / first.sum())
    joint = a[world.second[agent, 0]] * prior
    return joint / joint.sum()


def test_updating_is_bayes_rule() -> None:
    world = grid(4)
    found = numbers(Problem("updating", world, batch=6))["belief 0"]
    assert_agree(found, [bayes(world, agent) for agent in range(6)])


def test_a_step_perceives_plans_and_acts() -> None:
    task = Stepping(Problem("stepping", tmaze(), 2).to_json())
    action = task.run(task.fresh())
    assert action.shape == ()
    found = task.outputs(action, None)
    assert_agree(found["belief 0"], [[0, 0, 0, 1, 0]])  # at the cue
    assert_agree(found["belief 1"], [[0.95, 0.05]])
    assert len(found["neg_efe"][0]) == 25
    torch.testing.assert_close(task.run(task.fresh()).shape, action.shape)


def test_a_rollout_is_replayed() -> None:
    task = Rollout(Problem("rollout", grid(3), 2, 4, steps=5).to_json())
    run = task.run(task.fresh())
    assert run.actions.shape == (4, 6)
    given = task.outputs(run, None)
    assert given["observations"] == [run.observations["o0"].tolist()]
    assert given["actions"] == run.actions[:, :-1, None].tolist()
    found = task.outputs(run, given)
    assert_agree(found["belief 0"], given["belief 0"])
    assert_agree(found["belief 0"], run.beliefs["s0"][:, -1])
    assert len(found["neg_efe"][0]) == 25


def test_living_ends_each_episode_with_an_observation() -> None:
    task = Living(Problem("living", tmaze(), 2, steps=3).to_json())
    task.run(task.fresh())
    assert task.actor.belief is not None
    assert task.actor.belief.step == 3
    assert task.actor.action is None


def test_products_have_a_row_for_every_prefix() -> None:
    task = Products(Problem("products", grid(3), 3, 2).to_json())
    found = task.run(task.fresh())
    assert [tuple(x.shape) for x in found] == [(2, 55), (10, 55), (50, 55)]


def test_a_call_starts_from_a_belief_in_which_nothing_was_looked_up() -> None:
    for kind, name in ((Scoring, "scoring"), (Updating, "updating"), (Stepping, "stepping")):
        task = kind(Problem(name, tmaze(), 1).to_json())
        task.run(task.fresh())
        assert "probs" not in vars(task.fresh())
