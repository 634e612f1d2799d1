"""Moving beliefs by actions: one matrix product for each action that occurs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .._checks import complain, in_range, whole_numbers
from ..compile import whole

Apply = Callable[[Tensor, Tensor], Tensor]


def action_index(controls: Sequence[int], action: Any, device: torch.device) -> Tensor:
    """Actions as positions in the flattened action space, ``(*batch)`` (last control fastest).

    Raises:
        ValueError: for an action outside of the space, or one where there is nothing to choose.

    Example:
        >>> action_index([3, 2], [[2, 1], [0, 1]], torch.device("cpu")).tolist()
        [5, 1]
    """
    if not controls:
        if action is not None:
            raise ValueError(complain("action", "None (the model has no actions)", action))
        return torch.zeros((), dtype=torch.long, device=device)
    if action is None:
        raise ValueError(
            complain("action", f"integers, for controls of sizes {list(controls)}", None)
        )
    tensor = whole_numbers("action", action).to(device)
    if len(controls) == 1:
        return in_range("action", tensor, controls[0])
    if tensor.dim() == 0 or tensor.shape[-1] != len(controls):
        raise ValueError(
            complain("action", f"a last dim of {len(controls)} controls", tuple(tensor.shape))
        )
    index = torch.zeros((), dtype=torch.long, device=device)
    for f, size in enumerate(controls):
        index = index * size + in_range(f"action[..., {f}]", tensor[..., f], size)
    return index


def actions_over_time(
    controls: Sequence[int], actions: Any, steps: int, device: torch.device
) -> list[Tensor]:
    """Positions in the flattened action space between steps: ``(*batch)`` each.

    Args:
        actions: ``(*batch, steps - 1)`` or longer, with a last dim for several controls.
        steps: number of observations.

    Raises:
        ValueError: for actions outside of the space, or too few.
    """
    if steps == 1:
        return []
    if not controls:  # there was nothing to choose, whatever was written down
        return [action_index(controls, None, device)] * (steps - 1)
    index = action_index(controls, actions, device)
    if index.dim() == 0 or index.shape[-1] < steps - 1:
        expected = f"at least {steps - 1} time steps (one less than observations)"
        raise ValueError(complain("actions", expected, f"shape {tuple(index.shape)}"))
    return list(index[..., : steps - 1].unbind(-1))


def single_action(controls: Sequence[int], action: Any) -> int | None:
    """A single action of one control, as a number in the space; else ``None``.

    Example:
        >>> single_action([4], torch.tensor(2)), single_action([4], torch.tensor([2]))
        (2, None)
    """
    number = whole(action) if len(controls) == 1 else None
    return number if number is not None and 0 <= number < controls[0] else None


def by_action(beliefs: Tensor, index: Tensor, matrices: Tensor, apply: Apply) -> Tensor:
    """Move beliefs ``(*batch, states)`` by the matrix ``(actions, states, states)`` of each."""
    if index.numel() == 1:
        moved = apply(beliefs, matrices[index.reshape(())])
        return moved.expand(*torch.broadcast_shapes(index.shape, moved.shape[:-1]), -1)
    if index.dim() == 1 and beliefs.dim() > 1 and beliefs.shape[-2] == 1:
        return fan_out(beliefs.squeeze(-2), matrices[index], apply)
    batch = torch.broadcast_shapes(beliefs.shape[:-1], index.shape)
    rows = beliefs.expand(*batch, -1).reshape(-1, beliefs.shape[-1])
    if not rows.numel():
        return beliefs.new_zeros(*batch, beliefs.shape[-1])
    order = torch.argsort(index.expand(batch).reshape(-1), stable=True)
    present, counts = torch.unique(index.expand(batch).reshape(-1), return_counts=True)
    pieces = rows[order].split(counts.tolist())
    moved = torch.cat([apply(x, matrices[u]) for x, u in zip(pieces, present, strict=True)])
    return moved[torch.argsort(order)].reshape(*batch, -1)


def fan_out(beliefs: Tensor, matrices: Tensor, apply: Apply) -> Tensor:
    """Every belief under every action: ``(*batch, states)`` to ``(*batch, actions, states)``."""
    if apply is not torch.matmul:
        return torch.stack([apply(beliefs, matrix) for matrix in matrices], -2)
    side_by_side = matrices.transpose(0, 1).flatten(1)
    return (beliefs @ side_by_side).unflatten(-1, (matrices.shape[0], -1))
