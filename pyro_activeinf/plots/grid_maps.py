"""An agent's belief of where it is in a grid, time step by time step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._checks import complain, positive_int
from ..records import Trajectory
from ._canvas import LEGEND, WIDTH, Array, array, color_bar, new_figure, require_one_agent
from ._diagram import LINE
from ._grid_view import GridView
from .grid import MOVES, Cell, Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAPS = 5.9  # inches for panels side by side
ACROSS, CELL = 6, 0.16  # that many at most, of cells at least so many inches wide
FEW, MOST = 24, 120  # panels that are drawn by default, and at most


def grid_beliefs(  # noqa: PLR0913
    trajectory: Trajectory,
    shape: tuple[int, int],
    site: str | None = None,
    every: int | None = None,
    observed: str | None = None,
    moves: Sequence[Cell] = MOVES,
    walls: Sequence[Cell] = (),
    marks: Mapping[Cell, str] | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw q(s_t) over a grid as small multiples, with what was seen and done.

    Shades are probabilities, a ring is the cell that was observed. Arrows start at the most
    probable cell: the action that was taken, and the others as long as they are probable.

    Args:
        trajectory: the record of one agent.
        shape: number of rows and of columns.
        site: the state site whose values are the cells, row by row from the top left; by default
            the only one with as many values as there are cells.
        every: draw one of so many time steps, and the last one of each episode; by default as
            many as fit.
        observed: the observation site whose values are cells.
        moves: where each action leads, as (row, column); left, down, right, up by default, as in
            FrozenLake and GridWorld. Empty for no arrows.
        walls: cells (row, column) to be hatched.
        marks: a letter or word for some cells, for example ``{(3, 3): "G"}``.
        figsize: width and height in inches.

    Raises:
        ValueError: for a site, moves or cells that do not fit the grid, a wrong ``every``, a
            trajectory of a batch of agents, or more panels than can be told apart.

    Example:
        >>> import gymnasium as gym, pyro
        >>> from pyro_activeinf import Agent, rollout
        >>> from pyro_activeinf.models import from_gymnasium
        >>> from pyro_activeinf.planning import Sophisticated
        >>> pyro.set_rng_seed(0)
        >>> env = gym.make("FrozenLake-v1", is_slippery=False)
        >>> agent = Agent(from_gymnasium(env), planner=Sophisticated(6, terms={"pragmatic"}))
        >>> run = rollout(agent, env, episodes=1, progress=False)
        >>> figure = grid_beliefs(run, shape=(4, 4), observed="observation")
        >>> figure.axes[0].get_title()
        'step 0'
    """
    require_one_agent("trajectory", trajectory.rewards.shape[:-1])
    view = GridView.of(Grid(shape, site, observed, moves, walls, marks or {}), trajectory)
    rows, texts = _shown(trajectory, every), step_texts(trajectory)
    above = 0.08 + LINE * (1 + texts[0].count("\n"))
    figure, axes, height = _panels(len(rows), view, above, figsize)
    for panel, row in zip(axes, rows, strict=True):
        image = view.draw(panel, row)
        panel.set_title(texts[row], fontsize="small", pad=0)
    color_bar(image, axes, [height], f"probability q({view.site})")
    if handles := view.legend():
        figure.legend(handles=handles, ncols=4, loc="outside upper left", **LEGEND)
    return figure


def _panels(
    count: int, view: GridView, above: float, figsize: tuple[float, float] | None
) -> tuple[Figure, list[Axes], float]:
    """A figure, its panels in lines with room above, and the height of all lines in inches."""
    rows, columns = view.span
    across = max(1, min(ACROSS, int(MAPS / (CELL * columns))))
    lines = -(-count // across)
    height = lines * (MAPS / across * rows / columns + above)
    figure = new_figure(figsize or (WIDTH, height + 0.4))
    axes = list(figure.subplots(lines, across, squeeze=False).ravel())
    for spare in axes[count:]:
        spare.remove()
    return figure, axes[:count], height


def step_texts(trajectory: Trajectory) -> list[str]:
    """What each row is called: its time step, and its episode where there are several."""
    steps, episodes = array(trajectory.step), array(trajectory.episode)
    if len(np.unique(episodes)) == 1:
        return [f"step {step}" for step in steps]
    return [f"episode {e}\nstep {step}" for e, step in zip(episodes, steps, strict=True)]


def _shown(trajectory: Trajectory, every: int | None) -> Array:
    """Rows to draw: one of so many steps, and the last one of each episode."""
    steps, episodes = array(trajectory.step), array(trajectory.episode)
    stride = -(-len(steps) // FEW) if every is None else positive_int("every", every)
    last = np.append(episodes[1:] != episodes[:-1], True)
    rows = np.flatnonzero((steps % stride == 0) | last)
    if len(rows) > MOST:
        way_out = "Draw fewer with every=, or some of trajectory.episodes()."
        raise ValueError(complain("every", f"at most {MOST} panels", f"{len(rows)}", way_out))
    return rows
