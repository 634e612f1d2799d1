"""The command line."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyro_activeinf.__main__ import main
from pyro_activeinf.bench import command
from pyro_activeinf.bench.command import add_command, execute
from pyro_activeinf.bench.results import Results

QUICKLY = ["--quick", "--only", "belief update, batch 64"]


def text(*arguments: str) -> str:
    program = argparse.ArgumentParser()
    parser = add_command(program.add_subparsers())
    return execute(parser, program.parse_args(["bench", *arguments]))


def test_a_quick_run_without_a_peer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = text(*QUICKLY, "--output", str(tmp_path)).split("\n")
    assert shown[0].startswith("measurement")
    assert [line.split("  ")[0] for line in shown[1:3]] == [
        "belief update, batch 64",
        "belief update, batch 64, peer's model compiled in",
    ]
    assert shown[3].startswith("The peer is absent (none was named)")
    assert shown[4] == f"bench.json is in {tmp_path / 'quick'}."
    content = json.loads((tmp_path / "quick" / "bench.json").read_text())
    assert content["rows"][0]["ours"]["measurements"] == command.QUICK.turns
    assert content["rows"][0]["peer"] is None
    assert "belief update" in capsys.readouterr().err  # progress


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the experiments are run with; none is."""
    found: dict[str, object] = {}

    def note(  # the arguments as the command hands them over
        rows: object,
        curves: object,
        output: object,
        peer: object,
        effort: object,
        outcomes: object,
        others: object,
    ) -> Results:
        found.update(rows=rows, curves=curves, output=output, peer=peer, effort=effort)
        found.update(outcomes=outcomes, others=others)
        return Results({}, ())

    monkeypatch.setattr(command, "run", note)
    return found


def test_it_is_a_command_of_the_library(
    asked: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"bench.json is in {tmp_path}.\n"


def test_defaults(asked: dict[str, object]) -> None:
    assert text() == "bench.json is in docs/results."
    assert asked["output"] == Path("docs/results")
    assert asked["peer"] is None
    assert asked["effort"] == command.Effort()


def test_repeats_are_turns(asked: dict[str, object]) -> None:
    text("--repeats", "3")
    assert asked["effort"] == command.Effort(turns=3)
    text("--repeats", "3", "--quick")
    assert asked["effort"] == command.Effort(turns=3, seconds=0.0)


def test_a_peer_is_started_by_its_interpreter(asked: dict[str, object], tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("")
    text("--peer-python", str(python))
    assert isinstance(asked["peer"], Callable)  # type: ignore[arg-type]
    assert asked["peer"]().command[0] == str(python)  # type: ignore[operator]


def test_a_run_that_was_stopped_is_resumed(asked: dict[str, Any], tmp_path: Path) -> None:
    done = {"rows": [{"name": "belief update, batch 1"}], "curves": []}
    (tmp_path / "bench.json").write_text(json.dumps(done))
    options = ["--only", "belief update, batch 1", "--output", str(tmp_path)]
    text(*options)
    again = [experiment.name for experiment in asked["rows"]]
    text(*options, "--resume")
    assert [experiment.name for experiment in asked["rows"]] == again[1:]
    assert again[0] == "belief update, batch 1"


def test_a_record_of_something_else_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bench.json").write_text("[]")
    for option in ([], ["--resume"]):
        with pytest.raises(SystemExit, match="2"):
            text("--only", "batch 64", "--output", str(tmp_path), *option)
        assert "`output`: expected a folder whose bench.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "nonsense"], "`--only`: expected part of one of: policy scoring, H=4, batch 1"),
        (["--peer-python", "/no/python"], "`--peer-python`: expected a Python interpreter, got"),
        (["--repeats", "0"], "expected an integer of at least 1, got 0."),
    ],
)
def test_wrong_options(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        text(*arguments)
    assert complaint in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="2"):
        text(*QUICKLY, "--output", str(tmp_path / "file"))
    assert "`--output`: expected a folder to write to" in capsys.readouterr().err
