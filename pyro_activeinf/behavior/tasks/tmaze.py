"""The T-maze, run after run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..._checks import positive_int
from .base import Task, Trial, check_probability

CENTER, LEFT, RIGHT, CUE = range(4)
NOTHING, REWARD, LOSS = range(3)


class Run(NamedTuple):
    """Where subjects are in a run, each ``(subjects,)``."""

    context: Tensor  # 0 the reward is left, 1 it is right
    location: Tensor
    moves: Tensor  # made so far


@dataclass(frozen=True)
class TMaze(Task):
    """Runs in the world of :class:`pyro_activeinf.envs.TMaze`; each run is a session of its own.

    Every run begins at the center, which is shown as its cue; each of its moves is a choice, a
    row of :class:`~.Choices`. Sites are ``"position"`` and ``"reward"``, as in
    :class:`pyro_activeinf.models.TMaze`. The condition ``"correct"`` is the baited arm, which may
    change from run to run.

    Args:
        validity: probability of the reward in the baited arm, and of the loss in the other.
        moves: of a run.
        left: probability that the reward is on the left.

    Raises:
        ValueError: for something else than probabilities, or no move.

    Example:
        >>> import pyro
        >>> pyro.set_rng_seed(0)
        >>> task = TMaze()
        >>> trial = task.begin(subjects=2)
        >>> trial.cue["position"].tolist(), trial.starts.tolist()
        ([0, 0], [True, True])
        >>> outcome, trial = task.step(trial, torch.tensor([3, 3]))  # to the cue
        >>> bool((outcome["position"] == 2 + trial.conditions["correct"]).all())
        True
        >>> task.step(trial, trial.conditions["correct"])[1].starts.tolist()
        [True, True]
    """

    validity: float = 0.98
    moves: int = 2
    left: float = 0.5

    def __post_init__(self) -> None:
        """See that the numbers are what they are taken for."""
        for name in ("validity", "left"):
            check_probability(name, getattr(self, name))
        positive_int("moves", self.moves)

    @property
    def num_actions(self) -> int:
        """Center, left, right, cue."""
        return 4

    def begin(self, subjects: int) -> Trial:
        """The first run."""
        return _trial(self._run(subjects))

    def step(self, trial: Trial, action: Tensor) -> tuple[dict[str, Tensor], Trial]:
        """Move, unless in an arm; after the last move another run begins."""
        run: Run = trial.state
        held = (run.location == LEFT) | (run.location == RIGHT)
        location = torch.where(held, run.location, action)
        seen = {
            "position": torch.where(location == CUE, CUE + run.context, location),
            "reward": self._reward(run.context, location),
        }
        moved = Run(run.context, location, run.moves + 1)
        over = moved.moves >= self.moves
        fresh = self._run(len(action))
        both = zip(fresh, moved, strict=True)
        return seen, _trial(Run(*(torch.where(over, new, old) for new, old in both)))

    def _run(self, subjects: int) -> Run:
        zeros = torch.zeros(subjects, dtype=torch.long)
        context = torch.bernoulli(torch.full((subjects,), 1 - self.left)).long()
        return Run(context, zeros, zeros)

    def _reward(self, context: Tensor, location: Tensor) -> Tensor:
        valid = torch.bernoulli(torch.full(context.shape, self.validity)).bool()
        found = torch.where(valid == (location == LEFT + context), REWARD, LOSS)
        in_arm = (location == LEFT) | (location == RIGHT)
        return torch.where(in_arm, found, NOTHING)


def _trial(run: Run) -> Trial:
    first = run.moves == 0
    shown = torch.where(first, 0, -1)  # center and nothing; later moves have no cue
    return Trial(
        state=run,
        starts=first,
        present=torch.ones_like(first),
        cue={"position": shown, "reward": shown},
        conditions={"correct": LEFT + run.context},
    )
