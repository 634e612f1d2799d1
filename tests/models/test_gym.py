"""Models read from Gymnasium's worlds say what the worlds' own tables say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from pyro import poutine

from pyro_activeinf.compile import Role, Tables, compile_preferences, compile_program
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import GymnasiumModel, from_gymnasium
from pyro_activeinf.models.gym import terminal_states

WORLDS: list[tuple[str, dict[str, Any]]] = [
    ("FrozenLake-v1", {}),
    ("FrozenLake-v1", {"is_slippery": False}),
    ("FrozenLake-v1", {"map_name": "8x8"}),
    ("FrozenLake8x8-v1", {"is_slippery": False}),
    ("FrozenLake-v1", {"reward_schedule": (10, -1, -0.25), "success_rate": 0.8}),
    ("CliffWalking-v1", {}),
    ("CliffWalkingSlippery-v1", {}),
    ("Taxi-v4", {}),
    ("Taxi-v4", {"is_rainy": True}),
]


def name(world: tuple[str, dict[str, Any]]) -> str:
    return world[0] + "".join(f",{key}={value}" for key, value in world[1].items())


@pytest.fixture(params=WORLDS, ids=name)
def world(request: pytest.FixtureRequest) -> gym.Env[Any, Any]:
    identity, options = request.param
    return gym.make(identity, **options)


def expected_outcomes(
    outcomes: list[tuple[float, int, float, bool]],
) -> dict[tuple[int, float], float]:
    found: dict[tuple[int, float], float] = {}
    for probability, after, reward, _ in outcomes:
        if probability:
            key = (int(after), float(reward))
            found[key] = found.get(key, 0.0) + float(probability)
    return found


def modelled_outcomes(model: GymnasiumModel, state: int, action: int) -> dict[Any, float]:
    after = model.transition_table[state, action]
    joint = after[:, None] * model.reward_table[state, action]
    return {
        (int(n), float(model.rewards[r])): float(joint[n, r]) for n, r in joint.nonzero().tolist()
    }


def reached(table: Mapping[int, Any], start: np.ndarray[Any, Any]) -> set[int]:
    """States that an episode can be in."""
    found, todo = set(), [int(s) for s in np.flatnonzero(start)]
    while todo:
        state = todo.pop()
        if state in found:
            continue
        found.add(state)
        for outcomes in table[state].values():
            todo += [int(n) for p, n, _, end in outcomes if p and not end]
    return found


def test_the_model_is_the_worlds_own_table(world: gym.Env[Any, Any]) -> None:
    model = from_gymnasium(world)
    raw: Any = world.unwrapped
    start = raw.initial_state_distrib
    np.testing.assert_allclose(model.initial_probs.numpy(), start / start.sum(), atol=1e-12)
    states = reached(raw.P, start)
    assert len(states) >= len(raw.P) // 2
    for state in states:
        for action, outcomes in raw.P[state].items():
            expected = expected_outcomes(outcomes)
            found = modelled_outcomes(model, state, action)
            assert set(found) == set(expected)
            for key, probability in expected.items():
                assert found[key] == pytest.approx(probability, abs=1e-12)


def test_terminal_states_are_absorbing_and_pay_nothing(world: gym.Env[Any, Any]) -> None:
    model = from_gymnasium(world)
    raw: Any = world.unwrapped
    ends = {
        int(n)
        for row in raw.P.values()
        for outcomes in row.values()
        for _, n, _, end in outcomes
        if end
    }
    assert ends
    assert terminal_states(raw.P) == ends
    for state in ends:
        for action in range(world.action_space.n):  # type: ignore[attr-defined]
            assert modelled_outcomes(model, state, action) == {(state, 0.0): 1.0}


def test_tables_are_probabilities(world: gym.Env[Any, Any]) -> None:
    model = from_gymnasium(world)
    for table in (model.transition_table, model.reward_table, model.initial_probs):
        assert (table >= 0).all()
        total = table.sum(-1)
        torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-12)


# The program


@pytest.fixture
def lake() -> GymnasiumModel:
    return from_gymnasium(gym.make("FrozenLake-v1"), reward_scale=2.5)


def tables_of(model: GymnasiumModel) -> Tables:
    return compile_program(model)


def test_the_program_compiles_to_the_tables(lake: GymnasiumModel) -> None:
    tables = tables_of(lake)
    assert [(site.name, site.size) for site in tables.states] == [("state", 16), ("received", 2)]
    assert [(s.name, s.size) for s in tables.outcomes] == [("observation", 16), ("reward", 2)]
    move, pay = tables.transition
    assert [v.name for v in move.parents] == ["state", "action_0"]
    assert [(v.role, v.name) for v in pay.parents] == [
        (Role.STATE, "state"),
        (Role.CONTROL, "action_0"),
        (Role.NEXT, "state"),
    ]
    np.testing.assert_allclose(
        move.log_probs.exp().numpy(), lake.transition_table.numpy(), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        pay.log_probs.exp().numpy(), lake.reward_table.numpy(), rtol=0, atol=1e-12
    )
    for table, size in zip(tables.observe, (16, 2), strict=True):
        assert torch.equal(table.log_probs.exp(), torch.eye(size))
    assert tables.initial[1].log_probs.exp().tolist() == [1.0, 0.0]  # no reward yet


def test_rewards_are_preferred_in_proportion(lake: GymnasiumModel) -> None:
    (table,) = compile_preferences(lake, tables_of(lake).outcomes, 0)
    assert table.variable.name == "reward"
    assert table.log_probs.tolist() == [0.0, 2.5]
    cliff = from_gymnasium(gym.make("CliffWalking-v1"), reward_scale=0.1)
    assert cliff.rewards.tolist() == [-100, -1, 0]
    (table,) = compile_preferences(cliff, tables_of(cliff).outcomes, 0)
    assert table.log_probs.tolist() == pytest.approx([-10, -0.1, 0], abs=1e-12)


def test_the_pragmatic_value_is_the_expected_return() -> None:
    env = gym.make("FrozenLake-v1", is_slippery=True)
    model = from_gymnasium(env, reward_scale=3.0)
    exact = ExactFilter(model)
    raw: Any = env.unwrapped
    belief = exact.initial()
    here = torch.zeros(16)
    here[0] = 1.0
    for action in (2, 2, 1, 1, 1, 2):
        belief = exact.predict(belief, action)
        paid, after = 0.0, torch.zeros(16)
        for state in range(16):
            for p, n, reward, _ in raw.P[state][action]:
                ended = state in terminal_states(raw.P)
                after[state if ended else n] += here[state] * p
                paid += 0.0 if ended else float(here[state]) * p * reward
        here = after
        terms = exact.expected_free_energy(belief)
        assert terms.pragmatic.item() == pytest.approx(3.0 * paid, abs=1e-12)
        assert terms.ambiguity.item() == pytest.approx(0.0, abs=1e-12)
    assert paid > 0


def test_it_is_a_pyro_model_too(lake: GymnasiumModel) -> None:
    observations = {"observation": torch.tensor([[0, 4, -1]]), "reward": torch.tensor([[0, 0, -1]])}
    trace = poutine.trace(lake).get_trace(observations, torch.tensor([[1, 2]]))
    assert {"state_0", "received_2", "observation_1", "reward_2"} <= set(trace.nodes)


def test_a_world_without_a_start_begins_anywhere() -> None:
    class World(gym.Env[Any, Any]):
        action_space = gym.spaces.Discrete(1)
        observation_space = gym.spaces.Discrete(2)
        P = {0: {0: [(0.5, 0, 1.0, False), (0.5, 0, 2.0, False)]}, 1: {0: [(1.0, 0, 0.5, False)]}}  # noqa: RUF012

    model = from_gymnasium(World())
    assert model.initial_probs.tolist() == [0.5, 0.5]
    assert model.rewards.tolist() == [0.0, 0.5, 1.0, 2.0]
    assert modelled_outcomes(model, 0, 0) == {(0, 1.0): 0.5, (0, 2.0): 0.5}


@pytest.mark.parametrize("identity", ["CartPole-v1", "Blackjack-v1"])
def test_a_world_without_a_table_says_so(identity: str) -> None:
    message = rf"`env`.*transition table `P`, got .*{identity}.*Write its model as a program"
    with pytest.raises(ValueError, match=message):
        from_gymnasium(gym.make(identity))
