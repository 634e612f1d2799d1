"""Hierarchical agents in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyro
import pytest
import torch

from pyro_activeinf import Agent, HierarchicalAgent
from pyro_activeinf.agents import Highest, Level, Simulated
from pyro_activeinf.filters import (
    Bank,
    FactorizedFilter,
    GaussianFilter,
    HiddenMarkovFilter,
    ParticleFilter,
)
from pyro_activeinf.models import LinearGaussian, ReadingPage, ReadingSentence
from pyro_activeinf.planning import CrossEntropy, OpenLoop
from tests.agents.test_filters_of_levels import hierarchy
from tests.agents.test_gaussian_levels import lines
from tests.agents.test_mixed import PRIOR, Weather
from tests.filters.regimes import Regimes, systems


def reader() -> HierarchicalAgent:
    page = Level(ReadingPage(), OpenLoop(2), steps_per_update=3, action_precision=2.0)
    return HierarchicalAgent([page, Level(ReadingSentence(), OpenLoop(1))], Highest())


PAGE = {"picture": torch.tensor([0, 0]), "place": torch.tensor([0, 0])}
TOP = {"page": torch.tensor([0, 0]), "feedback": torch.tensor([0, 0])}
LOOK = {"picture": torch.tensor([1, 0]), "place": torch.tensor([1, 2])}


def test_an_agent_goes_on_where_it_was(tmp_path: Path) -> None:
    pyro.set_rng_seed(0)
    agent = reader()
    agent.reset((2,))
    agent.perceive(PAGE | TOP)
    agent.act()
    agent.save(tmp_path / "agent.pt")
    again = HierarchicalAgent.load(tmp_path / "agent.pt", [ReadingPage(), ReadingSentence()])
    assert isinstance(again.outward, Highest)
    assert [floor.level.planner.horizon for floor in again.tower.floors] == [2, 1]  # type: ignore[attr-defined]
    for name in ("steps_per_update", "action_precision"):
        found = [getattr(floor.level, name) for floor in again.tower.floors]
        assert found == [getattr(floor.level, name) for floor in agent.tower.floors]
    turn = torch.tensor([0, 1])  # a place to look at, and a page to turn to
    for seen in (LOOK, {"feedback": 0}, {"feedback": 0}, {"page": turn}):
        both = [each.perceive(seen, action={1: turn, 2: turn}) for each in (agent, again)]
        for name, marginal in both[0].marginals.items():
            assert torch.equal(marginal.probs, both[1].marginals[name].probs)
        assert torch.equal(both[0].free_energy, both[1].free_energy)
        plans = [each.plan().probs for each in (agent, again)]
        assert torch.equal(*plans)


def test_a_continuous_level_goes_on(tmp_path: Path) -> None:
    def levels() -> list[Level]:
        model = Regimes(systems(3), PRIOR)
        planner = CrossEntropy(2, samples=8, elites=2, iterations=1)
        return [Level(model, planner, Bank(model), 2), Level(Weather())]

    agent = HierarchicalAgent(levels())
    seen = {"o": torch.tensor([0.2, 0.4], dtype=torch.float64)}
    agent.perceive(seen)
    agent.save(tmp_path / "agent.pt")
    plain = [level.model for level in levels()]
    for given in (levels(), plain):
        again = HierarchicalAgent.load(tmp_path / "agent.pt", given)
        push = torch.tensor([0.3], dtype=torch.float64)
        found = again.perceive(seen, action=push)
        expected = HierarchicalAgent.load(tmp_path / "agent.pt", levels()).perceive(seen, push)
        assert torch.equal(found.free_energy, expected.free_energy)
    assert isinstance(again.tower.floors[0].filter, Bank)


def test_a_search_goes_on_from_its_last_solution(tmp_path: Path) -> None:
    model = Regimes(systems(3), PRIOR)
    low = Level(model, CrossEntropy(3, samples=8, elites=2, iterations=1), Bank(model), 3)
    agent = HierarchicalAgent([low, Level(Weather())])
    seen = {"o": torch.tensor([0.2, 0.4])}
    agent.perceive(seen)
    pyro.set_rng_seed(0)
    agent.act()
    agent.save(tmp_path / "agent.pt")
    plain = [Regimes(systems(3), PRIOR), Weather()]
    again = HierarchicalAgent.load(tmp_path / "agent.pt", plain)
    found = []
    for each in (agent, again):
        each.perceive(seen)
        pyro.set_rng_seed(1)
        found.append(each.plan().policies)
    assert torch.equal(*found)


def test_a_gaussian_belief_is_read_as_it_was_written(tmp_path: Path) -> None:
    model = LinearGaussian(torch.eye(2), B=torch.eye(2))
    planner = CrossEntropy(2, samples=8, elites=2, iterations=1)
    agent = Agent(model, planner=planner, filter=GaussianFilter(model))
    agent.perceive({"o": torch.tensor([0.5, 0.1])})
    agent.save(tmp_path / "agent.pt")
    again = Agent.load(tmp_path / "agent.pt", model)
    seen, push = {"o": torch.tensor([0.1, 0.2])}, torch.tensor([0.1, 0.0])
    beliefs = [each.perceive(seen, action=push) for each in (agent, again)]
    assert torch.equal(beliefs[0].marginals["s"].mean, beliefs[1].marginals["s"].mean)


def test_what_does_not_fit_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    agent = reader()
    path = tmp_path / "agent.pt"
    agent.save(path)
    with pytest.raises(ValueError, match="`levels`: expected 2 levels"):
        HierarchicalAgent.load(path, [ReadingPage()])
    page = ReadingPage()
    page.pictures += 1.0
    with pytest.raises(ValueError, match="`model`: expected one with parameters"):
        HierarchicalAgent.load(path, [page, ReadingPage()])
    assert float(page.pictures.max()) == 2.0
    waiting = Level(ReadingPage(), until=lambda belief: belief.step > 3)
    HierarchicalAgent([waiting, ReadingSentence()]).save(path)
    with pytest.raises(ValueError, match=r"`levels\[0\]`: expected a Level, as plain values"):
        HierarchicalAgent.load(path, [ReadingPage(), ReadingSentence()])
    again = HierarchicalAgent.load(path, [waiting, ReadingSentence()])
    assert again.tower.floors[0].level.until is waiting.until
    Agent(ReadingPage(), planner=OpenLoop(1)).save(path)
    with pytest.raises(ValueError, match="hierarchical agent"):
        HierarchicalAgent.load(path, [ReadingPage(), ReadingSentence()])


@pytest.mark.parametrize("kind", [FactorizedFilter, HiddenMarkovFilter, ParticleFilter])
def test_levels_of_any_filter_go_on(tmp_path: Path, kind: Callable[..., Any]) -> None:
    agent = hierarchy(0, [2, 3], 2, kind, kind)
    for outcome in (0, 1):
        agent.perceive({"o": outcome})
    agent.save(tmp_path / "agent.pt")
    models = [floor.level.model for floor in agent.tower.floors]
    again = HierarchicalAgent.load(tmp_path / "agent.pt", models)
    assert all(isinstance(floor.filter, kind) for floor in again.tower.floors)
    energies = []
    for each in (agent, again):
        pyro.set_rng_seed(0)
        energies.append(each.perceive({"o": 2}).free_energy)
    assert torch.equal(*energies)


def test_gaussian_levels_and_what_is_scored_go_on(tmp_path: Path) -> None:
    low, high = lines(2)
    agent = HierarchicalAgent([Level(low, steps_per_update=2), high])
    seen = {"o": torch.tensor([0.1, 0.2])}
    agent.perceive(seen)
    agent.save(tmp_path / "agent.pt")
    again = HierarchicalAgent.load(tmp_path / "agent.pt", [low, high])
    assert torch.equal(*(each.perceive(seen).free_energy for each in (agent, again)))
    page, sentence = ReadingPage(), ReadingSentence()
    told = HierarchicalAgent([page, Level(sentence, below=Simulated(7))])
    told.save(tmp_path / "told.pt")
    again = HierarchicalAgent.load(tmp_path / "told.pt", [page, sentence])
    assert again.tower.floors[1].level.below == Simulated(7)
