"""The figures show the numbers that they are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyro_activeinf.demo import figures, tmaze
from pyro_activeinf.demo.proportion import Proportion
from pyro_activeinf.demo.results import Results, Row
from pyro_activeinf.records import Trajectory

PNG = b"\x89PNG\r\n\x1a\n"
RESULTS = Results(
    0,
    (
        Row("T-maze", "seeker", "rewarded", Proportion(9, 10)),
        Row("T-maze", "gambler", "rewarded", Proportion(5, 10)),
        Row("lake", "walker", "goal reached", Proportion(3, 4)),
    ),
    optimum=0.8,
)


@pytest.fixture
def trial() -> Trajectory:
    return tmaze.epistemic(1, progress=False)


def test_bars_are_as_long_as_the_rates() -> None:
    maze, lake = figures.comparison(RESULTS).axes
    assert [bar.get_width() for bar in maze.patches] == [0.9, 0.5]
    assert [bar.get_width() for bar in lake.patches] == [0.75, 0.8]
    assert [text.get_text() for text in maze.get_yticklabels()] == ["seeker", "gambler"]
    assert [text.get_text() for text in lake.get_yticklabels()] == ["walker", "optimal policy"]
    assert maze.get_title(loc="left") == "T-maze: rewarded (n = 10)"


def test_error_bars_are_the_confidence_intervals() -> None:
    maze, lake = figures.comparison(RESULTS).axes
    drawn = [
        (segment[0][0], segment[1][0])
        for axes in (maze, lake)
        for segment in axes.collections[0].get_segments()  # type: ignore[attr-defined]
    ]
    for found, row in zip(drawn, RESULTS.rows, strict=True):
        assert found == pytest.approx(row.proportion.interval())


def test_the_overview_shows_the_trial_beside_each_plan(trial: Trajectory) -> None:
    drawn = figures.overview(trial, tmaze.plans(trial), tmaze.LABELS)
    titles = {axes.get_title(loc="left") or axes.get_title() for axes in drawn.axes}
    assert {"belief q(context)", "observation: reward", "action"} <= titles
    assert {"time step 0", "time step 1"} <= titles


def test_every_figure_is_written(trial: Trajectory, tmp_path: Path) -> None:
    figures.save_figures(tmp_path, trial, tmaze.plans(trial), RESULTS, tmaze.LABELS)
    names = {"beliefs", "policies", "free_energy", "overview", "comparison"}
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.png" for name in names}
    assert all(path.read_bytes().startswith(PNG) for path in tmp_path.iterdir())
