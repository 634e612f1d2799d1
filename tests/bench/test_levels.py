"""Two levels, of which a whole step is timed."""

import torch

from pyro_activeinf.bench.levels import Levels, LevelStepping, levels
from pyro_activeinf.bench.problem import Problem
from pyro_activeinf.planning import OpenLoop, Variational


def test_both_levels_act_in_the_step_that_is_timed() -> None:
    task = LevelStepping(Problem("stepping of levels", Levels(4, 3, 2), 2).to_json())
    for _ in range(2):
        action = task.run(task.fresh())
        assert action.shape == ()
        assert sorted(task.actor.posteriors) == [0, 1]
        assert task.actor.posteriors[1].policies.shape == (9, 2)
    assert task.outputs(action, None) == {}


def test_policies_are_scored_as_is_said() -> None:
    kinds = [Variational, OpenLoop]
    for svi, kind in zip((True, False), kinds, strict=True):
        agent = levels(Levels(4, 3, 2, svi), 2, 16.0)
        assert all(isinstance(floor.level.planner, kind) for floor in agent.tower.floors)


def test_a_batch_steps_together() -> None:
    task = LevelStepping(Problem("stepping of levels", Levels(4, 3, 2), 1, batch=3).to_json())
    assert task.run(task.fresh()).shape == torch.Size([3])
