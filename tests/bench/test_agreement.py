"""How far apart the numbers of two sides are."""

import torch

from pyro_activeinf import Agent
from pyro_activeinf.bench.agreement import agent_numbers, belief_numbers, largest_difference
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning import OpenLoop


def test_largest_difference() -> None:
    assert largest_difference({"x": [[1.0], [2.0]]}, {"x": [[1.0], [2.25]]}) == 0.25
    assert largest_difference({"x": [1.0], "y": [5.0]}, {"x": [1.0], "y": [4.0]}) == 1.0
    assert largest_difference({"x": [1.0]}, {"y": [1.0]}) is None


def test_what_an_agent_believes_and_plans() -> None:
    agent = Agent(TMaze(), planner=OpenLoop(1))
    assert agent_numbers(agent) == {}
    agent.perceive({"position": 0, "reward": 0})
    assert agent_numbers(agent) == {
        "belief 0": [[0.5, 0.5]],
        "belief 1": [[1.0, 0.0, 0.0, 0.0]],
    }
    posterior = agent.plan()
    numbers = agent_numbers(agent)
    assert numbers["neg_efe"] == [(-posterior.expected_free_energy).tolist()]
    assert numbers["policy_probs"] == [posterior.probs.tolist()]


def test_beliefs_of_a_batch() -> None:
    agent = Agent(TMaze(), planner=OpenLoop(1))
    agent.reset((3,))
    agent.perceive({"position": torch.tensor([0, 0, 0]), "reward": torch.tensor([0, 0, 0])})
    assert agent.belief is not None
    assert belief_numbers(agent.belief)["belief 0"] == [[0.5, 0.5]] * 3
