"""Our side of a measurement: see :mod:`~pyro_activeinf.bench.side` for what it is asked."""

from __future__ import annotations

import gc
import json
import os
import platform
import re
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

import torch

from . import games
from .task import Timed
from .tasks import TASKS


class Worker:
    """Does what it is asked to, problem by problem."""

    def __init__(self) -> None:
        self.tasks: dict[str, Timed] = {}
        self.results: dict[str, Any] = {}

    def hello(self) -> dict[str, Any]:
        """Name and versions of the libraries."""
        return {
            "name": "pyro_activeinf",
            "pyro-activeinf": installed("pyro-activeinf"),
            "torch": torch.__version__.split("+")[0],
            "python": platform.python_version(),
        }

    def prepare(self, key: str, problem: Mapping[str, Any]) -> tuple[float, float]:
        """Set a problem up and do it twice; seconds of both calls."""
        self.tasks[key] = TASKS[problem["task"]](problem)
        first, second = self._once(key), self._once(key)
        return first, second

    def run(self, key: str, calls: int, seconds: float | None) -> list[float]:
        """Do it up to so many times and for so long, at least once; seconds of each call."""
        found = [self._once(key)]
        end = time.perf_counter() + (float("inf") if seconds is None else seconds)
        while len(found) < calls and time.perf_counter() < end:
            found.append(self._once(key))
        return found

    def _once(self, key: str) -> float:
        task = self.tasks[key]
        start = task.fresh()
        begin = time.perf_counter()
        result = task.run(start)
        duration = time.perf_counter() - begin
        self.results[key] = result
        return duration

    def outputs(self, key: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """The numbers of the last call."""
        return self.tasks[key].outputs(self.results[key], given)

    def play(self, name: str, episodes: int, seed: int) -> dict[str, Any]:
        """Returns of episodes in a world."""
        return games.play(name, episodes, seed)

    def tiger(self, horizons: list[int], discount: float) -> dict[str, Any]:
        """Values of the tiger's problem."""
        return games.tiger_values(horizons, discount)

    def settle(self) -> int:
        """Free what can be freed, and count the peak from now on, where the system can do that."""
        gc.collect()
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        return self.peak()

    def peak(self) -> int:
        """The most memory that this process has held, in bytes."""
        return largest_resident_set()

    def clear(self) -> None:
        """Forget all problems."""
        self.tasks.clear()
        self.results.clear()


VERBS = ("hello", "prepare", "run", "outputs", "settle", "peak", "clear")
ALONE = ("play", "tiger")  # nothing that a peer is asked


def answer(worker: Worker, line: str) -> str:
    """The answer to one request, both as a line of JSON.

    Example:
        >>> answer(Worker(), '{"do": "clear"}')
        '{"ok": null}'
        >>> answer(Worker(), '{"do": "dance"}')[:43]
        '{"error": "`do`: expected one of hello, pre'
    """
    request = json.loads(line)
    verb = request.pop("do")
    if verb not in VERBS + ALONE:
        known = ", ".join(VERBS + ALONE)
        return json.dumps({"error": f"`do`: expected one of {known}, got {verb}."})
    try:
        return json.dumps({"ok": getattr(worker, verb)(**request)})
    except (TypeError, ValueError, RuntimeError, MemoryError, ImportError) as error:
        return json.dumps({"error": f"{type(error).__name__}: {error}"})


def largest_resident_set() -> int:
    """The most memory that this process has held, in bytes.

    Linux tells it for the program alone; its ``ru_maxrss`` would be that of the parent process,
    where that was larger when it started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s*(\d+) kB", status.read_text())[0]) * 1024
    import resource  # not on every system

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def installed(package: str) -> str:
    """The version of an installed package; empty where it only lies on the path."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def take_one_core() -> None:
    """Stay on one core, where the system lets a process choose."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def own_output() -> IO[str]:
    """The pipe of the answers; whatever else is printed goes to the errors from now on."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe


def main() -> None:
    """Answer requests until there are no more."""
    take_one_core()
    torch.set_num_threads(1)
    worker, pipe = Worker(), own_output()
    with torch.no_grad():
        for line in sys.stdin:
            print(answer(worker, line), file=pipe, flush=True)


if __name__ == "__main__":
    main()
