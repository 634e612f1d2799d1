"""The demonstration as a whole, with few trials."""

from __future__ import annotations

import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import arviz
import pytest
import torch

from pyro_activeinf.demo import Results, run, tmaze
from pyro_activeinf.records import Trajectory

Finished = tuple[Path, Results, str, str]
FILES = {
    "beliefs.png",
    "comparison.png",
    "free_energy.png",
    "hierarchy.png",
    "overview.png",
    "policies.png",
    "results.json",
    "trajectory.nc",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The folder, the results, and what was written to stdout and to stderr."""
    output = tmp_path_factory.mktemp("demo") / "new"
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        results = run(output, trials=5, seed=1)
    torch.set_default_dtype(dtype)
    return output, results, out.getvalue(), err.getvalue()


def test_every_file_is_there_and_nothing_else(finished: Finished) -> None:
    output, *_ = finished
    assert {path.name for path in output.iterdir()} == FILES


def test_the_rows_cover_all_worlds(finished: Finished) -> None:
    _, results, *_ = finished
    assert [(row.world, row.agent, row.proportion.trials) for row in results.rows] == [
        ("T-maze", "epistemic agent", 5),
        ("T-maze", "reward-only agent", 5),
        ("T-maze", "epistemic agent", 5),
        ("T-maze", "reward-only agent", 5),
        ("Reading", "agent of two levels", 5),
        ("FrozenLake 4x4", "closed-loop agent", 5),
    ]


def test_the_results_are_kept(finished: Finished) -> None:
    output, results, *_ = finished
    assert (output / "results.json").read_text() == results.to_json()
    assert json.loads(results.to_json())["seed"] == 1


def test_the_trajectory_is_read_back(finished: Finished) -> None:
    output, results, *_ = finished
    kept = arviz.from_netcdf(str(output / "trajectory.nc"))
    assert kept["beliefs"].sizes["time"] == 15
    rewarded = (kept["observed_data"]["reward"].values.reshape(5, 3)[:, -1] == 1).sum()
    assert rewarded == results.rows[2].proportion.successes


def test_a_seed_fixes_the_table(finished: Finished, tmp_path: Path) -> None:
    _, results, *_ = finished
    torch.set_default_dtype(torch.float32)  # as on the command line
    assert run(tmp_path, trials=5, seed=1, progress=False) == results


def test_progress_is_told_apart_from_output(finished: Finished) -> None:
    *_, out, err = finished
    assert out == ""
    for title in ("T-maze, epistemic agent", "T-maze, reward-only agent", "FrozenLake 4x4"):
        assert f"{title}\n" in err
    assert "5/5" in err


def test_an_interrupted_rollout_ends_the_demonstration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(trials: int, progress: bool) -> Trajectory:
        return tmaze.play(None, trials - 1, progress)

    monkeypatch.setattr(tmaze, "epistemic", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, trials=3, progress=False)
    assert list(tmp_path.iterdir()) == []
