"""What is remembered of a draw, and until when."""

from __future__ import annotations

import torch

from pyro_activeinf.flows.memory import Memory


def test_a_draw_is_known_until_something_changes() -> None:
    memory, x, parameter = Memory(), torch.zeros(3), torch.ones(2)
    assert memory.recall(x, [parameter]) is None
    memory.keep(x, x + 1, x.sum(), [parameter])
    assert memory.recall(x, [parameter]).z.tolist() == [1.0, 1.0, 1.0]  # type: ignore[union-attr]
    assert memory.recall(x.clone(), [parameter]) is None
    assert memory.recall(x, [parameter.clone()]) is None
    parameter.add_(1.0)
    assert memory.recall(x, [parameter]) is None


def test_whether_gradients_were_on_is_kept() -> None:
    memory, x = Memory(), torch.zeros(3)
    with torch.no_grad():
        memory.keep(x, x, x, [])
    assert not memory.recall(x, []).attached  # type: ignore[union-attr]
    memory.keep(x, x, x, [])
    assert memory.recall(x, []).attached  # type: ignore[union-attr]
