"""From experiments to files."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pyro_activeinf.bench import run as run_experiments
from pyro_activeinf.bench.experiment import Experiment, Lab
from pyro_activeinf.bench.outcomes import Episodes
from pyro_activeinf.bench.problem import Problem
from pyro_activeinf.bench.results import Results, Row
from pyro_activeinf.bench.scaling import Scaling
from pyro_activeinf.bench.timing import Timing
from pyro_activeinf.bench.worlds import grid
from tests.bench.sides import BRIEFLY, Absent, Local

ROW = Timing("a row", Problem("updating", grid(2)))
BROKEN = Timing("a broken row", Problem("scoring", grid(2), horizon=0))
CURVE = Scaling("a curve", "states", "all else", ((4, Problem("scoring", grid(2))),))

Run = Callable[..., Results]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return partial(run_experiments, output=tmp_path, effort=BRIEFLY, progress=False, ours=Local)


def test_files_of_rows_and_curves(run: Run, tmp_path: Path) -> None:
    results = run([ROW], [CURVE])
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"bench.json", "scaling.png", "scaling.pdf"}
    content = json.loads((tmp_path / "bench.json").read_text())
    assert content == json.loads(results.to_json())
    assert content["facts"].keys() == {"cores", "threads", "dtype", "ours", "peer"}
    assert [row["name"] for row in content["rows"]] == ["a row"]
    assert content["peer_absent"] == results.absence


def test_no_figure_without_curves(run: Run, tmp_path: Path) -> None:
    run([ROW], [])
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


def test_with_a_peer(run: Run) -> None:
    results = run([ROW], [], peer=Local)
    assert results.rows[0].difference == 0.0
    assert results.absence == ""


def test_with_an_absent_peer(run: Run) -> None:
    results = run([ROW], [], peer=Absent)
    assert results.rows[0].peer is None
    assert results.absence in results.table()


def test_a_failure_is_told_and_the_rest_goes_on(run: Run) -> None:
    experiments: list[Experiment] = [BROKEN, ROW]
    results = run(experiments, [])
    assert [row.name for row in results.rows] == ["a row"]
    assert results.failures["a broken row"].startswith("ValueError: `horizon`")
    assert json.loads(results.to_json())["failures"].keys() == {"a broken row"}


class Stopped(Timing):
    """Somebody presses Ctrl-C while it is measured."""

    def run(self, lab: Lab) -> Row:
        raise KeyboardInterrupt


def test_a_run_that_is_stopped_keeps_what_it_has_measured(run: Run, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run([ROW, Stopped("never measured", ROW.problem)], [CURVE])
    content = json.loads((tmp_path / "bench.json").read_text())
    assert [row["name"] for row in content["rows"]] == ["a row"]
    run([], [CURVE])
    content = json.loads((tmp_path / "bench.json").read_text())
    assert [row["name"] for row in content["rows"]] == ["a row"]
    assert [curve["name"] for curve in content["curves"]] == ["a curve"]


def test_what_is_measured_again_takes_the_place_of_what_was(run: Run, tmp_path: Path) -> None:
    other = Timing("another row", ROW.problem)
    run([ROW, other], [CURVE])
    before = json.loads((tmp_path / "bench.json").read_text())
    run([ROW], [], peer=Local)
    after = json.loads((tmp_path / "bench.json").read_text())
    assert [row["name"] for row in after["rows"]] == ["a row", "another row"]
    assert after["rows"][0]["peer"] is not None
    assert after["rows"][0]["facts"]["peer"] is not None
    assert after["rows"][1] == before["rows"][1]
    assert after["rows"][1]["facts"]["peer"] is None
    assert after["curves"] == before["curves"]


def test_a_failure_is_forgotten_once_it_is_measured(run: Run, tmp_path: Path) -> None:
    run([Timing("a row", BROKEN.problem)], [])
    assert json.loads((tmp_path / "bench.json").read_text())["failures"].keys() == {"a row"}
    run([ROW], [])
    assert json.loads((tmp_path / "bench.json").read_text())["failures"] == {}


def test_returns_have_a_figure(run: Run, tmp_path: Path) -> None:
    results = run([], [], outcomes=[Episodes("ice", "FrozenLake 4x4", 3)])
    assert "ice" in results.table()
    assert (tmp_path / "returns.png").exists()
    assert json.loads((tmp_path / "bench.json").read_text())["outcomes"][0]["name"] == "ice"


def test_a_folder_that_cannot_be_written_to(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        run([ROW], [], output=tmp_path / "file")
