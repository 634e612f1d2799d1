"""Two rooms by levels and flat, in a small size."""

import json
from pathlib import Path

import pytest
import torch

from pyro_activeinf.bench import two_rooms
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import rooms
from pyro_activeinf.planning import OpenLoop


def test_levels_reach_the_goal_and_score_few_policies(tmp_path: Path) -> None:
    found = two_rooms.walk("levels", episodes=3)
    assert found.share.rate == 1.0
    assert found.scored == [pytest.approx(1024 * moves, rel=0.01) for moves in found.moves]
    other = two_rooms.Walked("flat", [True, False], [9, 14], [9 * 4**9, 14 * 4**9])
    assert other.per_move / found.per_move > 50
    two_rooms.figure_of([found, other]).savefig(tmp_path / "two_rooms.png")
    assert (tmp_path / "two_rooms.png").stat().st_size > 10_000


def test_plans_are_remembered_as_they_were_made() -> None:
    filter = ExactFilter(rooms())
    start = filter.initial((2,))
    seen = filter.update(start, {"position": torch.tensor([11, 2])})
    planner = OpenLoop(3)
    remembering = two_rooms.Remembering(planner)
    for belief in (seen, seen.reshape(2, 1)):
        expected = planner(filter, belief)
        torch.testing.assert_close(remembering(filter, belief).action_probs, expected.action_probs)


def test_results_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_rooms, "REACH", 4)
    assert [one.walker for one in two_rooms.run(tmp_path, episodes=2)] == ["levels", "flat"]
    kept = json.loads((tmp_path / "two_rooms.json").read_text())
    assert [len(one["reached"]) for one in kept] == [2, 2]
    assert kept[1]["scored"] == [moves * 4**4 for moves in kept[1]["moves"]]
