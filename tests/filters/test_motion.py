"""Moving beliefs by actions."""

import pytest
import torch

from pyro_activeinf import ops
from pyro_activeinf.filters.motion import action_index, by_action

MATRICES = torch.tensor(
    [[[0.9, 0.1], [0.0, 1.0]], [[0.2, 0.8], [0.5, 0.5]], [[0.0, 1.0], [1.0, 0.0]]]
)


def one_by_one(beliefs: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    batch = torch.broadcast_shapes(beliefs.shape[:-1], index.shape)
    rows = beliefs.expand(*batch, 2).reshape(-1, 2)
    moves = index.expand(batch).reshape(-1)
    moved = [row @ MATRICES.double()[u] for row, u in zip(rows, moves, strict=True)]
    return torch.stack(moved).reshape(*batch, 2)


@pytest.mark.parametrize(
    ("batch", "index"),
    [
        ((), 1),
        ((5,), 2),
        ((), [0, 2]),
        ((4,), [0, 2, 2, 1]),
        ((3, 1), [0, 1, 2, 1]),
        ((2, 3), [[1], [0]]),
        ((3, 1), [[2], [0], [1]]),
    ],
)
@pytest.mark.parametrize("log", [False, True])
def test_agrees_with_one_product_at_a_time(
    batch: tuple[int, ...], index: object, log: bool
) -> None:
    beliefs = torch.rand(*batch, 2)
    beliefs = beliefs / beliefs.sum(-1, keepdim=True)
    where = torch.tensor(index)
    expected = one_by_one(beliefs, where)
    matrices = MATRICES.double()
    if log:
        found = by_action(beliefs.log(), where, matrices.log(), ops.log_vecmat).exp()
    else:
        found = by_action(beliefs, where, matrices, torch.matmul)
    torch.testing.assert_close(found, expected)


def test_actions_of_several_controls_are_flattened() -> None:
    cpu = torch.device("cpu")
    assert action_index([2, 3], torch.tensor([[1, 2], [0, 1]]), cpu).tolist() == [5, 1]
    for wrong in ([1, 3], [2, 0], 1, [[1, 2, 0]]):
        with pytest.raises(ValueError, match="`action"):
            action_index([2, 3], torch.tensor(wrong), cpu)
    with pytest.raises(ValueError, match="no actions"):
        action_index([], 0, cpu)
