"""From experiments to files."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pyro_activeinf.bench import run as run_experiments
from pyro_activeinf.bench.experiment import Experiment
from pyro_activeinf.bench.problem import Problem
from pyro_activeinf.bench.results import Results
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


def test_a_folder_that_cannot_be_written_to(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        run([ROW], [], output=tmp_path / "file")
