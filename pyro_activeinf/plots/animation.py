"""An animation of what an agent believes and does, saved to a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm.auto import tqdm

from .._checks import complain, nonnegative, positive_int
from ..records import Trajectory
from ._canvas import Labels, array, require_labels, require_one_agent
from ._controls import controls_of
from ._files import write_whole
from ._grid_view import GridView
from ._scenes import GridScene, MarginalScene, Scene, counted, one_hot
from .grid import Grid

if TYPE_CHECKING:
    from PIL.Image import Image

DPI = 100


def animate(
    trajectory: Trajectory,
    path: str | Path,
    grid: Grid | None = None,
    labels: Labels | None = None,
    every: int = 1,
    speed: float = 2.0,
    progress: bool = True,
) -> Path:
    """Save an animated GIF of beliefs and actions, a frame for each time step.

    On a grid: as :func:`grid_beliefs`, beside the probabilities of the actions. Without one: bars
    for each state site, for each observation site of whole numbers, and for the actions. The file
    appears when it is complete; where this fails or is interrupted, what was there before stays.

    Args:
        trajectory: the record of one agent.
        path: name of the file, ending in ``.gif``.
        grid: how the values of a state site lie in a grid.
        labels: names of the values of a state site, of an observation site, or of ``action``
            (``action_0``, .. for several controls).
        every: draw one row of so many.
        speed: frames per second.
        progress: show a progress bar.

    Returns:
        The path of the file.

    Raises:
        ValueError: for a path that does not end in ``.gif`` or has no folder, labels or a grid
            that do not fit, a wrong number, or a trajectory of a batch of agents.

    Example:
        >>> import tempfile
        >>> import gymnasium as gym, pyro
        >>> from pyro_activeinf import Agent, rollout
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop
        >>> pyro.set_rng_seed(0)
        >>> agent = Agent(TMaze(), planner=OpenLoop(2))
        >>> run = rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=1, progress=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     animate(run, Path(folder) / "trial.gif", progress=False).name
        'trial.gif'
    """
    positive_int("every", every)
    if not nonnegative("speed", speed):
        raise ValueError(complain("speed", "a number above 0", speed))
    require_one_agent("trajectory", trajectory.rewards.shape[:-1])
    scene = _scene(trajectory, grid, _checked_labels(trajectory, labels or {}))
    rows = range(0, len(trajectory.step), every)
    bar = tqdm(rows, unit="frame", disable=not progress)
    return write_whole(_checked_path(path), partial(_save, _frames(scene, bar), 1000 / speed))


def _checked_path(path: str | Path) -> Path:
    found = Path(path)
    if found.suffix != ".gif":
        raise ValueError(complain("path", "a name that ends in .gif", str(found)))
    if not found.parent.is_dir():
        way_out = "Make the folder first."
        raise ValueError(complain("path", "a file in a folder that exists", str(found), way_out))
    return found


def _checked_labels(trajectory: Trajectory, labels: Labels) -> Labels:
    sizes = {site: probs.shape[-1] for site, probs in trajectory.beliefs.items()}
    sizes |= {control.name: control.size for control in controls_of(trajectory)}
    sizes |= {site: one_hot(array(values), None).shape[-1] for site, values in counted(trajectory)}
    require_labels(labels, list(sizes.items()))
    return labels


def _scene(trajectory: Trajectory, grid: Grid | None, labels: Labels) -> Scene:
    if grid is None:
        return MarginalScene(trajectory, labels)
    return GridScene(trajectory, labels, GridView.of(grid, trajectory))


def _frames(scene: Scene, rows: Iterable[int]) -> Iterator[Image]:
    """Pictures of some rows, all with the panels of the first one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    scene.figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(scene.figure)
    for row in rows:
        scene.draw(row)
        canvas.draw()  # type: ignore[no-untyped-call]
        scene.figure.set_layout_engine("none")
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        yield Image.fromarray(pixels).convert("RGB").quantize(dither=Image.Dither.NONE)


def _save(frames: Iterator[Image], duration: float, path: Path) -> None:
    """Write an animated GIF; duration of a frame in milliseconds."""
    first = next(frames)
    timing: dict[str, Any] = {"duration": round(duration), "loop": 0}
    with path.open("wb") as file:
        first.save(file, format="GIF", save_all=True, append_images=frames, **timing)
