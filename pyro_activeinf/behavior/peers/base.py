"""What peers have in common: they follow rewards, and cues do not matter to them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from ..._checks import complain, instance
from ..chooser import Anew, State


@dataclass(frozen=True, kw_only=True)
class RewardFollower(Anew):
    """A chooser whose state is moved by its own actions and their rewards alone.

    Each session begins anew. What a missing reward means is for each to say.
    """

    actions: int = 2
    reward: str = "outcome"  # the site of r
    utilities: tuple[float, ...] = ()
    # r of each value of an integer outcome; without them, the outcome is r itself

    @property
    def num_actions(self) -> int:
        """Number of actions to choose from."""
        return self.actions

    def restart(self, state: State) -> State:
        """Another session begins as the first did."""
        return pytree.tree_map(lambda new, old: new.expand_as(old), self.initial(), state)

    def perceive(self, state: State, cue: Mapping[str, Tensor]) -> State:
        """Cues do not matter."""
        return state

    def learn(self, state: State, action: Tensor, outcome: Mapping[str, Tensor]) -> State:
        """Read the reward, and follow it.

        Raises:
            ValueError: where the outcome does not have the site of the reward.
        """
        return self.follow(state, action, *self.rewarded(outcome))

    def rewarded(self, outcome: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Rewards, 0 where they are missing, and whether they are known: of any shape."""
        if self.reward not in outcome:
            got = f"sites {sorted(outcome)}"
            way_out = "Name the site: reward='..'."
            raise ValueError(complain("reward", f"a site {self.reward!r}", got, way_out))
        seen = outcome[self.reward]
        known = ~seen.isnan() if seen.is_floating_point() else seen >= 0
        return self._rewards(seen), known

    def _rewards(self, seen: Tensor) -> Tensor:
        """Rewards of what was seen; 0 where that is missing."""
        dtype = torch.get_default_dtype()
        if not self.utilities:
            low = torch.nan_to_num(seen) if seen.is_floating_point() else seen.clamp(min=0)
            return low.to(dtype)
        table = torch.tensor(self.utilities, dtype=dtype, device=seen.device)
        return table[seen.nan_to_num(-1.0).long().clamp(min=0)] * (seen >= 0)

    @abstractmethod
    def follow(self, state: State, action: Tensor, reward: Tensor, known: Tensor) -> State:
        """After an action and its reward ``(*batch)``, 0 where it is not ``known`` ``(*batch)``."""


def check_tensors(person: Any, *required: str) -> None:
    """Raise ``TypeError`` where fields of persons that hold tensors hold something else.

    Args:
        person: a frozen dataclass.
        required: fields that have to be there; others of type ``Tensor | None`` may be ``None``.
    """
    for each in fields(person):
        value = getattr(person, each.name)
        optional = each.type == "Tensor | None" and value is None
        if (each.name in required or each.type == "Tensor | None") and not optional:
            way_out = "Write torch.tensor(..)."
            instance(each.name, value, Tensor, "a tensor over persons (*batch)", way_out)


def check_actions(actions: int, least: int = 2) -> None:
    """Raise ``ValueError`` unless there are so many actions."""
    if isinstance(actions, bool) or not isinstance(actions, int) or actions < least:
        raise ValueError(complain("actions", f"an integer of at least {least}", repr(actions)))


def together(*fields: Tensor | None) -> tuple[int, ...]:
    """The batch shape of scalar fields ``(*batch)``, those that are there."""
    shapes = [field.shape for field in fields if field is not None]
    return tuple(torch.broadcast_shapes(*shapes))


def by_trial(values: Tensor, batch_dims: int) -> Tensor:
    """From ``(subjects, trials)`` to ``(trials, *batch)``, for persons with so many batch dims."""
    return values.T.reshape(values.shape[1], *[1] * (batch_dims - 1), values.shape[0])


def marked(action: Tensor, actions: int, like: Tensor) -> Tensor:
    """1 for the action, 0 for the others, ``(*batch, actions)``."""
    return (action.unsqueeze(-1) == torch.arange(actions)).to(like)  # one_hot cannot be traced
