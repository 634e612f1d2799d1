"""Agents in files."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pyro
import pytest
import torch

from pyro_activeinf import Agent, checkpoint, rollout
from pyro_activeinf.agents import keeping
from pyro_activeinf.filters import ExactFilter, FactorizedFilter
from pyro_activeinf.learning import OnlineLearner
from pyro_activeinf.models import LinearGaussian, TMaze
from pyro_activeinf.planning import (
    CrossEntropy,
    FlowPolicy,
    OpenLoop,
    Sophisticated,
    Variational,
)
from tests.agents.test_real import Cart, agent_of

START = {"position": 0, "reward": 0}
CUE = {"position": 3, "reward": 0}


@pytest.mark.parametrize(
    ("make", "planner"),
    [
        (ExactFilter, Sophisticated(2)),
        (ExactFilter, OpenLoop(2, terms={"pragmatic"})),
        (FactorizedFilter, OpenLoop(2)),
    ],
)
def test_a_discrete_agent_goes_on(tmp_path: Path, make: Any, planner: Any) -> None:
    model = TMaze()
    agent = Agent(model, planner=planner, filter=make(model), action_precision=2.0)
    agent.reset((3,))
    agent.perceive({name: torch.full((3,), value) for name, value in START.items()})
    agent.act()
    agent.save(tmp_path / "agent.pt")
    again = Agent.load(tmp_path / "agent.pt", TMaze())
    assert again.action is not None
    assert agent.action is not None
    assert torch.equal(again.action, agent.action)
    assert (type(again.filter), again.action_precision) == (make, 2.0)
    assert vars(again.planner).get("terms") == vars(planner).get("terms")
    seen = {name: torch.full((3,), value) for name, value in CUE.items()}
    beliefs = [each.perceive(seen, action=3) for each in (agent, again)]
    for name, marginal in beliefs[0].marginals.items():
        assert torch.equal(marginal.probs, beliefs[1].marginals[name].probs)
    plans = [each.plan() for each in (agent, again)]
    assert torch.equal(plans[0].probs, plans[1].probs)


@pytest.mark.parametrize(
    "planner",
    [
        CrossEntropy(3, samples=16, elites=4),
        Variational(3, 2, num_particles=4),
        Variational(3, 2, FlowPolicy(2), restarts=2, num_particles=4),
    ],
)
def test_a_planner_goes_on_from_its_last_solution(tmp_path: Path, planner: Any) -> None:
    one = torch.eye(1)
    walk = LinearGaussian(one, B=one, goal=torch.ones(1), bound=2.0)
    agent = Agent(walk, planner=planner)
    agent.perceive({"o": torch.zeros(1)})
    agent.act()
    agent.save(tmp_path / "agent.pt")
    before = torch.get_rng_state()
    again = Agent.load(tmp_path / "agent.pt", copy.deepcopy(walk))
    assert torch.get_rng_state().equal(before)
    other = Agent.load(tmp_path / "agent.pt", copy.deepcopy(walk), planner=copy.deepcopy(planner))
    plans = []
    for each in (agent, again, other):
        pyro.set_rng_seed(1)
        each.perceive({"o": torch.ones(1)})
        plans.append(each.plan().policies)
    assert torch.equal(plans[0], plans[1])
    assert not torch.equal(plans[0], plans[2])  # a fresh planner begins anew


def test_a_learning_agent_goes_on_to_the_last_bit(tmp_path: Path) -> None:
    agent = agent_of()
    rollout(agent, Cart(), steps=12, progress=False)
    agent.save(tmp_path / "agent.pt")
    fresh = agent_of(5).model
    planner = CrossEntropy(4, samples=12, elites=4, iterations=2)
    again = Agent.load(tmp_path / "agent.pt", fresh, planner=planner)
    agent.planner = CrossEntropy(4, samples=12, elites=4, iterations=2)
    runs = []
    for each in (agent, again):
        pyro.set_rng_seed(1)
        runs.append(rollout(each, Cart(), steps=5, progress=False))
        assert isinstance(each.learner, OnlineLearner)
    assert torch.equal(runs[0].beliefs["s"], runs[1].beliefs["s"])
    assert torch.equal(runs[0].actions[:-1], runs[1].actions[:-1])
    assert agent.learner.losses == again.learner.losses  # type: ignore[union-attr]


def test_what_plain_values_do_not_describe_has_to_be_given(tmp_path: Path) -> None:
    class Own(OpenLoop):
        """A planner that this library does not know."""

    Agent(TMaze(), planner=Own(2)).save(tmp_path / "agent.pt")
    with pytest.raises(ValueError, match=r"`planner`.*planner=\.\."):
        Agent.load(tmp_path / "agent.pt", TMaze())
    assert Agent.load(tmp_path / "agent.pt", TMaze(), planner=OpenLoop(3)).belief is None


def test_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "agent.pt"
    agent_of().save(path)
    model = TMaze()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"`model`.*parameters"):
        Agent.load(path, model, planner=OpenLoop(1))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"`path`.*damaged"):
        Agent.load(path, model)
    checkpoint.save(path, "walk", {})
    with pytest.raises(ValueError, match=r"`path`.*walk"):
        keeping.load(path)
    with pytest.raises(FileNotFoundError):
        Agent.load(tmp_path / "none.pt", model)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.pt"
    agent = Agent(TMaze(), planner=OpenLoop(2))
    agent.save(path)
    before = path.read_bytes()
    agent.belief = object()  # type: ignore[assignment]
    with pytest.raises(TypeError, match="`belief`"):
        agent.save(path)
    assert path.read_bytes() == before
