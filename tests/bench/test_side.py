"""Sides that are processes of their own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyro_activeinf.bench.problem import Problem
from pyro_activeinf.bench.side import Process, SideError, ours, pymdp
from pyro_activeinf.bench.worlds import grid


@pytest.fixture(scope="module")
def side() -> Iterator[Process]:
    with ours() as side:
        yield side


def test_ours_answers(side: Process) -> None:
    assert side.ask("hello")["name"] == "pyro_activeinf"


def test_a_problem_is_prepared_and_run(side: Process) -> None:
    task = side.prepare("a", Problem("updating", grid(3)))
    assert task.compile_seconds >= 0
    assert len(task.run(2)) == 2
    assert len(task.outputs()["belief 0"][0]) == 9
    assert side.peak() > 2**24


def test_an_error_is_raised_here_and_the_process_lives_on(side: Process) -> None:
    with pytest.raises(SideError, match="`do`: expected one of"):
        side.ask("dance")
    assert side.ask("clear") is None


def test_closing_ends_the_process() -> None:
    side = Process(
        [sys.executable, "-c", "import time; print('{\"ok\": 1}', flush=True); time.sleep(60)"], {}
    )
    assert side.ask("hello") == 1
    process = side._process
    side.close()
    assert process is not None
    assert process.poll() is not None


def test_a_process_that_breaks_down_is_told_with_its_last_words() -> None:
    with Process([sys.executable, "-c", "raise SystemExit('out of luck')"], {}) as side:
        for _ in range(2):  # it is started anew
            with pytest.raises(SideError, match=r"ended with code 1\. out of luck"):
                side.ask("hello")


def test_no_such_program() -> None:
    with pytest.raises(SideError, match="cannot be run: No such file"):
        Process(["/no/such/python"], {}).ask("hello")


def test_one_thread_each() -> None:
    code = "import os; print('{\"ok\": ' + os.environ['OMP_NUM_THREADS'] + '}', flush=True)"
    with Process([sys.executable, "-c", code], {}) as side:
        assert side.ask("hello") == 1


def test_an_interpreter_without_the_peer_says_so() -> None:
    with pymdp(Path(sys.executable)) as side, pytest.raises(SideError, match="No module named"):
        side.ask("hello")
