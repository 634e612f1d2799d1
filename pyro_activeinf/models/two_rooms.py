"""Two rooms as generative programs: of a walk, and of the legs of a way."""

from __future__ import annotations

from typing import Any, cast

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ..records import Belief
from .base import GenerativeModel
from .grid_world import MOVES, GridWorld
from .preferences import LogPreferences

MAP = """
SSSS#....
SSSS....G
SSSS#....
"""
COLUMNS = 9
WEST, DOOR, EAST, GOAL = range(4)  # where one may be
AIMS = ((2, 0), (1, 4), (1, 8))  # cells to walk to: a corner of the western room, door, goal
ARRIVED = (WEST, DOOR, GOAL)  # where one is then
LEGS = {(WEST, 0), (WEST, 1), (DOOR, 0), (DOOR, 1), (DOOR, 2), (EAST, 1), (EAST, 2), (GOAL, 2)}


def rooms(noise: float = 0.1, reward_scale: float = 8.0) -> GridWorld:
    """Both rooms in one model without levels: that of ``pyro_activeinf/TwoRooms-v0``."""
    return GridWorld.from_text(MAP, noise=noise, reward_scale=reward_scale)


class RoomWalk(GenerativeModel):
    """A walk to a cell that the level above wishes: the lower level of two rooms.

    State sites: ``location``, and ``aim`` (which of :data:`AIMS` the walk leads to), both of which
    the level above predicts; observation sites: ``position`` (which is wished) and ``reward``.
    Moves are those of :class:`GridWorld`.

    Args:
        noise: probability that a move fails.

    Example:
        >>> [tuple(a.shape) for a in RoomWalk().to_arrays().B]  # of location and aim
        [(27, 27, 4), (3, 3, 1)]
    """

    actions = gym.spaces.Discrete(len(MOVES))

    def __init__(self, noise: float = 0.1) -> None:
        super().__init__()
        self.rooms = rooms(noise)
        self.register_buffer("indifferent", torch.zeros(len(self.rooms.start)))

    def initial(self) -> tuple[Tensor, Tensor]:
        """Anywhere in the western room, with any aim."""
        location = self.rooms.initial()
        any_aim = torch.ones(len(AIMS)).to(self.indifferent)
        return location, pyro.sample("aim", dist.Categorical(any_aim))

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        """A move that may fail; the aim stays."""
        location = self.rooms.transition(state[0], action)
        stays = torch.eye(len(AIMS)).to(self.indifferent)[state[1]]
        return location, pyro.sample("aim", dist.Categorical(stays))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        """What the sensor says, and whether this is the goal."""
        self.rooms.observe(state[0])

    def prefer(self) -> None:
        """No cell rather than another, but for what the level above wishes."""
        pyro.sample("position", LogPreferences(self.indifferent))


class RoomLegs(GenerativeModel):
    """The way as legs from place to place: the upper level of two rooms.

    State sites: ``origin``, where the present leg began (western room, door, eastern room, goal),
    and ``target``, where it leads to (a corner of the western room, the door, the goal), which is
    the last action. Observation sites: ``location`` and ``aim`` (where the level below begins, and
    what for) and ``position``, what is wished of it.

    Args:
        arrives: probability that a leg that can be walked ends at its target.
        focus: probability of the target among the cells that are wished.
        reward_scale: log-preference of beginning at the goal, in nats.

    Example:
        >>> [tuple(a.shape) for a in RoomLegs().to_arrays().A]  # of location, aim and position
        [(27, 4), (3, 3), (27, 3)]
    """

    actions = gym.spaces.Discrete(len(AIMS))

    def __init__(
        self, arrives: float = 0.9, focus: float = 0.99, reward_scale: float = 3.0
    ) -> None:
        super().__init__()
        inside = _inside()
        anywhere = inside.any(0) / inside.any(0).sum()
        aimed = torch.eye(inside.shape[-1])[_cells()]
        self.register_buffer("places", 0.9 * inside / inside.sum(-1, True) + 0.1 * anywhere)
        self.register_buffer("wished", focus * aimed + (1 - focus) * anywhere)
        self.register_buffer("arrival", _arrival(arrives))
        self.register_buffer("preference", reward_scale * aimed[-1])

    def initial(self) -> tuple[Tensor, Tensor]:
        """In the western room, on the way to the door."""
        start = self.places.new_tensor([1.0, 0.0, 0.0, 0.0])
        origin = pyro.sample("origin", dist.Categorical(start))
        door = self.places.new_tensor([0.0, 1.0, 0.0])
        return origin, pyro.sample("target", dist.Categorical(door))

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        """One begins where the last leg ended, and goes where one wants."""
        origin = pyro.sample("origin", dist.Categorical(self.arrival[state]))
        return origin, pyro.sample("target", dist.Categorical(self._aims()[action]))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        """Where the walk begins, what for, and where it is wished to lead."""
        origin, target = state
        pyro.sample("location", dist.Categorical(self.places[origin]))
        pyro.sample("aim", dist.Categorical(self._aims()[target]))
        pyro.sample("position", dist.Categorical(self.wished[target]))

    def prefer(self) -> None:
        """To be at the goal."""
        pyro.sample("location", LogPreferences(self.preference))

    def _aims(self) -> Tensor:
        return torch.eye(len(AIMS)).to(self.places)


def next_to_aim(belief: Belief) -> Tensor:
    """Whether the next move may reach what a walk aims at: it ends there, ``(*batch)``."""
    location, aim = (cast("Any", belief.marginals[name]).probs for name in ("location", "aim"))
    near = _near().to(location.device)
    return near[aim.argmax(-1), location.argmax(-1)]


def _cells() -> Tensor:
    """The number of the cell that each walk aims at."""
    return torch.tensor([row * COLUMNS + column for row, column in AIMS])


def _near() -> Tensor:
    """Which cells are beside what is aimed at, ``(aims, cells)``."""
    rows, columns = torch.arange(3 * COLUMNS) // COLUMNS, torch.arange(3 * COLUMNS) % COLUMNS
    aims = torch.tensor(AIMS)
    return (rows - aims[:, :1]).abs() + (columns - aims[:, 1:]).abs() == 1


def _inside() -> Tensor:
    """Which cells belong to each place, ``(places, cells)``."""
    symbols = "".join(MAP.split())
    columns = torch.arange(len(symbols)) % COLUMNS
    door = torch.arange(len(symbols)) == _cells()[1]
    goal = torch.tensor([symbol == "G" for symbol in symbols])
    middle = AIMS[1][1]
    return torch.stack([columns < middle, door, (columns > middle) & ~goal, goal])


def _arrival(arrives: float) -> Tensor:
    """p(origin' | origin, target), ``(4, 3, 4)``: one has arrived, or is anywhere."""
    table = torch.full((4, len(AIMS), 4), (1 - arrives) / 4)
    for origin in range(4):
        for aim, place in enumerate(ARRIVED):
            table[origin, aim, place if (origin, aim) in LEGS else origin] += arrives
    return table
