"""The graph of a step, read off the tables of programs."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pyro_activeinf.compile import Role, Variable, compile_program
from pyro_activeinf.models import POMDP, LogPreferences, TMaze
from pyro_activeinf.plots._step_graph import Factor, Kind, StepGraph, step_graph
from tests.compile.programs import RandomProgram, random_programs
from tests.strategies import SEEDS


class Radio:
    """Sites that depend on others of the same step, a habit, and joint preferences in time."""

    actions = gym.spaces.MultiDiscrete([2, 3])

    def initial(self) -> tuple[Tensor, Tensor]:
        on = pyro.sample("on", dist.Categorical(torch.ones(2) / 2))
        return on, pyro.sample("band", dist.Categorical(torch.ones(3) / 3))

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        on = pyro.sample("on", dist.Categorical(torch.eye(2)[action[..., 0]]))
        stays = torch.eye(3)[state[1]]
        moved = torch.where((on == 1)[..., None], torch.eye(3)[action[..., 1]], stays)
        return on, pyro.sample("band", dist.Categorical(moved))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        on, band = state
        light = pyro.sample("light", dist.Categorical(torch.tensor([[0.9, 0.1], [0.1, 0.9]])[on]))
        heard = torch.eye(3)[band] * 0.8 + 0.2 / 3
        pyro.sample(
            "sound", dist.Categorical(torch.where((light == 1)[..., None], heard, torch.ones(3)))
        )

    def prefer(self, step: int) -> None:
        light = pyro.sample("light", LogPreferences(torch.zeros(2)))
        if step == 3:
            pyro.sample("sound", LogPreferences(torch.tensor([[0.0, 0, 0], [0, 1, 2]])[light]))

    def habit(self) -> None:
        pyro.sample("action_1", dist.Categorical(torch.tensor([0.5, 0.3, 0.2])))


def named(graph: StepGraph, kind: Kind) -> dict[str, set[str]]:
    """Parents of the child of each factor of a kind; a prime for the next state."""
    marks = {Role.STATE: "", Role.CONTROL: "", Role.NEXT: "'", Role.OUTCOME: ""}
    return {
        factor.child.name: {parent.name + marks[parent.role] for parent in factor.parents}
        for factor in graph.factors
        if factor.kind is kind
    }


def test_dependences_are_those_of_the_tables() -> None:
    graph = step_graph(TMaze(), 1)

    assert named(graph, Kind.TRANSITION) == {
        "context": {"context"},
        "location": {"location", "action_0"},
    }
    both = {"context'", "location'"}
    assert named(graph, Kind.LIKELIHOOD) == {"position": both, "reward": both}
    assert named(graph, Kind.PREFERENCE) == {"reward": set()}
    assert named(graph, Kind.HABIT) == {}
    assert [v.name for v in graph.column(Role.STATE)] == ["context", "location"]
    assert graph.sizes[Variable(Role.OUTCOME, "position")] == 5


def test_parents_of_the_same_step_are_told_apart() -> None:
    graph = step_graph(Radio(), 3)
    within = {factor.child.name: factor.within_step for factor in graph.factors}

    assert named(graph, Kind.TRANSITION) == {
        "on": {"action_0"},
        "band": {"band", "on'", "action_1"},
    }
    assert within["band"] == (Variable(Role.NEXT, "on"),)
    assert named(graph, Kind.LIKELIHOOD)["sound"] == {"light", "band'"}
    assert within["sound"] == (Variable(Role.OUTCOME, "light"),)
    assert within["on"] == ()


def test_preferences_are_those_of_the_step_that_are_not_flat() -> None:
    assert named(step_graph(Radio(), 1), Kind.PREFERENCE) == {}
    assert named(step_graph(Radio(), 3), Kind.PREFERENCE) == {"sound": {"light"}}


def test_flat_preferences_that_are_learned_are_shown() -> None:
    learned = torch.nn.Parameter(torch.zeros(2))
    flip = np.stack([np.eye(2), np.eye(2)[::-1]], -1)
    for preference, shown in ((learned, {"o0": set[str]()}), (torch.zeros(2), {})):
        model = POMDP([np.eye(2)], [flip], C=[preference])
        assert named(step_graph(model, 1), Kind.PREFERENCE) == shown


@pytest.mark.parametrize(
    ("prior", "habit"), [([0.4, 0.6], {"action_0": set[str]()}), ([0.1, 0.2, 0.3, 0.4], {})]
)
def test_a_habit_is_a_factor_of_actions_but_not_of_policies(prior: Any, habit: Any) -> None:
    flip = np.stack([np.eye(2), np.eye(2)[::-1]], -1)
    graph = step_graph(POMDP([np.eye(2)], [flip], E=np.array(prior)), 1)

    assert named(graph, Kind.HABIT) == habit
    assert named(step_graph(Radio(), 1), Kind.HABIT) == {"action_1": set()}


def test_tables_hold_neither_preferences_nor_habit() -> None:
    graph = step_graph(compile_program(Radio()), 3)

    assert {factor.kind for factor in graph.factors} == {Kind.TRANSITION, Kind.LIKELIHOOD}
    whole = step_graph(Radio(), 3)
    assert graph.factors == whole.factors[:4]
    assert graph.sizes == whole.sizes


def test_observations_follow_the_order_of_their_states() -> None:
    names = ["first", "second", "third"]
    model = POMDP(
        [np.eye(2)] * 3,
        [np.eye(2)[..., None]] * 3,
        A_dependencies=[[2], [0], [1]],
        observation_names=names,
    )

    found = [v.name for v in step_graph(model, 1).column(Role.OUTCOME)]
    assert found == ["second", "third", "first"]


@settings(max_examples=15)
@given(random_programs(zeros=False))
def test_every_variable_and_every_table_is_there(program: RandomProgram) -> None:
    tables = compile_program(program)
    graph = step_graph(tables, 1)

    assert sorted(v.name for v in graph.column(Role.NEXT)) == sorted(s.name for s in tables.states)
    outcomes = sorted(site.name for site in tables.outcomes)
    assert sorted(v.name for v in graph.column(Role.OUTCOME)) == outcomes
    assert len(graph.column(Role.CONTROL)) == len(tables.controls)
    for factor, table in zip(graph.factors, (*tables.transition, *tables.observe), strict=True):
        assert factor.child == table.variable
        assert [p.name for p in factor.parents] == [p.name for p in table.parents]
        assert {factor.child, *factor.parents} <= graph.sizes.keys()


@settings(max_examples=15)
@given(SEEDS, st.booleans())
def test_the_state_that_is_observed_is_the_next_one(seed: int, zeros: bool) -> None:
    graph = step_graph(RandomProgram(seed, zeros), 1)

    for factor in graph.factors:
        roles = {parent.role for parent in factor.parents}
        if factor.kind is Kind.LIKELIHOOD:
            assert roles <= {Role.NEXT, Role.OUTCOME}
        assert isinstance(factor, Factor)
