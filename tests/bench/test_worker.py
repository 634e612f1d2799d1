"""Our side answers requests."""

import json
from pathlib import Path
from typing import Any

import torch

from pyro_activeinf.bench.problem import Problem
from pyro_activeinf.bench.worker import Worker, answer
from pyro_activeinf.bench.worlds import grid

PROBLEM = Problem("updating", grid(3)).to_json()


def ask(worker: Worker, verb: str, **details: Any) -> Any:
    return json.loads(answer(worker, json.dumps({"do": verb, **details})))


def test_hello_names_the_libraries() -> None:
    assert ask(Worker(), "hello")["ok"].keys() == {"name", "pyro-activeinf", "torch", "python"}


def test_prepare_run_outputs_clear() -> None:
    worker = Worker()
    first, second = ask(worker, "prepare", key="a", problem=PROBLEM)["ok"]
    assert min(first, second) > 0
    durations = ask(worker, "run", key="a", calls=3, seconds=None)["ok"]
    assert len(durations) == 3
    assert list(ask(worker, "outputs", key="a", given=None)["ok"]) == ["belief 0"]
    assert ask(worker, "clear") == {"ok": None}
    assert not worker.tasks
    assert not worker.results


def test_a_run_has_at_least_one_call() -> None:
    worker = Worker()
    ask(worker, "prepare", key="a", problem=PROBLEM)
    assert len(ask(worker, "run", key="a", calls=1000, seconds=0.0)["ok"]) == 1


def test_peak_is_in_bytes() -> None:
    assert ask(Worker(), "peak")["ok"] > 2**24


def test_an_unknown_verb() -> None:
    assert ask(Worker(), "dance")["error"].startswith("`do`: expected one of hello")


def test_a_problem_that_cannot_be_done_is_told() -> None:
    impossible = {**PROBLEM, "task": "scoring", "horizon": 0}
    error = ask(Worker(), "prepare", key="a", problem=impossible)["error"]
    assert error.startswith("ValueError: `horizon`: expected an integer of at least 1")


def test_settling_forgets_an_earlier_peak() -> None:
    worker = Worker()
    filled = torch.ones(2**25)
    high = ask(worker, "peak")["ok"]
    del filled
    can_forget = Path("/proc/self/clear_refs").exists()
    assert ask(worker, "settle")["ok"] <= (high - 2**26 if can_forget else high)
