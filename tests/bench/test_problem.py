"""What both sides are asked to do."""

import json

from pyro_activeinf.bench.problem import Problem, some_policies
from pyro_activeinf.bench.worlds import grid, tmaze


def test_is_sent_as_json() -> None:
    problem = Problem("scoring", grid(3), 2, 4, policies=some_policies(grid(3), 3, 2))
    sent = json.loads(json.dumps(problem.to_json()))
    assert (sent["task"], sent["horizon"], sent["batch"]) == ("scoring", 2, 4)
    assert len(sent["world"]["first"]) == 4
    assert sent["policies"] == some_policies(grid(3), 3, 2).tolist()


def test_shrunk_keeps_the_task() -> None:
    large = Problem("rollout", grid(5), 4, 64, steps=100, policies=some_policies(grid(5), 9, 4))
    small = large.shrunk()
    assert (small.task, small.horizon, small.batch, small.steps) == ("rollout", 2, 2, 3)
    assert small.world.states == 9
    assert small.policies is not None
    assert small.policies.shape == (3, 2, 1)


def test_a_small_problem_is_not_shrunk() -> None:
    problem = Problem("stepping", tmaze(), 2)
    assert problem.shrunk() == problem


def test_warm_up_is_the_smallest() -> None:
    small = Problem("scoring", grid(5), 4, 64, policies=some_policies(grid(5), 9, 4)).warm_up()
    assert (small.task, small.horizon, small.batch, small.policies) == ("scoring", 1, 1, None)


def test_some_policies_are_actions_of_each_factor() -> None:
    policies = some_policies(tmaze(), 200, 3)
    assert policies.max((0, 1)).tolist() == [4, 0]
    assert policies.min() == 0
    assert (policies == some_policies(tmaze(), 200, 3)).all()
