"""The memory of transitions."""

from __future__ import annotations

import math

import pytest
import torch

from pyro_activeinf.learning import Replay, Transitions


def numbered(first: int, count: int) -> Transitions:
    rows = torch.arange(first, first + count, dtype=torch.get_default_dtype())
    return Transitions(rows[:, None], rows.long() % 2, rows[:, None] + 1)


@pytest.mark.parametrize("pieces", [[1] * 23, [7, 7, 9], [23], [3, 20]])
def test_the_latest_are_kept_and_memory_does_not_grow(pieces: list[int]) -> None:
    replay, first = Replay(10), 0
    for count in pieces:
        assert replay.add(numbered(first, count)) == min(count, 10)
        first += count
        held = replay.state_dict()["held"]
        assert [x.shape[0] for x in held] == [10, 10, 10]
    rows = replay.all()
    assert sorted(rows.before.flatten().tolist()) == list(range(13, 23))
    assert torch.equal(rows.after, rows.before + 1)
    assert torch.equal(rows.action, rows.before.flatten().long() % 2)


def test_rows_with_missing_values_are_left_out() -> None:
    replay = Replay(10)
    after = torch.tensor([[1.0], [math.nan], [3.0]])
    assert replay.add(Transitions(torch.ones(3, 1), torch.zeros(3), after)) == 2
    assert replay.all().after.flatten().tolist() == [1.0, 3.0]


def test_draws_are_even_and_of_whole_transitions() -> None:
    replay = Replay(5)
    replay.add(numbered(0, 4))
    drawn = replay.draw((3, 4000))
    assert drawn.before.shape == (3, 4000, 1)
    assert drawn.action.shape == (3, 4000)
    assert torch.equal(drawn.after, drawn.before + 1)
    counts = drawn.before.flatten().long().bincount(minlength=4) / 12_000
    assert float((counts - 0.25).abs().max()) < 0.02


def test_it_goes_on_from_its_state() -> None:
    replay, again = Replay(4), Replay(4)
    replay.add(numbered(0, 3))
    again.load_state_dict(replay.state_dict())
    for each in (replay, again):
        each.add(numbered(3, 2))
    assert torch.equal(replay.all().before, again.all().before)
    assert again.seen == 5
    with pytest.raises(ValueError, match="`capacity`"):
        Replay(5).load_state_dict(replay.state_dict())


def test_an_empty_one_says_so() -> None:
    with pytest.raises(ValueError, match="`replay`"):
        Replay(4).draw((2,))
    with pytest.raises(ValueError, match="`capacity`"):
        Replay(0)
