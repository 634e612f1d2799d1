"""RockSample as a generative program."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .._checks import complain, positive, positive_int
from ._arguments import Cell, cells, numbers
from .base import GenerativeModel
from .preferences import LogPreferences

State = tuple[Tensor, tuple[Tensor, ...]]

MOVES = ((0, 1), (1, 0), (0, -1), (-1, 0))  # north, east, south, west, as (x, y)
SAMPLE = len(MOVES)
CHECK = SAMPLE + 1  # the first rock; the others follow
NOTHING, GOOD_ROCK, BAD_ROCK, EXIT = range(4)
BAD, GOOD = range(2)
NO_ROCK = -1


@dataclass(frozen=True)
class Layout:
    """Where the rover starts and the rocks lie, as (x, y), and how far the sensor reaches."""

    start: Cell
    rocks: tuple[Cell, ...]
    half_distance: float = 20.0


LAYOUTS = {
    (4, 4): Layout((0, 2), ((3, 1), (2, 1), (1, 3), (1, 0)), math.log(2)),
    (5, 5): Layout((0, 2), ((2, 4), (0, 4), (3, 3), (2, 2), (4, 1)), 4.0),
    (5, 7): Layout((0, 2), ((1, 0), (2, 1), (1, 2), (2, 2), (4, 2), (0, 3), (3, 4))),
    (7, 8): Layout((0, 3), ((2, 0), (0, 1), (3, 1), (6, 3), (2, 4), (3, 4), (5, 5), (1, 6))),
}


def layout(n: int, k: int) -> Layout:
    """The layout of the world ``pyro_activeinf/RockSample-v0``."""
    if (n, k) in LAYOUTS:
        return LAYOUTS[n, k]
    if k > n * n:
        raise ValueError(complain("k", f"at most {n * n} rocks on {n} x {n} cells", k))
    drawn = np.random.default_rng([n, k]).choice(n * n, k, replace=False)
    return Layout((0, n // 2), tuple((int(i) % n, int(i) // n) for i in drawn))


class RockSample(GenerativeModel):
    r"""A rover on an n x n grid with k rocks of known places; each is good or bad.

    The model of the world ``pyro_activeinf/RockSample-v0``, which says what happens. Outcomes
    depend on the state alone, so the state has to remember what the last action brought. That is
    part of where the rover is, because a sample is taken only where a rock lies, and the exit lies
    only outside: for n = k = 4, this makes 672 joint states. State sites:

    - ``rock_1``, ``rock_2``, ..: 0 bad, 1 good;
    - ``rover``: with c = x + n y the cell, c after a move, or a check that read good (n² values);
      n² + c after a check that read bad (n²); then just after a sample of a good rock (k) or of a
      bad one (k), just after the exit (1), and ever after (1).

    The reading is thus drawn in the transition, with the sensor's noise: what it says of a rock is
    a correlation between sites, which an exact filter keeps and a factorized one drops. Observation
    sites: ``position`` (the cell; n² outside), ``reading`` (0 good, 1 bad), ``outcome`` (0 nothing,
    1 a good rock, 2 a bad rock, 3 the exit). Outcomes are preferred in proportion to their rewards,

    .. math:: \log \tilde p(o^{\text{outcome}}) = \beta \, r(o^{\text{outcome}}),

    so that pragmatic value is expected return times ``reward_scale``.

    Args:
        n: number of rows and of columns.
        k: number of rocks.
        rocks: their cells (x, y), k of them; by default as in the world, for n and k.
        start: the rover's first cell.
        half_distance: the distance, in cells, at which the sensor's efficiency is 1/2.
        rewards: for a sample of a good rock, of a bad rock, and the exit.
        reward_scale: beta, nats per unit of reward.

    Raises:
        ValueError: for a count below 1, a cell outside of the grid or named twice, another number
            of rocks than k, or a distance that is not above 0.

    Reference: Smith and Simmons (2004), "Heuristic search value iteration for POMDPs", UAI.

    Example:
        >>> model = RockSample(3, 2, rocks=[(1, 1), (2, 2)])
        >>> [tuple(d.shape) for d in model.to_arrays().D], model.actions
        ([(2,), (2,), (24,)], Discrete(7))
    """

    def __init__(
        self,
        n: int = 4,
        k: int = 4,
        rocks: Iterable[Sequence[int]] | None = None,
        start: Sequence[int] | None = None,
        half_distance: float | None = None,
        rewards: Sequence[float] = (10.0, -10.0, 10.0),
        reward_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.n, self.k = positive_int("n", n), positive_int("k", k)
        given = layout(n, k) if rocks is None else _placed(rocks, n, k)
        self.rocks = given.rocks
        self.start = given.start if start is None else cells("start", [start], (n, n))[0]
        self.half_distance = positive(
            "half_distance", given.half_distance if half_distance is None else half_distance
        )
        self.actions = gym.spaces.Discrete(CHECK + k)
        worth = numbers("rewards", rewards, ("good rock", "bad rock", "exit"))
        self.register_buffer("rewards", torch.cat([worth.new_zeros(1), worth]))
        self.reward_scale = reward_scale
        self._register_tables()

    def initial(self) -> State:
        """Every rock is good or bad with equal probability; the rover is at the start."""
        even = self.rewards.new_full((2,), 0.5)
        rocks = tuple(pyro.sample(name, dist.Categorical(even)) for name in self._rock_names)
        start = self._eye(self._size)[self._cell_index(self.start)]
        return pyro.sample("rover", dist.Categorical(start)), rocks

    def transition(self, state: State, action: Tensor) -> State:
        """A sampled rock turns bad; what becomes of the rover depends on one rock at most."""
        rover, before = state
        asked = self.asked[rover, action]
        rocks = []
        for i, (name, rock) in enumerate(zip(self._rock_names, before, strict=True)):
            taken = (asked == i) & (action == SAMPLE)
            after = torch.where(taken, BAD, rock)
            rocks.append(pyro.sample(name, dist.Categorical(self._eye(2)[after])))
        quality = sum(torch.where(asked == i, rock, BAD) for i, rock in enumerate(before))
        rover = pyro.sample("rover", dist.Categorical(self.moves[rover, action, quality]))
        return rover, tuple(rocks)

    def observe(self, state: State) -> None:
        """Where the rover is, and what its last action brought: all of it noted in its state."""
        rover, _ = state
        pyro.sample("position", dist.Categorical(self._eye(self.n**2 + 1)[self.position[rover]]))
        pyro.sample("reading", dist.Categorical(self._eye(2)[self.reading[rover]]))
        pyro.sample("outcome", dist.Categorical(self._eye(4)[self.outcome[rover]]))

    def prefer(self) -> None:
        """Outcomes, in proportion to their rewards."""
        pyro.sample("outcome", LogPreferences(self.reward_scale * self.rewards))

    @property
    def _rock_names(self) -> list[str]:
        return [f"rock_{i + 1}" for i in range(self.k)]

    @property
    def _size(self) -> int:
        return 2 * (self.n**2 + self.k + 1)

    def _register_tables(self) -> None:
        """What the values of ``rover`` mean, and p(rover' | rover, action, quality of a rock)."""
        area, k, outside = self.n**2, self.k, self.n**2
        at_rocks = [self._cell_index(rock) for rock in self.rocks]
        position = [*range(area), *range(area), *at_rocks, *at_rocks, outside, outside]
        outcome = [NOTHING] * 2 * area + [GOOD_ROCK] * k + [BAD_ROCK] * k + [EXIT, NOTHING]
        self.register_buffer("position", torch.tensor(position))
        self.register_buffer("reading", torch.tensor([0] * area + [1] * area + [0] * 2 * (k + 1)))
        self.register_buffer("outcome", torch.tensor(outcome))
        asked = torch.full((self._size, CHECK + k), NO_ROCK)
        moves = torch.zeros(self._size, CHECK + k, 2, self._size)
        for rover, cell in enumerate(position):
            for action in range(CHECK + k):
                asked[rover, action] = self._asked(cell, action)
                for quality in (BAD, GOOD):
                    for after, prob in self._outcomes(cell, action, quality).items():
                        moves[rover, action, quality, after] = prob
        self.register_buffer("asked", asked)
        self.register_buffer("moves", moves)

    def _asked(self, cell: int, action: int) -> int:
        """The rock whose quality matters for an action."""
        if cell == self.n**2 or action < SAMPLE:
            return NO_ROCK
        if action >= CHECK:
            return action - CHECK
        here = (cell % self.n, cell // self.n)
        return self.rocks.index(here) if here in self.rocks else NO_ROCK

    def _outcomes(self, cell: int, action: int, quality: int) -> dict[int, float]:
        """Probability of each next value of ``rover``."""
        area, gone = self.n**2, self._size - 1
        if cell == area:
            return {gone: 1.0}
        x, y = cell % self.n, cell // self.n
        if action >= CHECK:
            right = self._accuracy((x, y), self.rocks[action - CHECK])
            good = right if quality == GOOD else 1 - right
            return {cell: good, area + cell: 1 - good}
        if action == SAMPLE:
            rock = self._asked(cell, action)
            shift = 2 * area + (0 if quality == GOOD else self.k)
            return {cell if rock == NO_ROCK else shift + rock: 1.0}
        x, y = x + MOVES[action][0], y + MOVES[action][1]
        if x == self.n:
            return {gone - 1: 1.0}
        return {self._cell_index((x, y)) if x >= 0 and 0 <= y < self.n else cell: 1.0}

    def _accuracy(self, at: Cell, rock: Cell) -> float:
        return (1 + 2 ** (-math.dist(at, rock) / self.half_distance)) / 2

    def _cell_index(self, cell: Cell) -> int:
        return cell[0] + self.n * cell[1]

    def _eye(self, size: int) -> Tensor:
        return torch.eye(size).to(self.rewards)


def _placed(rocks: Iterable[Sequence[int]], n: int, k: int) -> Layout:
    found = cells("rocks", rocks, (n, n))
    if len(found) != k:
        raise ValueError(complain("rocks", f"k = {k} cells", list(found), "Set k too."))
    return Layout((0, n // 2), found)
