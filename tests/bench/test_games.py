"""Agents in worlds, and their returns."""

import pytest
import torch

from pyro_activeinf.bench.games import GAMES, discounted_returns, play, tiger_values
from pyro_activeinf.planning import Planner
from tests.plots.trajectories import made


@pytest.mark.parametrize("name", GAMES)
def test_a_game_has_a_world_that_its_model_knows(name: str) -> None:
    game = GAMES[name]()
    assert game.env().action_space == game.model().actions
    assert isinstance(game.planner(), Planner)


def test_play_is_fixed_by_its_seed() -> None:
    first, again = play("FrozenLake 4x4", 5, 0), play("FrozenLake 4x4", 5, 0)
    assert first["returns"] == again["returns"]
    assert len(first["returns"]) == 5
    assert first["predicted"] == pytest.approx(0.744190, abs=1e-6)


def test_values_of_the_tiger() -> None:
    found = tiger_values([1, 3], 1.0)
    assert found["values"] == pytest.approx([-1.0, 2.72], abs=1e-5)
    assert found["seconds"] > 0


@pytest.mark.parametrize("batch", [(), (2,)])
def test_returns_are_those_of_single_episodes(batch: tuple[int, ...]) -> None:
    run = made((4, 3), batch)
    found = discounted_returns(run, 0.9).reshape(2, *batch)
    for number, episode in enumerate(run.episodes()):
        paid = episode.rewards[..., :-1]
        expected = (paid * 0.9 ** torch.arange(paid.shape[-1])).sum(-1)
        torch.testing.assert_close(found[number], expected)
