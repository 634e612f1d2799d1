"""Variational and expected free energy over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..records import Trajectory
from ._canvas import (
    BLACK,
    BLUE,
    GREEN,
    LEGEND,
    ORANGE,
    PURPLE,
    VERMILION,
    Array,
    array,
    panels,
    require_one_agent,
)
from ._timeline import Timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES: dict[str, dict[str, Any]] = {
    "F": {"color": BLACK, "linestyle": "-", "marker": "o", "linewidth": 2.0},
    "complexity": {"color": BLUE, "linestyle": "--", "marker": "^"},
    "accuracy": {"color": ORANGE, "linestyle": ":", "marker": "s"},
    "G": {"color": BLACK, "linestyle": "-", "marker": "o", "linewidth": 2.0},
    "pragmatic value": {"color": BLUE, "linestyle": "--", "marker": "^"},
    "epistemic value": {"color": ORANGE, "linestyle": ":", "marker": "s"},
    "novelty": {"color": PURPLE, "linestyle": (0, (1, 3)), "marker": "x"},
    "risk": {"color": VERMILION, "linestyle": "-.", "marker": "v"},
    "ambiguity": {"color": GREEN, "linestyle": (0, (5, 1, 1, 1, 1, 1)), "marker": "D"},
}


def free_energy(
    trajectory: Trajectory,
    axes: Sequence[Axes] | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    r"""Draw the variational free energy of each belief, and the expected free energy of each plan.

    .. math::
        F = complexity - accuracy, \qquad
        G = risk + ambiguity - novelty = -(pragmatic + epistemic + novelty)

    in nats; the terms of a plan are their means under q(pi). Lines are interrupted between
    episodes and where a term is infinite or missing; novelty is drawn where there is some. Of
    many episodes (more than 20, of more than 200 steps together) the mean of each is drawn.

    Args:
        trajectory: the record of one agent.
        axes: two of them, for F and for G, instead of a new figure.
        figsize: width and height in inches.

    Raises:
        ValueError: for a wrong number of axes, or a trajectory of a batch of agents.

    Example:
        >>> import gymnasium as gym, pyro
        >>> from pyro_activeinf import Agent, rollout
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop
        >>> pyro.set_rng_seed(0)
        >>> agent = Agent(TMaze(), planner=OpenLoop(2))
        >>> run = rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=2, progress=False)
        >>> figure = free_energy(run)
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['F', 'complexity', 'accuracy']
    """
    require_one_agent("trajectory", trajectory.rewards.shape[:-1])
    content = {
        "variational free energy of the belief": _variational(trajectory),
        "expected free energy of the plan": _expected(trajectory),
    }
    figure, drawn = panels(list(content), [1.9, 1.9], axes, figsize)
    timeline = Timeline.of(trajectory)
    for panel, (title, lines) in zip(drawn, content.items(), strict=True):
        _draw(panel, timeline, lines)
        means = " (mean of each episode)" if timeline.crowded else ""
        panel.set_title(title + means, loc="left", fontsize="medium")
    timeline.finish(drawn)
    figure.align_ylabels(drawn)
    return figure


def _variational(trajectory: Trajectory) -> dict[str, Array]:
    terms = trajectory.free_energy
    found = {"F": terms.total, "complexity": terms.complexity, "accuracy": terms.accuracy}
    return {name: array(value) for name, value in found.items()}


def _expected(trajectory: Trajectory) -> dict[str, Array]:
    plan = trajectory.plan
    found = {
        "G": array(plan.total),
        "risk": array(plan.risk),
        "ambiguity": array(plan.ambiguity),
        "pragmatic value": array(plan.pragmatic),
        "epistemic value": array(plan.epistemic),
    }
    novelty = array(plan.novelty)
    return found | ({"novelty": novelty} if np.nan_to_num(novelty).any() else {})


def _draw(axes: Axes, timeline: Timeline, lines: Mapping[str, Array]) -> None:
    axes.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
    for name, values in lines.items():
        x, y = timeline.line(values)
        axes.plot(
            x, y, label=name, markersize=marker_size(len(x)), fillstyle="none", **STYLES[name]
        )
    axes.set_ylabel("nats")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), **LEGEND)


def marker_size(points: int) -> float:
    """Points for the marker of a line: smaller where there are many, none where they would touch.

    Example:
        >>> marker_size(3), marker_size(100), marker_size(1000)
        (5.0, 2.5, 0.0)
    """
    return next((size for limit, size in ((60, 5.0), (200, 2.5)) if points <= limit), 0.0)
