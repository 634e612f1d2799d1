"""Beliefs over time, above the observations that they come from and the actions taken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._checks import complain, known_names
from ..records import Trajectory
from ._canvas import (
    BLUE,
    GREEN,
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
from ._controls import controls_of
from ._timeline import Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


REAL = 5  # a real axis is as high as so many rows


def beliefs(
    trajectory: Trajectory,
    sites: str | Sequence[str] | None = None,
    labels: Labels | None = None,
    axes: Axes | Sequence[Axes] | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw q(s_t) of each state site over time, and below it what was seen and done.

    There is a panel for each state site (a heat map of probabilities, a row for each value; for a
    real one the mean of each element, in a band of two standard deviations), for each observation
    site, and for each control of the action. An action stands at the step at
    which it was chosen; vertical lines part the episodes.

    Args:
        trajectory: the record of one agent.
        sites: state sites to draw; all by default.
        labels: names of the values of a state site, of an observation site, or of ``action``
            (``action_0``, .. for several controls), for example ``{"action": ["stay", "go"]}``.
        axes: one for each panel, instead of a new figure.
        figsize: width and height in inches.

    Raises:
        ValueError: for an unknown site, labels that do not fit, a wrong number of axes, or a
            trajectory of a batch of agents.

    Example:
        >>> import gymnasium as gym, pyro
        >>> from pyro_activeinf import Agent, rollout
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop
        >>> pyro.set_rng_seed(0)
        >>> agent = Agent(TMaze(), planner=OpenLoop(2))
        >>> run = rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=2, progress=False)
        >>> figure = beliefs(run, sites="context", labels={"context": ["left", "right"]})
        >>> [panel.get_title(loc="left") for panel in figure.axes[:4]]
        ['belief q(context)', 'observation: position', 'observation: reward', 'action']
    """
    require_one_agent("trajectory", trajectory.rewards.shape[:-1])
    labels = labels or {}
    above = list(_states(trajectory, _chosen(trajectory, sites)))
    strips = [*above, *_observations(trajectory, labels), *_actions(trajectory)]
    require_labels(labels, [(strip.name, strip.rows) for strip in strips])
    heights = [height_of_rows(strip.rows or REAL, labels.get(strip.name)) for strip in strips]
    figure, drawn = panels([strip.title for strip in strips], heights, axes, figsize)
    for strip, panel in zip(strips, drawn, strict=True):
        strip.draw(panel)
        panel.set_title(strip.title, loc="left", fontsize="medium")
        if strip.rows:
            name_rows(panel, strip.rows, labels.get(strip.name))
    maps = [i for i, strip in enumerate(above) if strip.rows]
    if maps:
        shown, tall = [drawn[i] for i in maps], [heights[i] for i in maps]
        color_bar(shown[0].get_images()[0], shown, tall, "probability")
    Timeline.of(trajectory).finish(drawn)
    return figure


def _chosen(trajectory: Trajectory, sites: str | Sequence[str] | None) -> list[str]:
    known = list(trajectory.beliefs)
    if sites is None:
        return known
    found = [sites] if isinstance(sites, str) else list(sites)
    known_names("sites", found, known)
    if not found:
        raise ValueError(complain("sites", f"at least one of {known}", found))
    return found


@dataclass(frozen=True)
class Strip(ABC):
    """One panel: what it shows and how many rows it has; 0 rows for a real axis."""

    name: str
    title: str
    rows: int

    @abstractmethod
    def draw(self, axes: Axes) -> None:
        """Draw it against time."""


@dataclass(frozen=True)
class BeliefStrip(Strip):
    """Probabilities ``(rows, time)``."""

    probs: Array

    def draw(self, axes: Axes) -> None:
        """Draw a heat map."""
        heat_map(axes, self.probs)


@dataclass(frozen=True)
class BandStrip(Strip):
    """Means and standard deviations ``(time, elements)``."""

    mean: Array
    spread: Array

    def draw(self, axes: Axes) -> None:
        """Draw a line in a band for each element."""
        rows = np.arange(len(self.mean))
        for i, (mean, half) in enumerate(zip(self.mean.T, 2 * self.spread.T, strict=True)):
            color = f"C{i}"
            axes.fill_between(rows, mean - half, mean + half, color=color, alpha=0.25, linewidth=0)
            axes.plot(rows, mean, color=color, label=str(i))
        if self.mean.shape[1] > 1:
            axes.legend(frameon=False, fontsize="x-small", loc="upper right", ncols=4)
        axes.margins(y=0.15)


@dataclass(frozen=True)
class EventStrip(Strip):
    """One of a few values at each step, ``(time,)``; nothing where it is -1 or NaN."""

    values: Array
    color: str

    def draw(self, axes: Axes) -> None:
        """Draw a filled cell for each step."""
        for row in range(self.rows):
            when = np.flatnonzero(self.values == row)
            cells = [(t - 0.5, 1.0) for t in when]
            axes.broken_barh(cells, (row - 0.4, 0.8), facecolor=self.color, linewidth=0.0)
        axes.set_facecolor("0.96")


@dataclass(frozen=True)
class DotStrip(Strip):
    """Real values over time, ``(time, *event)``."""

    values: Array
    color: str

    def draw(self, axes: Axes) -> None:
        """Draw a dot for each element of the event."""
        axes.plot(self.values.reshape(len(self.values), -1), ".", color=self.color)
        axes.margins(y=0.15)


def _states(trajectory: Trajectory, sites: Sequence[str]) -> Iterator[Strip]:
    for site in sites:
        if site in trajectory.spread:
            rows = len(trajectory.episode)
            both = (trajectory.beliefs[site], trajectory.spread[site])
            moments = (array(each).reshape(rows, -1) for each in both)
            yield BandStrip(site, f"belief q({site})", 0, *moments)
            continue
        probs = array(trajectory.beliefs[site]).T
        yield BeliefStrip(site, f"belief q({site})", len(probs), probs)


def _observations(trajectory: Trajectory, labels: Labels) -> Iterator[Strip]:
    for site, observed in trajectory.observations.items():
        values, title = array(observed), f"observation: {site}"
        if _counts(values):
            rows = max(1 + int(np.nanmax(values)), len(labels.get(site, ())), 1)
            yield EventStrip(site, title, rows, values, BLUE)
        else:
            yield DotStrip(site, title, 0, values, BLUE)


def _counts(values: Array) -> bool:
    """Whether all values are counts from 0 up (-1 or NaN where missing)."""
    finite = values[~np.isnan(values)]
    whole = bool((finite == np.round(finite)).all() and (finite >= -1).all())
    return values.ndim == 1 and finite.size > 0 and whole


def _actions(trajectory: Trajectory) -> Iterator[Strip]:
    if trajectory.real_actions:
        yield DotStrip("action", "action", 0, array(trajectory.actions), GREEN)
        return
    for control in controls_of(trajectory):
        yield EventStrip(control.name, control.title, control.size, control.taken, GREEN)
