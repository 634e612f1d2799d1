"""The controls of an action: their names, sizes, and the choices made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..records import Trajectory
from ._canvas import Array, Labels, array, require_labels


@dataclass(frozen=True)
class Control:
    """One control of the action over the steps of a trajectory."""

    name: str  # action, or action_0, .. where there are several
    taken: Array  # (time,): -1 where no action was taken
    probs: Array  # (time, choices)

    @property
    def title(self) -> str:
        """The name in a figure."""
        return self.name.replace("_", " ")

    @property
    def size(self) -> int:
        """Number of choices."""
        return self.probs.shape[-1]


def controls_of(trajectory: Trajectory) -> list[Control]:
    """The controls of a trajectory of one agent."""
    number = trajectory.action_probs.dim() - 1
    taken = trajectory.actions.reshape(-1, number)
    found = []
    for f, name in enumerate(control_names(number)):
        others = [1 + g for g in range(number) if g != f]
        probs = trajectory.action_probs.sum(others) if others else trajectory.action_probs
        found.append(Control(name, array(taken[:, f]), array(probs)))
    return found


def control_names(number: int) -> list[str]:
    """What the controls of an action are called.

    Example:
        >>> control_names(1), control_names(2)
        (['action'], ['action_0', 'action_1'])
    """
    return ["action"] if number == 1 else [f"action_{f}" for f in range(number)]


def action_labels(labels: Labels, sizes: Sequence[int]) -> Labels:
    """Those of some labels that name choices of a control; others may be of sites.

    Raises:
        ValueError: for an action that is not there, or too few labels.
    """
    names = control_names(len(sizes))
    found = {name: texts for name, texts in labels.items() if name.startswith("action")}
    require_labels(found, list(zip(names, sizes, strict=True)))
    return found


def policy_texts(policies: Tensor, labels: Labels) -> list[str]:
    """Write policies ``(policies, time[, controls])`` with the names of their actions.

    Example:
        >>> import torch
        >>> policy_texts(torch.tensor([[0, 1]]), {"action": ["stay", "go"]})
        ['stay → go']
        >>> policy_texts(torch.tensor([[[0, 1], [1, 1]]]), {})
        ['0,1-1,1']
    """
    steps = policies if policies.dim() == 3 else policies.unsqueeze(-1)
    names = [labels.get(name) for name in control_names(steps.shape[-1])]
    arrow = " → " if any(names) else "-"
    return [
        arrow.join(_action_text(action, names) for action in policy) for policy in steps.tolist()
    ]


def _action_text(action: Sequence[int], names: Sequence[Sequence[str] | None]) -> str:
    texts = (
        str(choice) if known is None else known[choice]
        for choice, known in zip(action, names, strict=True)
    )
    return ",".join(texts)
