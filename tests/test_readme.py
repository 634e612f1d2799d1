"""The README: its script runs and prints what it says, its links and commands lead somewhere."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyro
import pyro.distributions as dist
import pytest

import pyro_activeinf as aif
from pyro_activeinf.demo import lake
from pyro_activeinf.demo.proportion import Proportion

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES, SECONDS = 25, 10.0


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_there_is_one_script_and_it_is_short() -> None:
    (script,) = blocks("python")
    assert len(script.splitlines()) <= LINES
    assert max(map(len, script.splitlines())) <= 100


def test_the_script_prints_what_the_readme_says(tmp_path: Path) -> None:
    (script,), (printed, _) = blocks("python"), blocks("text")
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-W", "error", "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout == printed
    # Its own time, imports included, so that a busy machine does not matter.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < SECONDS


def test_the_example_of_behavior_is_a_model_of_choices() -> None:
    (example,) = blocks("py")
    *lines, last = example.splitlines()
    assert last.startswith("data = aif.to_arviz(behavior.fit(model, choices))")
    row = {"who": "Ada", "trial": [0, 1, 2], "choice": [0, 1, 1], "outcome": [1, 0, 1]}
    known = {"aif": aif, "pyro": pyro, "dist": dist, "df": pd.DataFrame(row)}
    exec("\n".join(lines), known)
    trace = pyro.poutine.trace(known["model"]).get_trace(known["choices"])
    assert trace.nodes["choice"]["value"].tolist() == [[0, 1, 1]]


def test_the_script_uses_public_names_only() -> None:
    (script,) = blocks("python")
    assert not re.search(r"\._|import _", script)


def test_the_table_is_one_of_the_demonstration() -> None:
    _, table = blocks("text")
    head, *rows, optimum = table.splitlines()
    assert re.split(r"\s{2,}", head) == [
        "world",
        "agent",
        "measure",
        "rate",
        "95 % interval",
        "trials",
    ]
    assert f"{lake.optimum():.1%}" in optimum
    for row in rows:
        *_, rate, interval, trials = re.split(r"\s{2,}", row)
        successes = round(float(rate.rstrip("%")) / 100 * int(trials))
        low, high = Proportion(successes, int(trials)).interval()
        assert interval == f"{low:.1%} to {high:.1%}"


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)]+)\)", README))
def test_links_lead_to_files(link: str) -> None:
    assert (ROOT / link).is_file()


def test_the_picture_is_a_png() -> None:
    (picture,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert (ROOT / picture).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_commands_are_targets_of_the_makefile() -> None:
    commands = re.findall(r"^make (\w+)", README, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert commands == ["demo", "test"]
    assert all(re.search(rf"^{command}:", makefile, re.MULTILINE) for command in commands)
