"""The levels of a hierarchy over time, and the messages that pass between them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from .. import ops
from .._checks import complain
from ..records import LevelMessages, Trajectory, level_of
from ._canvas import (
    BLUE,
    VERMILION,
    Array,
    Labels,
    array,
    color_bar,
    heat_map,
    height_of_rows,
    name_rows,
    panels,
    require_labels,
    require_one_agent,
)
from ._clocks import Clock, clocks
from ._timeline import Timeline
from .belief_maps import REAL, BandStrip, BeliefStrip, Strip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NUMBERS = 24  # of a clock at most
EDGE: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.8}


def hierarchy(
    trajectory: Trajectory,
    labels: Labels | None = None,
    axes: Axes | Sequence[Axes] | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    r"""Draw what each level believes over time, the highest on top, and what passes between them.

    There is a heat map for each state site of each level. Between two levels stand the messages,
    with a row for each value c of the sites that link them: down goes the prediction p(c), marked
    by a triangle at the value that is most probable when the step of the upper level begins; up
    goes the evidence p(o|c) of all that was seen below in this step (drawn as a share of the sum
    over c), marked at the value that it speaks for when the step is over. Each level has its own
    clock: the numbers below it are its own time steps, dotted lines part them, and full lines
    stand where it begins anew.

    Args:
        trajectory: the record of one :class:`~pyro_activeinf.HierarchicalAgent`.
        labels: names of the values of a state site, for example
            ``{"level1/word": ["flee", "feed", "wait"]}``; those of a linked site are written at
            its messages, too.
        axes: one for each panel, instead of a new figure.
        figsize: width and height in inches.

    Raises:
        ValueError: for a trajectory without levels, labels that do not fit, a wrong number of
            axes, or a trajectory of a batch of agents.

    Example:
        >>> import gymnasium as gym, pyro
        >>> from pyro_activeinf import HierarchicalAgent, rollout
        >>> from pyro_activeinf.agents import Highest, Level
        >>> from pyro_activeinf.models import ReadingPage, ReadingSentence
        >>> pyro.set_rng_seed(0)
        >>> page = Level(ReadingPage(), steps_per_update=3)
        >>> agent = HierarchicalAgent([page, ReadingSentence()], Highest())
        >>> world = gym.make("pyro_activeinf/Reading-v0")
        >>> figure = hierarchy(rollout(agent, world, steps=6, progress=False))
        >>> [panel.get_title(loc="left") for panel in figure.axes[2:5]]
        ['level 2: q(verdict)', 'down: prediction p(word)', 'up: evidence p(o|word)']
    """
    if not trajectory.messages:
        way = "It is what rollout(HierarchicalAgent(..), ..) returns."
        raise ValueError(complain("trajectory", "the record of levels", "one of none", way))
    require_one_agent("trajectory", trajectory.rewards.shape[:-1])
    labels = labels or {}
    rows = list(_rows(trajectory, labels))
    require_labels(labels, [(row.strip.name, row.strip.rows) for row in rows])
    heights = [height_of_rows(row.strip.rows or REAL, row.names) for row in rows]
    titles = [row.strip.title for row in rows]
    figure, drawn = panels(titles, heights, axes, figsize, sharex=False)
    for row, panel in zip(rows, drawn, strict=True):
        row.draw(panel)
    gray = [i for i, row in enumerate(rows) if isinstance(row.strip, BeliefStrip)]
    if gray:
        color_bar(drawn[gray[0]].get_images()[0], drawn, heights, "probability")
    Timeline.of(trajectory).finish(drawn)
    for row, panel in zip(rows, drawn, strict=True):
        row.finish(panel)
    return figure


@dataclass(frozen=True)
class MessageStrip(Strip):
    """Shares ``(rows, time)`` of the values that link two levels, and where they count."""

    shares: Array
    counts: Array  # (steps,): when the message is complete
    look: tuple[str, str, str]  # color map, and marker and color of an arrow

    def draw(self, axes: Axes) -> None:
        """Draw a tinted heat map, with an arrow for each step of the level above."""
        tint, marker, color = self.look
        heat_map(axes, self.shares, tint=tint)
        spread = np.ptp(self.shares[:, self.counts], axis=0)
        told = self.counts[spread > 1e-6]  # nor where it is missing
        best = self.shares[:, told].argmax(0)
        axes.plot(told, best, marker, color=color, markersize=6, **EDGE)


DOWN, UP = ("Blues", "v", BLUE), ("Oranges", "^", VERMILION)


@dataclass(frozen=True)
class Row:
    """A panel, and the clock that is drawn into it."""

    strip: Strip
    names: Sequence[str] | None
    clock: Clock
    numbered: bool  # whether the own time indexes are written below

    def draw(self, axes: Axes) -> None:
        """Draw the strip, and where the level steps on and begins anew."""
        self.strip.draw(axes)
        axes.set_title(self.strip.title, loc="left", fontsize="medium")
        if self.strip.rows:
            name_rows(axes, self.strip.rows, self.names)
        steps = self.clock.starts if len(self.clock.starts) < self.clock.rows else ()
        for starts, style in ((steps, ":"), (self.clock.anew, "-")):
            for start in starts:
                axes.axvline(start - 0.5, color=BLUE, linewidth=1.0, linestyle=style)

    def finish(self, axes: Axes) -> None:
        """Write the level's own time below the panel."""
        if self.numbered:
            marks = self.clock.marks(NUMBERS)
            axes.set_xticks(list(marks), list(marks.values()), fontsize="small")
            axes.tick_params(axis="x", labelbottom=True)
            axes.set_xlabel(f"own time step of level {level_of(self.strip.name)}", fontsize="small")


def _rows(trajectory: Trajectory, labels: Labels) -> Iterator[Row]:
    each = clocks(trajectory)
    for level in range(len(each), 0, -1):
        clock = each[level - 1]
        strips = list(_beliefs(trajectory, level))
        for strip in strips:
            last = level > 1 and strip is strips[-1]
            yield Row(strip, labels.get(strip.name), clock, last)
        if level > 1:
            passed = trajectory.messages[level - 1]
            names = _names(passed, labels, level - 1)
            for strip in _messages(passed, level - 1, clock):
                yield Row(strip, names, clock, False)


def _beliefs(trajectory: Trajectory, level: int) -> Iterator[Strip]:
    for name, belief in trajectory.beliefs.items():
        if level_of(name) != level:
            continue
        title = f"level {level}: q({name.partition('/')[2]})"
        if name in trajectory.spread:
            both = (belief, trajectory.spread[name])
            moments = (array(part).reshape(len(belief), -1) for part in both)
            yield BandStrip(name, title, 0, *moments)
        else:
            yield BeliefStrip(name, title, belief.shape[-1], array(belief).T)


def _messages(passed: LevelMessages, level: int, above: Clock) -> Iterator[Strip]:
    sites, rows = ", ".join(passed.sites), math.prod(passed.sizes)
    if not passed.sizes:
        yield from _moments(passed, level)
        return
    for title, message, counts, look in (
        (f"down: prediction p({sites})", passed.down, above.starts, DOWN),
        (f"up: evidence p(o|{sites})", passed.up, above.ends, UP),
    ):
        yield MessageStrip(f"level{level}/{sites}", title, rows, _shares(message), counts, look)


def _moments(passed: LevelMessages, level: int) -> Iterator[Strip]:
    """Means and spreads of what passes by real sites."""
    sites = ", ".join(passed.sites)
    for title, moments in (
        (f"down: prediction p({sites})", passed.down_moments),
        (f"up: evidence p(o|{sites})", passed.up_moments),
    ):
        mean, spread = (array(part) for part in moments)
        yield BandStrip(f"level{level}/{sites}", title, 0, mean, spread)


def _shares(message: Tensor) -> Array:
    return array(ops.softmax(message, 1.0)).T


def _names(passed: LevelMessages, labels: Labels, level: int) -> list[str] | None:
    """Names of the joint values of the linked sites, where any of them has some."""
    each = [labels.get(f"level{level}/{site}") for site in passed.sites]
    if not any(each):
        return None
    parts = [
        names or [str(value) for value in range(size)]
        for names, size in zip(each, passed.sizes, strict=True)
    ]
    return [", ".join(part) for part in product(*parts)]
