"""Animations saved to files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from pyro_activeinf import plots
from pyro_activeinf.plots import Grid, animation
from tests.plots.trajectories import made


def frames(path: Path) -> list[np.ndarray[Any, Any]]:
    found = []
    with Image.open(path) as image:
        for k in range(getattr(image, "n_frames", 1)):
            image.seek(k)
            found.append(np.asarray(image.convert("L"), dtype=float))
    return found


@pytest.mark.parametrize("grid", [None, Grid((2, 2), observed="sound")], ids=["bars", "grid"])
def test_there_is_a_frame_for_each_step(tmp_path: Path, grid: Grid | None) -> None:
    path = tmp_path / "run.gif"

    assert plots.animate(made((2,), controls=(4,)), path, grid, progress=False) == path
    pictures = frames(path)
    assert len(pictures) == 2
    assert {picture.shape for picture in pictures} == {pictures[0].shape}
    assert (pictures[0] != pictures[1]).mean() > 0.001
    assert list(tmp_path.iterdir()) == [path]


def test_panels_stay_in_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a later frame has beside them."""
    draw = animation.MarginalScene.draw

    def drawn(scene: animation.MarginalScene, row: int) -> None:
        draw(scene, row)
        scene.figure.supylabel("a label\n" * (4 * row))

    monkeypatch.setattr(animation.MarginalScene, "draw", drawn)
    path = plots.animate(made((2,)), tmp_path / "run.gif", progress=False)

    black = [picture < 60 for picture in frames(path)]
    columns = [np.flatnonzero(picture.mean(0) > 0.5) for picture in black]  # frames of the panels
    assert len(columns[0]) >= 2
    for found in columns[1:]:
        np.testing.assert_array_equal(found, columns[0])


def test_some_rows_at_some_speed(tmp_path: Path) -> None:
    path = plots.animate(made((3,)), tmp_path / "a.gif", every=2, speed=4.0, progress=False)

    assert len(frames(path)) == 2
    with Image.open(path) as image:
        assert image.info["duration"] == 250
        assert image.info["loop"] == 0  # for ever


def test_progress_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plots.animate(made((2,)), str(tmp_path / "a.gif"))

    assert "2/2" in capsys.readouterr().err


def test_an_interrupted_animation_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.gif"
    path.write_text("old")

    def interrupted(scene: animation.MarginalScene, row: int) -> None:
        if row == 1:
            raise KeyboardInterrupt
        draw(scene, row)

    draw = animation.MarginalScene.draw
    monkeypatch.setattr(animation.MarginalScene, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        plots.animate(made((3,)), path, progress=False)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "run.mp4"}, "`path`: expected a name that ends in .gif, got .*run.mp4"),
        ({"path": "nowhere/run.gif"}, "`path`: expected a file in a folder that exists.*Make the"),
        ({"every": 0}, "`every`: expected an integer of at least 1, got 0"),
        ({"speed": 0}, "`speed`: expected a number above 0, got 0"),
        ({"speed": -1.0}, "`speed`: expected a number >= 0"),
        ({"labels": {"hat": ["a"]}}, "`labels`: expected names among"),
        ({"labels": {"sound": ["a"]}}, r"`labels\['sound'\]`: expected a label for each of 3"),
        ({"grid": Grid((3, 3))}, "`site`: expected one state site of 9 values"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(
    tmp_path: Path, arguments: Mapping[str, Any], message: str
) -> None:
    path = tmp_path / str(arguments.get("path", "run.gif"))
    with pytest.raises(ValueError, match=message):
        plots.animate(made(controls=(4,)), **(dict(arguments) | {"path": path}))
    assert list(tmp_path.iterdir()) == []


def test_a_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`trajectory`: .*a batch of shape \(2,\)"):
        plots.animate(made(batch=(2,)), tmp_path / "a.gif")


def test_settings_stay_as_they_are_and_no_window_is_opened(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    plots.animate(made((1,)), tmp_path / "a.gif", progress=False)

    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []
