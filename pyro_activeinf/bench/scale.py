"""Many fits on a cluster whose worker is killed, and after everything was killed.

``python -m pyro_activeinf.bench.scale --output docs/results`` writes ``scale.json``. The fits are
done one after the other; by two processes of a dask cluster, one of which is killed midway; and by
a process that is killed midway together with its cluster, scheduler and all, after which a pool of
two processes does the rest. Stores have to be equal in every bit. Besides, two processes learn what
one does (:mod:`.ranks`), and large data are written (:mod:`.writing`).
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
import torch

from ..behavior import (
    MAP,
    ChoiceModel,
    Choices,
    Laplace,
    RescorlaWagner,
    fit_many,
    simulate,
)
from ..behavior.tasks import ReversalLearning
from ..demo.files import writable_folder, write
from ..jobs import Job, Report
from ..store import Store
from . import ranks, writing

FITS, SUBJECTS, TRIALS, DRAWS, SEED = 200, 2, 30, 50, 0


def parameters() -> None:
    """A learning rate and an inverse temperature."""
    pyro.sample("rate", dist.Beta(2.0, 2.0))
    pyro.sample("precision", dist.LogNormal(1.0, 0.5))


def learner(values: Any) -> RescorlaWagner:
    """One who follows rewards."""
    return RescorlaWagner(values["rate"], values["precision"])


def simulated(subjects: int = SUBJECTS, trials: int = TRIALS) -> tuple[ChoiceModel, Choices]:
    """Subjects whose parameters are drawn from the priors, and their model."""
    model = ChoiceModel(parameters, learner)
    found = simulate(model, ReversalLearning(), subjects=subjects, trials=trials)
    return model, found.choices


def people(number: int, notes: str) -> tuple[ChoiceModel, Choices]:
    """Simulated subjects and their model; the note says which process has begun with them."""
    with (Path(notes) / str(number)).open("a") as file:
        file.write(f"{os.getpid()}\n")
    return simulated()


def fits(count: int, notes: Path, store: Path, executor: Executor | None, shown: bool) -> Report:
    """Do so many fits, or those of them that are missing in the store."""
    jobs = [Job(people, (number, str(notes))) for number in range(count)]
    engine = Laplace(draws=DRAWS, mode=MAP(starts=1))
    return fit_many(jobs, engine, store=store, executor=executor, seed=SEED, progress=shown)


@contextmanager
def dask_cluster() -> Iterator[Any]:
    """A client of a cluster of two processes on this machine."""
    import dask
    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it tells of killed workers
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "spawn"}),
        LocalCluster(silence_logs=logging.CRITICAL, **options) as cluster,
        Client(cluster) as client,
    ):
        yield client


class Killer(threading.Thread):
    """Kills a process once a store holds so many results."""

    def __init__(self, store: Path, results: int, victim: int) -> None:
        super().__init__(daemon=True)
        self.store, self.results, self.victim = store, results, victim
        self.held = -1  # results that there were

    def run(self) -> None:
        """Wait, and kill."""
        while self.held < self.results:
            time.sleep(0.02)
            self.held = sum(1 for _ in self.store.glob("*/zarr.json"))
        os.kill(self.victim, signal.SIGKILL)


def contents(store: Path) -> dict[str, bytes]:
    """All files below a folder."""
    files = (path for path in store.rglob("*") if path.is_file())
    return {str(path.relative_to(store)): path.read_bytes() for path in files}


def told(notes: Path) -> dict[str, list[int]]:
    """Processes that have begun with each job; the notes are then empty."""
    found = {path.name: [*map(int, path.read_text().split())] for path in notes.iterdir()}
    for path in notes.iterdir():
        path.unlink()
    return found


def outcome(store: Path, count: int, begun: dict[str, list[int]], serial: Path) -> dict[str, Any]:
    """What a run has to show."""
    return {
        "results": len(Store(store)),
        "jobs begun once": sum(len(who) == 1 for who in begun.values()),
        "jobs begun again, which were in hand": sum(len(who) > 1 for who in begun.values()),
        "equal to the serial run bit for bit": contents(store) == contents(serial),
        "processes": len({who for each in begun.values() for who in each}),
    }


def killed_worker(count: int, notes: Path, home: Path, shown: bool) -> dict[str, Any]:
    """A dask cluster that loses one of its two workers midway."""
    store, start = home / "dask.zarr", time.perf_counter()
    with dask_cluster() as client:
        victim = next(iter(client.run(os.getpid).values()))
        killer = Killer(store, count // 2, victim)
        killer.start()
        report = fits(count, notes, store, client.get_executor(), shown)
    seconds = time.perf_counter() - start
    return {
        "killed after": killer.held,
        "failed": len(report.failed),
        "seconds": round(seconds, 1),
        **outcome(store, count, told(notes), home / "serial.zarr"),
    }


def killed_scheduler(count: int, notes: Path, home: Path, shown: bool) -> dict[str, Any]:
    """A process that is killed with its scheduler, and a pool that does what is missing."""
    store = home / "resumed.zarr"
    command = [sys.executable, "-m", "pyro_activeinf.bench.scale", "--as-victim"]
    given = [str(count), str(notes), str(store)]
    with subprocess.Popen(command + given, stderr=subprocess.DEVNULL) as victim:
        killer = Killer(store, count // 2, victim.pid)
        killer.start()
        victim.wait()
    time.sleep(5.0)  # orphaned workers see that they are alone
    found = len(Store(store))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        report = fits(count, notes, store, pool, shown)
    return {
        "found": found,
        "done by the second call": len(report.done),
        "failed": len(report.failed),
        **outcome(store, count, told(notes), home / "serial.zarr"),
    }


def study(count: int, shown: bool) -> dict[str, Any]:
    """The fits, done in three ways."""
    with tempfile.TemporaryDirectory() as folder:
        home, notes = Path(folder), Path(folder) / "notes"
        notes.mkdir()
        start = time.perf_counter()
        fits(count, notes, home / "serial.zarr", None, shown)
        seconds = time.perf_counter() - start
        serial = outcome(home / "serial.zarr", count, told(notes), home / "serial.zarr")
        ways: dict[str, Callable[..., dict[str, Any]]] = {
            "one of two dask workers killed": killed_worker,
            "scheduler killed, then a pool": killed_scheduler,
        }
        found = {name: way(count, notes, home, shown) for name, way in ways.items()}
    facts = {"fits": count, "subjects": SUBJECTS, "trials": TRIALS, "engine": "Laplace"}
    return {**facts, "serial": {"seconds": round(seconds, 1), **serial}, **found}


def run(output: Path, count: int = FITS, shown: bool = True) -> dict[str, Any]:
    """Do all of it, and write ``scale.json``, part by part.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "study": lambda: study(count, shown),
        "learning": ranks.compare,
        "writing": writing.measure,
    }
    found: dict[str, Any] = {}
    for name, part in parts.items():
        found[name] = part()
        write(output / "scale.json", partial(_written, found))
    return found


def _written(found: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(found, indent=1) + "\n")


def be_victim(count: str, notes: str, store: str) -> None:
    """Do fits on a cluster, to be killed meanwhile."""
    with dask_cluster() as client:
        fits(int(count), Path(notes), Path(store), client.get_executor(), shown=False)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m pyro_activeinf.bench.scale", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--fits", type=int, default=FITS, metavar="N")
    parser.add_argument("--as-victim", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.as_victim is not None:
        be_victim(*options.as_victim)
        return
    print(json.dumps(run(options.output, options.fits), indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
