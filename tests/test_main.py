"""The command line: its output, its errors and its exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pyro_activeinf import __main__, demo
from pyro_activeinf.__main__ import INTERRUPTED, main
from pyro_activeinf.demo import Results
from pyro_activeinf.demo.proportion import Proportion
from pyro_activeinf.demo.results import Row

RESULTS = Results(0, (Row("maze", "seeker", "rewarded", Proportion(1, 2)),), 0.9)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, int, int]]:
    """The arguments of each demonstration asked for, in place of running it."""
    found = []

    def run(output: Path, trials: int, seed: int) -> Results:
        found.append((output, trials, seed))
        return RESULTS

    monkeypatch.setattr(demo, "run", run)
    return found


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The last line of a command that has to exit with 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    out, err = capsys.readouterr()
    assert caught.value.code == 2
    assert out == ""
    return err.splitlines()[-1]


def test_the_demo_prints_its_table(
    calls: list[tuple[Path, int, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--output", "there", "--trials", "3", "--seed", "5"]) == 0
    assert calls == [(Path("there"), 3, 5)]
    out = capsys.readouterr().out
    assert RESULTS.table() in out
    assert "there" in out.splitlines()[-1]


def test_the_continuous_demo_prints_its_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found: list[object] = []

    def run(output: Path, actions: int | None, seed: int) -> list[int]:
        found.extend([output, actions, seed])
        return [40, 15]

    monkeypatch.setattr(demo.continuous, "run", run)
    assert main(["demo", "continuous", "--output", "there", "--seed", "3"]) == 0
    assert found == [Path("there"), None, 3]
    out = capsys.readouterr().out
    assert "flag after  15 actions (75 steps of the world)" in out
    assert "there" in out.splitlines()[-1]


def test_the_demo_has_defaults(calls: list[tuple[Path, int, int]]) -> None:
    assert main(["demo"]) == 0
    assert calls == [(Path("demo"), 200, 0)]


def test_commands_run_on_one_thread(calls: list[tuple[Path, int, int]]) -> None:
    torch.set_num_threads(2)
    main(["demo"])
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("value", ["0", "-3", "2.5", "many", ""])
def test_trials_are_counted_from_one(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    expected = f"argument --trials: expected an integer from 1 to 1000000, got {value!r}."
    assert refusal(["demo", "--trials", value], capsys).endswith(expected)


@pytest.mark.parametrize("value", ["-1", "4294967296", "zero"])
def test_seeds_are_those_of_every_generator(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    expected = f"argument --seed: expected an integer from 0 to 4294967295, got {value!r}."
    assert refusal(["demo", "--seed", value], capsys).endswith(expected)


@pytest.mark.parametrize(("below", "reason"), [("", "File exists"), ("inside", "Not a directory")])
def test_a_folder_that_cannot_be_written_to_is_named(
    below: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    output = tmp_path / "file" / below
    expected = (
        f"`--output`: expected a folder to write to, got {output} ({reason}). Choose another one."
    )
    assert refusal(["demo", "--output", str(output)], capsys).endswith(expected)


@pytest.mark.parametrize("arguments", [[], ["walk"], ["demo", "--speed", "3"]])
def test_unknown_arguments_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "error: " in refusal(arguments, capsys)


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "demo" in capsys.readouterr().out


def test_an_interrupt_ends_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: object) -> Results:
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__.demo, "run", run)
    assert main(["demo"]) == INTERRUPTED
    assert "Interrupted" in capsys.readouterr().err


def test_the_package_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "pyro_activeinf"]
    options = ["demo", "--output", str(tmp_path / "out"), "--trials", "1"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("world ")
    assert (tmp_path / "out" / "results.json").is_file()
