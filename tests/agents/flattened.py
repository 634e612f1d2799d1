"""A hierarchy as the one model that has all levels in it, summed over every path."""

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Chain:
    """One level: p(s_0 | c), p(s' | s), and p(what is shown | s), each with rows that sum to 1."""

    first: Array  # (contexts, states)
    move: Array  # (states, states)
    show: Array  # (states, shown): contexts of the level below, or outcomes


def joint(
    levels: list[Chain], clocks: list[int], outcomes: list[int]
) -> dict[tuple[int, ...], float]:
    """p(states of all levels now, all outcomes), by summing over every path of all levels.

    The state is a tuple, lowest level first; clocks are steps per step of the level above; an
    outcome of -1 is missing.
    """
    sizes = [len(level.move) for level in levels]
    now = {
        state: _begun(levels, state, len(levels) - 1, 0) * _shown(levels, state, outcomes[0])
        for state in itertools.product(*map(range, sizes))
    }
    ticks = [1] * len(levels)
    for outcome in outcomes[1:]:
        acting = 0
        while acting < len(levels) - 1 and ticks[acting] == clocks[acting]:
            ticks[acting], acting = 1, acting + 1
        ticks[acting] += 1
        then = dict.fromkeys(now, 0.0)
        for old, new in itertools.product(now, now):
            if old[acting + 1 :] == new[acting + 1 :]:
                move = levels[acting].move[old[acting], new[acting]]
                then[new] += now[old] * move * _begun(levels, new, acting - 1, None)
        now = {s: p * _shown(levels, s, outcome) for s, p in then.items()}
    return now


def _begun(levels: list[Chain], state: tuple[int, ...], highest: int, context: int | None) -> float:
    """Probability that levels up to ``highest`` begin in a state; the topmost in ``context``."""
    total = 1.0
    for i in range(highest, -1, -1):
        above = i + 1 < len(levels)
        if context is not None and i == highest:
            weights = np.eye(len(levels[i].first))[context]
        else:
            weights = levels[i + 1].show[state[i + 1]] if above else np.ones(1)
        total *= float(weights @ levels[i].first[:, state[i]])
    return total


def _shown(levels: list[Chain], state: tuple[int, ...], outcome: int) -> float:
    return 1.0 if outcome < 0 else float(levels[0].show[state[0], outcome])


def conditional_kl(new: Array, old: Array, level: int) -> float:
    """KL of p(s_i | s_{i+1}, ..) under two joint tables, axes lowest level first, in nats."""
    axes = tuple(range(level))
    here = [table.sum(axes) for table in (new, old)]
    above = [table.sum(0, keepdims=True) for table in here]
    ratio = np.log(here[0] / above[0]) - np.log(here[1] / above[1])
    return float((here[0] * ratio).sum())
