"""Grid worlds as a generative program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .._checks import complain, positive_int
from ._arguments import Cell, cells, probability
from .base import GenerativeModel
from .preferences import LogPreferences

MOVES = ((0, -1), (1, 0), (0, 1), (-1, 0))  # left, down, right, up, as (row, column)
SYMBOLS = {"#": "walls", "S": "starts", "G": "goals"}


class GridWorld(GenerativeModel):
    r"""Find a goal in a grid with walls, on slippery ground, with a sensor that may be wrong.

    The model of the world ``pyro_activeinf/GridWorld-v0``. State site: ``location``, cells numbered
    row by row from the top left; uniform over the starts at first. Actions: 0 left, 1 down, 2
    right, 3 up. A move succeeds with probability :math:`1 - \epsilon`, and else leaves one where
    one is, as do moves into walls and over the edge; a goal is not left. Observation sites:
    ``position`` (the location with accuracy a, else any other of the N free cells) and ``reward``
    (1 at a goal, else 0):

    .. math::
        p(o^{\text{position}} = c \mid s) = \begin{cases}
            a & c = s \\ (1 - a) / (N - 1) & \text{else,}\end{cases}
        \qquad \log \tilde p(o^{\text{reward}}) = \beta \, o^{\text{reward}}.

    Args:
        rows: number of rows.
        columns: number of columns.
        walls: cells (row, column) that cannot be entered.
        starts: cells where an episode may start.
        goals: cells where it ends; the last cell where left out.
        noise: probability that a move fails.
        accuracy: probability that the sensor is right.
        reward_scale: beta, in nats for each step at a goal.

    Raises:
        ValueError: for a probability outside of [0, 1], a cell outside of the grid or named twice,
            no start or no goal.

    Reference: Sutton and Barto (2018), "Reinforcement learning: an introduction", example 3.5; for
    uncertain starts and sensors, Cassandra, Kaelbling and Kurien (1996), "Acting under
    uncertainty: discrete Bayesian models for mobile-robot navigation".

    Example:
        >>> model = GridWorld.from_text("S.#\n.SG")
        >>> model.to_arrays().D
        [tensor([0.5000, 0.0000, 0.0000, 0.0000, 0.5000, 0.0000])]
    """

    actions = gym.spaces.Discrete(len(MOVES))

    def __init__(
        self,
        rows: int = 4,
        columns: int = 4,
        walls: Iterable[Sequence[int]] = (),
        starts: Iterable[Sequence[int]] = ((0, 0),),
        goals: Iterable[Sequence[int]] | None = None,
        noise: float = 0.0,
        accuracy: float = 1.0,
        reward_scale: float = 1.0,
    ) -> None:
        super().__init__()
        sizes = self.sizes = (positive_int("rows", rows), positive_int("columns", columns))
        self.walls = cells("walls", walls, sizes)
        self.starts = cells("starts", starts, sizes)
        self.goals = cells("goals", [(rows - 1, columns - 1)] if goals is None else goals, sizes)
        _check_apart(self.walls, self.starts, self.goals)
        self.noise, self.accuracy = probability("noise", noise), probability("accuracy", accuracy)
        self.reward_scale = reward_scale
        self.register_buffer("start", self._marked(self.starts) / len(self.starts))
        self.register_buffer("reached", self._marked(self.goals).long())
        self.register_buffer("moved", self._moved())
        self.register_buffer("sensed", self._sensed())

    @classmethod
    def from_text(cls, text: str, **arguments: Any) -> Self:
        """The model of a map: a line for each row; ``#`` a wall, ``S`` a start, ``G`` a goal.

        Args:
            text: the map; ``.`` stands for the other free cells.
            arguments: the others of the constructor.

        Raises:
            ValueError: for a map without lines, lines of different lengths, or another symbol.
        """
        lines = text.split()
        if len({len(line) for line in lines}) != 1 or set("".join(lines)) - {*SYMBOLS, "."}:
            raise ValueError(
                complain("text", f"lines of one length, of '.' and {list(SYMBOLS)}", repr(text))
            )
        letters = np.array([list(line) for line in lines])
        places: dict[str, Any] = {
            name: np.argwhere(letters == symbol) for symbol, name in SYMBOLS.items()
        }
        return cls(rows=len(lines), columns=len(lines[0]), **places, **arguments)

    def initial(self) -> Tensor:
        """One of the starts."""
        return pyro.sample("location", dist.Categorical(self.start))

    def transition(self, location: Tensor, action: Tensor) -> Tensor:
        """A move that may fail."""
        there = self._eye()[self.moved[location, action]]
        probs = (1 - self.noise) * there + self.noise * self._eye()[location]
        return pyro.sample("location", dist.Categorical(probs))

    def observe(self, location: Tensor) -> None:
        """What the sensor says, and whether this is a goal."""
        pyro.sample("position", dist.Categorical(self.sensed[location]))
        rewarded = torch.eye(2).to(self.start)[self.reached[location]]
        pyro.sample("reward", dist.Categorical(rewarded))

    def prefer(self) -> None:
        """To be at a goal."""
        pyro.sample("reward", LogPreferences(self.start.new_tensor([0.0, self.reward_scale])))

    def _moved(self) -> Tensor:
        """Where a move that succeeds leads, ``(cells, actions)``."""
        moved = torch.arange(self.sizes[0] * self.sizes[1]).unsqueeze(-1).repeat(1, len(MOVES))
        for row, column in np.ndindex(self.sizes):
            for action, (down, right) in enumerate(MOVES):
                there = (row + down, column + right)
                if self._is_free(there) and (row, column) not in self.goals:
                    moved[self._index((row, column)), action] = self._index(there)
        return moved

    def _sensed(self) -> Tensor:
        """p(position | location), ``(cells, cells)``; in a wall, where nothing is, it is seen."""
        free = 1 - self._marked(self.walls)
        others = (1 - self.accuracy) / (free.sum() - 1)
        noisy = others * free.expand(len(free), -1)
        right = torch.diag_embed(torch.full_like(free, self.accuracy))
        eye = torch.eye(len(free))
        return torch.where(free.bool()[:, None], torch.where(eye.bool(), right, noisy), eye)

    def _marked(self, places: Iterable[Cell]) -> Tensor:
        marked = torch.zeros(self.sizes)
        for place in places:
            marked[place] = 1.0
        return marked.flatten()

    def _is_free(self, cell: Cell) -> bool:
        inside = 0 <= cell[0] < self.sizes[0] and 0 <= cell[1] < self.sizes[1]
        return inside and cell not in self.walls

    def _index(self, cell: Cell) -> int:
        return cell[0] * self.sizes[1] + cell[1]

    def _eye(self) -> Tensor:
        return torch.eye(len(self.start)).to(self.start)


def _check_apart(walls: Sequence[Cell], starts: Sequence[Cell], goals: Sequence[Cell]) -> None:
    for argument, places in (("starts", starts), ("goals", goals)):
        if not places:
            raise ValueError(complain(argument, "at least one cell", "none"))
    for argument, places, others in (
        ("starts", starts, walls),
        ("starts", starts, goals),
        ("goals", goals, walls),
    ):
        both = sorted(set(places) & set(others))
        if both:
            raise ValueError(complain(argument, "cells that are nothing else", both))
