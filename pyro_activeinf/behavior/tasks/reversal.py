"""Probabilistic reversal learning."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..._checks import complain, instance, positive_int
from .base import Task, Trial, check_probability


class Block(NamedTuple):
    """Where subjects stand in a block between two reversals, each ``(subjects,)``."""

    correct: Tensor  # the action that is the better one
    trials: Tensor  # of this block so far
    streak: Tensor  # correct choices in a row so far
    length: Tensor  # of the block, where it was drawn beforehand


class Reversals(ABC):
    """When the better action changes."""

    @abstractmethod
    def lengths(self, subjects: int) -> Tensor:
        """Lengths of new blocks ``(subjects,)``, as far as they are drawn beforehand."""

    @abstractmethod
    def due(self, block: Block) -> Tensor:
        """Whose block is over, ``(subjects,)``."""


@dataclass(frozen=True)
class Every(Reversals):
    """A reversal after so many trials, drawn uniformly from ``least`` to ``most``."""

    least: int = 20
    most: int | None = None  # the same as `least` without it

    def __post_init__(self) -> None:
        """See that the numbers are in order."""
        positive_int("least", self.least)
        if self.most is not None and positive_int("most", self.most) < self.least:
            raise ValueError(complain("most", f"at least {self.least}", self.most))

    def lengths(self, subjects: int) -> Tensor:
        """Drawn anew for each block."""
        most = self.least if self.most is None else self.most
        return torch.randint(self.least, most + 1, (subjects,))

    def due(self, block: Block) -> Tensor:
        """After the trials of the block."""
        return block.trials >= block.length


@dataclass(frozen=True)
class Criterion(Reversals):
    """A reversal after so many correct choices in a row."""

    streak: int = 8

    def __post_init__(self) -> None:
        """See that there is at least one."""
        positive_int("streak", self.streak)

    def lengths(self, subjects: int) -> Tensor:
        """None: subjects decide."""
        return torch.zeros(subjects, dtype=torch.long)

    def due(self, block: Block) -> Tensor:
        """After the streak."""
        return block.streak >= self.streak


@dataclass(frozen=True)
class ReversalLearning(Task):
    """One of several actions is rewarded more often than the others; now and then it is another.

    The outcome is 1 for a reward, 0 for none. The condition ``"correct"`` is the better action,
    ``"reversal"`` is 1 at the first trial of a new block.

    Args:
        good, bad: probability of a reward for the better action, and for the others.
        reversals: when: :class:`Every` or :class:`Criterion`.
        actions: their number; the next better one is drawn among the others.
        site: of the outcome.

    Raises:
        ValueError: for something else than probabilities, or fewer than two actions.

    Reference: R. Cools, L. Clark, A. Owen and T. Robbins (2002), J. Neurosci. 22.

    Example:
        >>> import pyro
        >>> pyro.set_rng_seed(0)
        >>> task = ReversalLearning(good=1.0, bad=0.0, reversals=Every(1))
        >>> trial = task.begin(subjects=3)
        >>> outcome, following = task.step(trial, trial.conditions["correct"])
        >>> outcome["outcome"].tolist(), following.conditions["reversal"].tolist()
        ([1, 1, 1], [1, 1, 1])
    """

    good: float = 0.8
    bad: float = 0.2
    reversals: Reversals = Every(20)
    actions: int = 2
    site: str = "outcome"

    def __post_init__(self) -> None:
        """See that the numbers are what they are taken for."""
        for name in ("good", "bad"):
            check_probability(name, getattr(self, name))
        instance("reversals", self.reversals, Reversals, "when it reverses, such as Every(20)")
        if positive_int("actions", self.actions) < 2:
            raise ValueError(complain("actions", "two or more", self.actions))

    @property
    def num_actions(self) -> int:
        """Number of actions."""
        return self.actions

    def begin(self, subjects: int) -> Trial:
        """Any action is the better one."""
        zeros = torch.zeros(subjects, dtype=torch.long)
        correct = torch.randint(self.actions, (subjects,))
        block = Block(correct, zeros, zeros, self.reversals.lengths(subjects))
        return self._trial(block, zeros, starts=True)

    def step(self, trial: Trial, action: Tensor) -> tuple[dict[str, Tensor], Trial]:
        """A reward or none, and perhaps a reversal."""
        block: Block = trial.state
        right = action == block.correct
        chance = torch.where(right, self.good, self.bad)
        outcome = torch.bernoulli(chance).long()
        streak = torch.where(right, block.streak + 1, 0)
        block = block._replace(trials=block.trials + 1, streak=streak)
        due = self.reversals.due(block)
        moved = self._reversed(block, due)
        return {self.site: outcome}, self._trial(moved, due.long(), starts=False)

    def _reversed(self, block: Block, due: Tensor) -> Block:
        count = len(due)
        other = (block.correct + torch.randint(1, self.actions, (count,))) % self.actions
        zeros = torch.zeros(count, dtype=torch.long)
        fresh = Block(other, zeros, zeros, self.reversals.lengths(count))
        return Block(*(torch.where(due, new, old) for new, old in zip(fresh, block, strict=True)))

    def _trial(self, block: Block, reversal: Tensor, starts: bool) -> Trial:
        every = torch.ones(len(block.correct), dtype=torch.bool)
        conditions = {"correct": block.correct, "reversal": reversal}
        return Trial(block, starts=every & starts, present=every, conditions=conditions)
