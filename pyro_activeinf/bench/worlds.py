"""The worlds that are measured in, as the literature's arrays: both sides get the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """A discrete model, and what its agents see and do in a first step.

    ``A[m]`` is p(o | states), ``B[f]`` p(s' | s.., u), ``C[m]`` log-preferences as given, ``D[f]``
    p(s_0). The agents of a batch take the rows of ``first``, ``action`` and ``second`` in turn:
    first observation, action, next observation.
    """

    A: tuple[Array, ...]  # (outcomes, *states)
    B: tuple[Array, ...]  # (next states, *states, actions)
    C: tuple[Array, ...]  # (outcomes,)
    D: tuple[Array, ...]  # (states,)
    A_dependencies: tuple[tuple[int, ...], ...]
    B_dependencies: tuple[tuple[int, ...], ...]
    first: Integers  # (agents, modalities)
    action: Integers  # (agents, factors)
    second: Integers  # (agents, modalities)

    @property
    def states(self) -> int:
        """Number of joint states."""
        return int(np.prod([b.shape[0] for b in self.B]))

    @property
    def controlled(self) -> tuple[int, ...]:
        """The factors that have more than one action."""
        return tuple(f for f, b in enumerate(self.B) if b.shape[-1] > 1)

    @property
    def actions(self) -> tuple[int, ...]:
        """Number of actions of each factor."""
        return tuple(b.shape[-1] for b in self.B)

    def to_json(self, batch: int) -> dict[str, Any]:
        """Arrays as lists, with the first step of a batch of agents."""
        arrays = {name: [x.tolist() for x in getattr(self, name)] for name in "ABCD"}
        agents = np.arange(batch) % len(self.first)
        step = {name: getattr(self, name)[agents].tolist() for name in ("first", "action")}
        return {
            **arrays,
            **step,
            "second": self.second[agents].tolist(),
            "A_dependencies": self.A_dependencies,
            "B_dependencies": self.B_dependencies,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> World:
        """The world of a JSON text."""
        fields: dict[str, Any] = {
            name: tuple(np.array(x, dtype=np.float64) for x in content[name]) for name in "ABCD"
        }
        for name in ("A_dependencies", "B_dependencies"):
            fields[name] = tuple(map(tuple, content[name]))
        for name in ("first", "action", "second"):
            fields[name] = np.array(content[name])
        return cls(**fields)


def grid(side: int = 10, noise: float = 0.15, success: float = 0.9) -> World:
    """A square of places, seen through a noisy sensor; the last place is preferred by 3 nats.

    Five actions: up, right, down, left, stay. A move succeeds with probability ``success``, and
    else stays, as does one against the edge; the sensor shows any place with probability
    ``noise``.

    Example:
        >>> world = grid(2)
        >>> world.B[0][:, 0, 1].tolist()  # from the first place to the right
        [0.09999999999999998, 0.9, 0.0, 0.0]
    """
    places = side * side
    row, column = np.divmod(np.arange(places), side)
    move = np.zeros((places, places, 5))
    for u, (down, right) in enumerate([(-1, 0), (0, 1), (1, 0), (0, -1), (0, 0)]):
        target = np.clip(row + down, 0, side - 1) * side + np.clip(column + right, 0, side - 1)
        move[target, np.arange(places), u] += success
        move[np.arange(places), np.arange(places), u] += 1 - success
    agent = np.arange(places)
    return World(
        A=((1 - noise) * np.eye(places) + noise / places,),
        B=(move,),
        C=(3.0 * np.eye(places)[-1],),
        D=(np.full(places, 1 / places),),
        A_dependencies=((0,),),
        B_dependencies=((0,),),
        first=((37 * agent + 11) % places)[:, None],
        action=(agent % 5)[:, None],
        second=((37 * agent + 12) % places)[:, None],
    )


def tmaze(validity: float = 0.95) -> World:
    """A T-maze of five places and two contexts; the agent is about to have looked at the cue.

    Places: start, left arm, right arm, cue, junction. An action names the next place, and nothing
    moves where that is not adjacent. Seen are the place, the outcome (none, reward, punishment)
    and the cue (none, left, right).
    """
    start, left, right, cue, junction = range(5)
    ways = np.eye(5, dtype=bool)
    for a, b in ((start, cue), (start, junction), (junction, left), (junction, right)):
        ways[a, b] = ways[b, a] = True
    move = np.zeros((5, 5, 5))
    for here, to in np.ndindex(5, 5):
        move[to if ways[here, to] else here, here, to] = 1.0
    outcome, sign = np.zeros((3, 5, 2)), np.zeros((3, 5, 2))
    outcome[0, [start, cue, junction]] = 1.0
    outcome[1:, left], outcome[1:, right] = np.eye(2), np.eye(2)[::-1]
    sign[0, [start, left, right, junction]] = 1.0
    sign[1:, cue] = np.array([[validity, 1 - validity], [1 - validity, validity]])
    return World(
        A=(np.eye(5), outcome, sign),
        B=(move, np.eye(2)[..., None]),
        C=(np.zeros(5), np.array([0.0, 2.0, -3.0]), np.zeros(3)),
        D=(np.eye(5)[start], np.full(2, 0.5)),
        A_dependencies=((0,), (0, 1), (0, 1)),
        B_dependencies=((0,), (1,)),
        first=np.array([[start, 0, 0]]),
        action=np.array([[cue, 0]]),
        second=np.array([[cue, 0, 1]]),
    )
