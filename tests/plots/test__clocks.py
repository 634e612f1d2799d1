"""When levels step on, from counted ticks."""

from dataclasses import replace

import torch

from pyro_activeinf.plots._clocks import clocks
from pyro_activeinf.records import LevelMessages
from tests.plots.trajectories import made


def test_a_level_steps_on_where_the_one_below_begins_anew() -> None:
    none = torch.zeros(9, 2)
    low = torch.tensor([1, 2, 1, 2, 3, 1, 1, 2, 1])  # the second life begins at row 6
    middle = torch.tensor([1, 1, 2, 2, 2, 1, 1, 1, 2])
    passed = {
        1: LevelMessages(("a",), (2,), low, none, none),
        2: LevelMessages(("b",), (2,), middle, none, none),
    }
    first, second, third = clocks(replace(made((6, 3)), messages=passed))

    assert first.starts.tolist() == list(range(9))
    assert first.anew.tolist() == [0, 2, 5, 6, 8]
    assert second.starts.tolist() == [0, 2, 5, 6, 8]
    assert second.numbers.tolist() == [0, 1, 0, 0, 1]
    assert second.anew.tolist() == [0, 5, 6]
    assert second.ends.tolist() == [1, 4, 5, 7, 8]
    assert third.starts.tolist() == [0, 5, 6]
    assert third.numbers.tolist() == [0, 1, 0]
    assert third.anew.tolist() == [0, 6]
    assert first.marks(3) == {0: "0", 3: "1", 6: "0"}
