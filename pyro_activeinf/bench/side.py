"""One side of a measurement: it answers requests, as a process by lines of JSON over its pipes.

A request is ``{"do": verb, ...}``; the answer ``{"ok": value}`` or ``{"error": text}``. The verbs:

- ``hello``: name and versions of the libraries;
- ``prepare`` (key, problem): set a problem up and do it twice; seconds of both calls;
- ``run`` (key, calls, seconds): do it again, up to so many times and for so long; seconds of each;
- ``outputs`` (key, given): the numbers to be compared; ``given`` are those of the other side;
- ``play`` (name, episodes, seed), ``tiger`` (horizons, discount): of ours alone, what agents earn
  and plans are worth; see :mod:`~pyro_activeinf.bench.games`;
- ``settle``: free what can be freed, and count the peak from now on, where the system can;
- ``peak``: the most memory that the process has held, in bytes;
- ``clear``: forget all problems.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Self

from .problem import Problem

PACKAGE = Path(__file__).parent.parent
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
}


class SideError(RuntimeError):
    """A side could not do what it was asked to."""


class Side(ABC):
    """Whoever answers requests."""

    @abstractmethod
    def ask(self, verb: str, **details: Any) -> Any:
        """Send a request and wait for the answer.

        Raises:
            SideError: the side could not do it.
        """

    @abstractmethod
    def close(self) -> None:
        """Free what the side holds, whatever it is at."""

    def __enter__(self) -> Self:
        """The side itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        self.close()

    def prepare(self, key: str, problem: Problem) -> Prepared:
        """Set a problem up under a name."""
        first, second = self.ask("prepare", key=key, problem=problem.to_json())
        return Prepared(self, key, max(0.0, first - second))

    def settle(self) -> float:
        """Count the peak from now on; returns what is held now, in bytes."""
        return float(self.ask("settle"))

    def peak(self) -> float:
        """The most memory that the side has held, in bytes."""
        return float(self.ask("peak"))


class Prepared:
    """A problem that a side is ready to do."""

    def __init__(self, side: Side, key: str, compile_seconds: float) -> None:
        self.side, self.key, self.compile_seconds = side, key, compile_seconds

    def run(self, calls: int, seconds: float | None = None) -> list[float]:
        """Do it up to so many times, at least once; returns the seconds of each call."""
        return list(self.side.ask("run", key=self.key, calls=calls, seconds=seconds))

    def outputs(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Numbers to be compared; ``given`` are those of the other side."""
        return dict(self.side.ask("outputs", key=self.key, given=given))


class Process(Side):
    """A side in a process of its own, started when first asked; one that broke down, anew."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.command = list(command)
        self.environment = {**os.environ, **ONE_THREAD, **environment}
        self._process: subprocess.Popen[str] | None = None
        self._files = ExitStack()
        self._complaints: IO[str] | None = None

    def close(self) -> None:
        """End the process, whatever it is at."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        self._files.close()

    def ask(self, verb: str, **details: Any) -> Any:
        """Send a request and wait for the answer.

        Raises:
            SideError: the process cannot be started, has ended, or could not do it.
        """
        process = self._running()
        with contextlib.suppress(BrokenPipeError):  # what it said before it ended is still read
            print(json.dumps({"do": verb, **details}), file=process.stdin, flush=True)
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise SideError(self._last_words())
        answer = json.loads(line)
        if "error" in answer:
            raise SideError(answer["error"])
        return answer["ok"]

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            file = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed with the process
            self._complaints = self._files.enter_context(file)
            try:
                self._process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._complaints,
                    text=True,
                    env=self.environment,
                    start_new_session=True,  # Ctrl-C is for us; we end it then
                )
            except OSError as error:
                self.close()
                raise SideError(f"{self.command[0]} cannot be run: {error.strerror}.") from error
        return self._process

    def _last_words(self) -> str:
        code = self._process.wait() if self._process else None
        words = ""
        if self._complaints is not None:
            self._complaints.seek(0)
            words = " ".join(self._complaints.read().split("\n")[-2:]).strip()
        self.close()
        return f"its process ended with code {code}. {words}".strip()


def ours() -> Process:
    """This library, in this interpreter."""
    path = os.pathsep.join([str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    return Process([sys.executable, "-m", "pyro_activeinf.bench.worker"], {"PYTHONPATH": path})


def pymdp(python: Path) -> Process:
    """The peer, in an interpreter that has it; nothing of ours is on its path."""
    return Process([str(python), "-I", str(PACKAGE / "bench" / "peer_pymdp.py")], {})


def cpomdp(python: Path) -> Process:
    """The peer for Gaussian models, likewise."""
    return Process([str(python), "-I", str(PACKAGE / "bench" / "peer_cpomdp.py")], {})
