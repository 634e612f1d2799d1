from __future__ import annotations

import pytest
import torch

from pyro_activeinf import Agent, rollout
from pyro_activeinf.envs import ReversalLearning as World
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import ReversalLearning
from pyro_activeinf.planning import OpenLoop


def test_beliefs_are_those_of_bayes_rule() -> None:
    """By hand: a hazard, then the odds of the outcome, trial by trial."""
    filter = ExactFilter(ReversalLearning(good=0.7, bad=0.4, hazard=0.1, actions=3))
    belief, expected = filter.initial(), torch.full((3,), 1 / 3)
    for action, outcome in ((0, 1), (0, 1), (2, 0), (1, 1), (0, 0)):
        belief = filter.update(filter.predict(belief, action), {"outcome": outcome})
        expected = 0.9 * expected + 0.05 * (1 - expected)
        chance = torch.where(torch.arange(3) == action, 0.7, 0.4)
        expected = expected * (chance if outcome else 1 - chance)
        expected = expected / expected.sum()
        torch.testing.assert_close(belief.marginals["better"].probs, expected)


def test_preference_and_habit_decide() -> None:
    """G of two actions that look alike but for the chance of a reward, and a prior."""
    habit = torch.tensor([0.0, 1.3])
    model = ReversalLearning(preference=2.0, habit=habit, hazard=0.0)
    agent = Agent(model, planner=OpenLoop(1, precision=1.0, terms={"pragmatic"}))
    agent.perceive({})
    agent.perceive({"outcome": 1}, action=torch.tensor(1))
    right = float(agent.belief.marginals["better"].probs[1])
    gain = 2.0 * (2 * right - 1) * (0.8 - 0.2)
    found = agent.plan().action_probs
    assert float((found[1] / found[0]).log()) == pytest.approx(1.3 + gain, abs=1e-10)


def test_gradients_flow_to_what_is_believed() -> None:
    theta = torch.tensor([0.8, 0.2, 0.1, 2.0], requires_grad=True)
    model = ReversalLearning(*theta.unbind())
    filter = ExactFilter(model)
    belief = filter.update(filter.predict(filter.initial(), 1), {"outcome": 1})
    G = OpenLoop(1, precision=1.0)(filter, belief).expected_free_energy
    (gradient,) = torch.autograd.grad(G[0] - G[1], theta)
    assert bool((gradient != 0).all())


def test_an_agent_finds_the_better_action() -> None:
    agent = Agent(ReversalLearning(preference=4.0), planner=OpenLoop(1))
    found = rollout(agent, World(trials=100), steps=100, progress=False)
    assert float(found.rewards.nanmean()) > 0.65


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"actions": 1}, "`actions`"), ({"habit": torch.zeros(3)}, r"`habit`: expected \(2,\)")],
)
def test_what_is_no_model_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReversalLearning(**wrong)
