"""Grid worlds: rooms with walls, slippery floors, several doors to start from and noisy sensors."""

from collections.abc import Iterable, Sequence
from typing import Any, Self, SupportsIndex

import gymnasium as gym
import numpy as np

from . import _checks
from ._checks import Cell

NOTHING, GOAL = range(2)

ACTIONS = ("left", "down", "right", "up")
MOVES = ((0, -1), (1, 0), (0, 1), (-1, 0))  # (row, column) by action
REWARD_OF_OUTCOME = (0.0, 1.0)
SYMBOLS = {"#": "walls", "S": "starts", "G": "goals", ".": ""}


def read_map(text: str) -> dict[str, Any]:
    """Read a map: the arguments of :class:`GridWorld` that it stands for.

    Args:
        text: a line for each row; ``#`` a wall, ``S`` a start, ``G`` a goal, ``.`` a free cell.

    Raises:
        ValueError: for a map without lines, lines of different lengths, or another symbol.

    Example:
        >>> read_map("S.#\\n..G")
        {'rows': 2, 'columns': 3, 'walls': [(0, 2)], 'starts': [(0, 0)], 'goals': [(1, 2)]}
    """
    lines = text.split()
    lengths = {len(line) for line in lines}
    if len(lengths) != 1:
        raise ValueError(
            f"`text`: expected lines of one length, got lengths {sorted(lengths)}. "
            "Write free cells as '.', not as spaces."
        )
    unknown = sorted(set("".join(lines)) - set(SYMBOLS))
    if unknown:
        raise ValueError(f"`text`: expected the symbols {list(SYMBOLS)} only, got {unknown}.")
    places: dict[str, list[Cell]] = {name: [] for name in SYMBOLS.values() if name}
    for row, line in enumerate(lines):
        for column, symbol in enumerate(line):
            if SYMBOLS[symbol]:
                places[SYMBOLS[symbol]].append((row, column))
    return {"rows": len(lines), "columns": len(lines[0]), **places}


class GridWorld(gym.Env[dict[str, Any], np.int64]):
    r"""Find a goal in a grid with walls, on slippery ground, with a sensor that may be wrong.

    Hidden state: the *location*, numbered row by row from the top left. Actions: 0 left, 1 down,
    2 right, 3 up. A move succeeds with probability :math:`1 - \epsilon` (``noise`` is
    :math:`\epsilon`) and else leaves one where one is, as do moves into walls and over the edge.
    An episode starts at one of the starts, all equally likely, and *terminates* at a goal, with a
    reward of 1. Observed are

    - ``position``: the location with accuracy :math:`a`, any other free cell else,

      .. math:: p(o^{\text{position}} = c \mid s) = \begin{cases}
          a & c = s \\ (1 - a) / (N - 1) & \text{any other of the } N \text{ free cells;}\end{cases}

    - ``reward``: 1 at a goal, else 0.

    ``info`` holds the true ``location``.

    Args:
        rows: number of rows.
        columns: number of columns.
        walls: cells (row, column) that cannot be entered.
        starts: cells where an episode may start.
        goals: cells where it ends; the last cell where left out.
        noise: probability that a move fails.
        accuracy: probability that the sensor is right.
        render_mode: ``"ansi"`` makes :meth:`render` return a picture as text.

    Raises:
        TypeError: an argument of another type.
        ValueError: a probability outside of [0, 1], a cell outside of the grid or named twice, no
            start or no goal, or an unknown render mode.

    Reference:
        R. S. Sutton and A. G. Barto (2018), "Reinforcement learning: an introduction", example 3.5;
        for uncertain starts and sensors, A. R. Cassandra, L. P. Kaelbling and J. A. Kurien (1996),
        "Acting under uncertainty: discrete Bayesian models for mobile-robot navigation".

    Example:
        >>> env = GridWorld.from_text("S.#\n..G")
        >>> env.reset(seed=0)
        ({'position': 0, 'reward': 0}, {'location': 0})
        >>> [env.step(action)[0]["position"] for action in (1, 2)]
        [3, 4]
        >>> env.step(2)
        ({'position': 5, 'reward': 1}, 1.0, True, False, {'location': 5})
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        rows: int = 4,
        columns: int = 4,
        walls: Iterable[Sequence[int]] = (),
        starts: Iterable[Sequence[int]] = ((0, 0),),
        goals: Iterable[Sequence[int]] | None = None,
        noise: float = 0.0,
        accuracy: float = 1.0,
        render_mode: str | None = None,
    ) -> None:
        sizes = self.sizes = (_checks.count("rows", rows), _checks.count("columns", columns))
        self.walls = _checks.cells("walls", walls, sizes)
        self.starts = _checks.cells("starts", starts, sizes)
        last = (sizes[0] - 1, sizes[1] - 1)
        self.goals = _checks.cells("goals", [last] if goals is None else goals, sizes)
        _check_apart(self.walls, self.starts, self.goals)
        self.noise = _checks.probability("noise", noise)
        self.accuracy = _checks.probability("accuracy", accuracy)
        self.render_mode = _checks.render_mode(render_mode, self.metadata["render_modes"])
        self.action_space = gym.spaces.Discrete(len(ACTIONS))
        self.observation_space = gym.spaces.Dict(
            position=gym.spaces.Discrete(sizes[0] * sizes[1]), reward=gym.spaces.Discrete(2)
        )
        self._free = [cell for cell in np.ndindex(sizes) if cell not in self.walls]
        self._at: Cell | None = None

    @classmethod
    def from_text(cls, text: str, **arguments: Any) -> Self:
        """The world of a map, see :func:`read_map`; the other arguments as in the constructor."""
        return cls(**read_map(text), **arguments)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Go to a start; ``options={"start": (row, column)}`` may name any free cell but a goal.

        Raises:
            TypeError: the start is not a pair of integers.
            ValueError: an unknown option, or a start outside of the grid, in a wall or at a goal.
        """
        start = self._start_option(options)
        super().reset(seed=seed)
        # Drawn even where it is given, so that the chances of a seed stay the same.
        drawn = self.starts[self.np_random.integers(len(self.starts))]
        self._at = at = drawn if start is None else start
        return self._observation(at), self._info(at)

    def step(
        self, action: SupportsIndex
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Move by a cell, or try to.

        Raises:
            TypeError: the action is not an integer.
            ValueError: the action is not one of 0, 1, 2, 3.
            gymnasium.error.ResetNeeded: before the first reset, or at a goal.
        """
        before = _checks.under_way(self._at, "at a goal" if self._at in self.goals else None)
        taken = _checks.index("action", action, ACTIONS)
        slips = self.np_random.random() < self.noise
        self._at = at = before if slips else self._neighbor(before, taken)
        observation = self._observation(at)
        reward = REWARD_OF_OUTCOME[observation["reward"]]
        return observation, reward, at in self.goals, False, self._info(at)

    def render(self) -> str | None:
        """Draw the map, the agent at ``@``; None before a reset or without render mode."""
        if self.render_mode is None or self._at is None:
            return None
        symbols = {"S": self.starts, "G": self.goals, "#": self.walls, "@": [self._at]}
        picture = np.full(self.sizes, ".")
        for symbol, cells in symbols.items():
            for cell in cells:
                picture[cell] = symbol
        return "\n".join("".join(row) for row in picture)

    def _neighbor(self, cell: Cell, action: int) -> Cell:
        row, column = cell[0] + MOVES[action][0], cell[1] + MOVES[action][1]
        return (row, column) if (row, column) in self._free else cell

    def _observation(self, at: Cell) -> dict[str, Any]:
        outcome = GOAL if at in self.goals else NOTHING
        return {"position": self._index(self._sensed(at)), "reward": outcome}

    def _sensed(self, at: Cell) -> Cell:
        if self.np_random.random() < self.accuracy:
            return at
        others = [cell for cell in self._free if cell != at]
        return others[self.np_random.integers(len(others))]

    def _index(self, cell: Cell) -> int:
        return cell[0] * self.sizes[1] + cell[1]

    def _info(self, at: Cell) -> dict[str, Any]:
        return {"location": self._index(at)}

    def _start_option(self, options: dict[str, Any] | None) -> Cell | None:
        given = _checks.options(options, ["start"])
        if "start" not in given:
            return None
        start = _checks.cell("options['start']", given["start"], self.sizes)
        if start in self.walls or start in self.goals:
            raise ValueError(
                f"`options['start']`: expected a free cell that is no goal, got {start}. "
                "Choose another one."
            )
        return start


def _check_apart(walls: Sequence[Cell], starts: Sequence[Cell], goals: Sequence[Cell]) -> None:
    for argument, cells in (("starts", starts), ("goals", goals)):
        if not cells:
            raise ValueError(f"`{argument}`: expected at least one cell, got none. Name one.")
    for argument, cells in (("walls", walls), ("goals", goals)):
        both = sorted(set(starts) & set(cells))
        if both:
            raise ValueError(f"`starts`: expected none of the {argument}, got {both}. Move them.")
    both = sorted(set(walls) & set(goals))
    if both:
        raise ValueError(f"`goals`: expected none of the walls, got {both}. Move them.")
