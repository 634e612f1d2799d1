"""RockSample: a rover takes samples of good rocks, told from bad ones by a remote sensor."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import gymnasium as gym
import numpy as np

from . import _checks
from ._checks import Cell

GOOD_READING, BAD_READING = range(2)
NOTHING, GOOD_ROCK, BAD_ROCK, EXIT = range(4)

MOVES = {"north": (0, 1), "east": (1, 0), "south": (0, -1), "west": (-1, 0)}  # (x, y)
SAMPLE = len(MOVES)
CHECK = SAMPLE + 1  # the first rock; the others follow
OUTCOMES = ("nothing", "good rock", "bad rock", "exit")
READINGS = ("good", "bad")

HALF_DISTANCE = 20.0  # of most instances in the literature

PICTURE = """\
{map}
rocks: {rocks}
reading: {reading}, outcome: {outcome}"""


@dataclass(frozen=True)
class Layout:
    """Where the rover starts and the rocks lie, as (x, y), and how far the sensor reaches."""

    start: Cell
    rocks: tuple[Cell, ...]
    half_distance: float


# The generators of the instances of Smith and Simmons, in their software ZMDP
# (github.com/trey0/zmdp, gen_RockSample_4_4 and so on); in the first, the efficiency is exp(-d).
LAYOUTS = {
    (4, 4): Layout((0, 2), ((3, 1), (2, 1), (1, 3), (1, 0)), math.log(2)),
    (5, 5): Layout((0, 2), ((2, 4), (0, 4), (3, 3), (2, 2), (4, 1)), 4.0),
    (5, 7): Layout((0, 2), ((1, 0), (2, 1), (1, 2), (2, 2), (4, 2), (0, 3), (3, 4)), HALF_DISTANCE),
    (7, 8): Layout(
        (0, 3), ((2, 0), (0, 1), (3, 1), (6, 3), (2, 4), (3, 4), (5, 5), (1, 6)), HALF_DISTANCE
    ),
}


def layout(n: int, k: int) -> Layout:
    """The layout of the literature where there is one; else one drawn, always the same.

    Raises:
        ValueError: for more rocks than cells.

    Example:
        >>> layout(4, 4).rocks
        ((3, 1), (2, 1), (1, 3), (1, 0))
    """
    if (n, k) in LAYOUTS:
        return LAYOUTS[n, k]
    if k > n * n:
        raise ValueError(f"`k`: expected at most {n * n} rocks on {n} x {n} cells, got {k}.")
    drawn = np.random.default_rng([n, k]).choice(n * n, k, replace=False)
    return Layout((0, n // 2), tuple((int(i) % n, int(i) // n) for i in drawn), HALF_DISTANCE)


@dataclass(frozen=True)
class Situation:
    """Where the rover is (or left the grid), the rocks, and what was observed last."""

    at: Cell
    good: tuple[bool, ...]
    reading: int = GOOD_READING
    outcome: int = NOTHING

    @property
    def over(self) -> bool:
        """Whether the rover has left the grid."""
        return self.outcome == EXIT


class RockSample(gym.Env[dict[str, Any], np.int64]):
    r"""A rover on an n x n grid with k rocks of known places; each is good or bad.

    Hidden state: the rover's cell and the quality of each rock (good with probability 1/2).
    Actions: 0 north, 1 east, 2 south, 3 west, 4 sample the rock here, 5, 6, .. check rock 1, 2, ..
    from here. Moves are certain; a move east from the last column leaves the grid and *terminates*
    the episode. Sampling turns a good rock into a bad one. Observed are

    - ``position``: the rover's cell (x, y) as x + n y, with y counted from the south; n² outside;
    - ``reading``: 0 good, 1 bad. The sensor's efficiency falls with the distance d of the rock
      that is checked, by half for every ``half_distance``; other actions read 0:

      .. math:: p(\text{right} \mid d) = \tfrac12 (1 + \eta), \qquad \eta = 2^{-d / d_0};

    - ``outcome``: 0 nothing, 1 a sample of a good rock, 2 of a bad rock, 3 the exit.

    The reward is that of the outcome. ``info`` holds the true ``rocks``. Moves against the other
    edges, and samples where there is no rock, do nothing; in the literature they cost 100 and end
    the episode, so that the best returns are the same. In the layout for (4, 4) the best is 17.92
    on average, discounted by .95: a round of the rocks, each checked on the spot.

    Args:
        n: number of rows and of columns.
        k: number of rocks.
        rocks: their cells (x, y), k of them. Where left out, rocks, start and half_distance are
            those of the literature for (n, k) = (4, 4), (5, 5), (5, 7) and (7, 8); for others the
            rocks are drawn, always the same for the same n and k.
        start: the rover's first cell; by default in the middle of the west edge.
        half_distance: d_0, the distance at which the efficiency is 1/2, in cells; 20 by default
            (but in the literature's (5, 5) it is 4, and in (4, 4) log 2: efficiency exp(-d)).
        rewards: for a sample of a good rock, of a bad rock, and the exit.
        render_mode: ``"ansi"`` makes :meth:`render` return a picture as text.

    Raises:
        TypeError: an argument of another type.
        ValueError: a count below 1, a cell outside of the grid or named twice, another number of
            rocks than k, a distance that is not above 0, or an unknown render mode.

    Reference:
        T. Smith and R. Simmons (2004), "Heuristic search value iteration for POMDPs", UAI; the
        layouts are those of their software ZMDP (``gen_RockSample_4_4`` and so on).

    Example:
        >>> env = RockSample(4, 4)
        >>> _ = env.reset(seed=0, options={"rocks": [True, False, True, True]})
        >>> [env.step(action)[1] for action in (0, 1, 4, 4, 1, 1)]  # rock 3, twice; eastwards
        [0.0, 0.0, 10.0, -10.0, 0.0, 0.0]
        >>> observation, reward, terminated, *_ = env.step(1)
        >>> observation, reward, terminated
        ({'position': 16, 'reading': 0, 'outcome': 3}, 10.0, True)
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        n: int = 4,
        k: int = 4,
        rocks: Iterable[Sequence[int]] | None = None,
        start: Sequence[int] | None = None,
        half_distance: float | None = None,
        rewards: Sequence[float] = (10.0, -10.0, 10.0),
        render_mode: str | None = None,
    ) -> None:
        self.n, k = _checks.count("n", n), _checks.count("k", k)
        given = layout(self.n, k) if rocks is None else self._placed(rocks, k)
        self.rocks = given.rocks
        self.start = self._cell("start", given.start if start is None else start)
        self.half_distance = _checks.distance(
            "half_distance", given.half_distance if half_distance is None else half_distance
        )
        self.rewards = (0.0, *_checks.numbers("rewards", rewards, OUTCOMES[1:]))
        self.render_mode = _checks.render_mode(render_mode, self.metadata["render_modes"])
        checks = [f"check rock {i + 1}" for i in range(k)]
        self.actions = (*MOVES, "sample", *checks)
        self.action_space = gym.spaces.Discrete(len(self.actions))
        self.observation_space = gym.spaces.Dict(
            position=gym.spaces.Discrete(self.n**2 + 1),
            reading=gym.spaces.Discrete(len(READINGS)),
            outcome=gym.spaces.Discrete(len(OUTCOMES)),
        )
        self._now: Situation | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Go to the start; ``options={"rocks": [..], "start": (x, y)}`` set the hidden state.

        Raises:
            TypeError: the start is not a pair of integers, or a rock not a truth value.
            ValueError: an unknown option, a start outside of the grid, another number of rocks.
        """
        given = _checks.options(options, ["rocks", "start"])
        start = self._cell("options['start']", given.get("start", self.start))
        good = given.get("rocks")
        if good is not None:
            good = _checks.truths("options['rocks']", good, len(self.rocks))
        super().reset(seed=seed)
        # Drawn even where they are given, so that the readings of a seed stay the same.
        drawn = tuple(bool(bit) for bit in self.np_random.integers(2, size=len(self.rocks)))
        self._now = now = Situation(start, drawn if good is None else good)
        return self._observation(now), _info(now)

    def step(
        self, action: SupportsIndex
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Move, sample or check.

        Raises:
            TypeError: the action is not an integer.
            ValueError: the action is out of range.
            gymnasium.error.ResetNeeded: before the first reset, or when the rover has left.
        """
        over = self._now is not None and self._now.over
        before = _checks.under_way(self._now, "at the exit" if over else None)
        taken = _checks.index("action", action, self.actions)
        self._now = now = self._next(before.at, before.good, taken)
        reward = self.rewards[now.outcome]
        return self._observation(now), reward, now.over, False, _info(now)

    def render(self) -> str | None:
        """Draw the grid, the rover at ``@``, north up; None without reset or render mode."""
        if self.render_mode is None or self._now is None:
            return None
        now = self._now
        qualities = [f"{i + 1} {'good' if good else 'bad'}" for i, good in enumerate(now.good)]
        return PICTURE.format(
            map=self._map(now),
            rocks=", ".join(qualities),
            reading=READINGS[now.reading],
            outcome=OUTCOMES[now.outcome],
        )

    def _map(self, now: Situation) -> str:
        marks = {rock: str(i + 1) for i, rock in enumerate(self.rocks)}
        if not now.over:
            marks[now.at] = "@"
        lines = [[marks.get((x, y), ".") for x in range(self.n)] for y in range(self.n)]
        return "\n".join(" ".join(line) for line in reversed(lines))

    def _next(self, at: Cell, good: tuple[bool, ...], action: int) -> Situation:
        if action < SAMPLE:
            return self._moved(at, good, action)
        if action == SAMPLE:
            return self._sampled(at, good)
        return Situation(at, good, reading=self._read(at, good, action - CHECK))

    def _moved(self, at: Cell, good: tuple[bool, ...], action: int) -> Situation:
        step = list(MOVES.values())[action]
        x, y = at[0] + step[0], at[1] + step[1]
        if x == self.n:
            return Situation(at, good, outcome=EXIT)
        inside = x >= 0 and 0 <= y < self.n
        return Situation((x, y) if inside else at, good)

    def _sampled(self, at: Cell, good: tuple[bool, ...]) -> Situation:
        if at not in self.rocks:
            return Situation(at, good)
        rock = self.rocks.index(at)
        left = tuple(quality and i != rock for i, quality in enumerate(good))
        return Situation(at, left, outcome=GOOD_ROCK if good[rock] else BAD_ROCK)

    def _read(self, at: Cell, good: tuple[bool, ...], rock: int) -> int:
        efficiency = 2 ** (-math.dist(at, self.rocks[rock]) / self.half_distance)
        right = self.np_random.random() < (1 + efficiency) / 2
        return GOOD_READING if right == good[rock] else BAD_READING

    def _observation(self, now: Situation) -> dict[str, Any]:
        position = self.n**2 if now.over else now.at[0] + self.n * now.at[1]
        return {"position": position, "reading": now.reading, "outcome": now.outcome}

    def _placed(self, rocks: Iterable[Sequence[int]], k: int) -> Layout:
        cells = _checks.cells("rocks", rocks, (self.n, self.n))
        if len(cells) != k:
            raise ValueError(f"`rocks`: expected k = {k} cells, got {len(cells)}. Set k too.")
        return Layout((0, self.n // 2), cells, HALF_DISTANCE)

    def _cell(self, argument: str, value: Any) -> Cell:
        return _checks.cell(argument, value, (self.n, self.n))


def _info(now: Situation) -> dict[str, Any]:
    return {"rocks": list(now.good)}
