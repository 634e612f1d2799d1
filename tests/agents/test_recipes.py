"""Objects as their class and arguments."""

from __future__ import annotations

import math

import pytest
import torch

from pyro_activeinf import filters, learning, planning
from pyro_activeinf.agents.recipes import made, recipe
from pyro_activeinf.free_energy import Nested
from pyro_activeinf.models import TMaze
from tests.agents.test_real import agent_of


@pytest.mark.parametrize(
    "planner",
    [
        planning.OpenLoop(3, precision=math.inf, terms={"epistemic"}),
        planning.OpenLoop(2, policies=torch.tensor([[0, 1]])),
        planning.Sophisticated(2, discount=0.9),
        planning.Variational(2, 3, planning.GaussianPolicy(0.2), prior=planning.ModelHabit()),
    ],
)
def test_planners_are_made_again(planner: planning.Planner) -> None:
    again = made(recipe(planner, planning), planning)
    for name, value in vars(planner).items():
        if isinstance(value, int | float | frozenset):
            assert getattr(again, name) == value


def test_filters_and_learners_are_made_for_a_model() -> None:
    found = recipe(filters.ExactFilter(TMaze(), joint_outcomes=False), filters)
    assert made(found, filters, model=TMaze()).joint_outcomes is False
    few = filters.ParticleFilter(TMaze(), None, 50, Nested(20), resampling=filters.Stratified(0.3))
    same = made(recipe(few, filters), filters, model=TMaze())
    assert (same.num_particles, same.estimator) == (50, Nested(20))
    assert same.resampling == filters.Stratified(0.3)
    agent = agent_of()
    again = made(recipe(agent.learner, learning), learning, model=agent.model)
    assert (again.every, again.steps, again.capacity) == (1, 2, 100_000)


def test_what_is_not_known_has_no_recipe() -> None:
    class Own(planning.OpenLoop):
        """Not of the library."""

    assert recipe(Own(1), planning) is None
    own = learning.OnlineLearner(agent_of().model, optimizer=lambda p: torch.optim.SGD(p, 0.1))  # type: ignore[arg-type]
    assert recipe(own, learning) is None
    assert made(None, planning) is None
    assert made({"name": "base", "arguments": {}}, planning) is None
