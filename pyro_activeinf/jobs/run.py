"""Run many jobs by any executor into one store."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, as_completed
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch
from tqdm.auto import tqdm

from .._checks import complain, positive_int
from ..store import Store
from .job import Job
from .study import Study
from .work import JobError, Task, perform


class FailedJobsWarning(UserWarning):
    """Some jobs raised an exception; the others are done."""


class InterruptedStudyError(RuntimeError):
    """The executor broke down before all jobs were done; results so far are in the store.

    Attributes:
        remaining: names of the jobs that are not done.
    """

    def __init__(self, text: str, remaining: tuple[str, ...]) -> None:
        super().__init__(text, remaining)
        self.remaining = remaining

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Report:
    """What came of the jobs."""

    store: Store  # results by name, read as they are looked at
    names: tuple[str, ...]  # of all jobs
    found: tuple[str, ...]  # those whose results were there before
    failed: Mapping[str, JobError]  # name to what went wrong; they are tried again next time

    @property
    def done(self) -> tuple[str, ...]:
        """Names of the jobs that were done by this call."""
        before = {*self.found, *self.failed}
        return tuple(name for name in self.names if name not in before)

    def __str__(self) -> str:
        """Say it in numbers."""
        return (
            f"{len(self.names)} jobs: {len(self.found)} were there, {len(self.done)} done now, "
            f"{len(self.failed)} failed"
        )


def run_many(
    jobs: Iterable[Job],
    *,
    store: str | os.PathLike[str],
    executor: Executor | None = None,
    seed: int = 0,
    progress: bool = True,
    draws: int = 100,
    title: str = "jobs",
) -> Report:
    """Run jobs, each of which ends as a group of a Zarr store.

    A job's random numbers follow from the seed and its name alone, and it runs with one thread:
    results do not depend on executors, on the number of workers or on the order, to the last bit
    (on machines of one kind). Generators, number of threads and Pyro's parameter store of the
    process that a job runs in are afterwards as before; threads of one process take turns.

    Workers write results themselves as they come, each as a whole or not at all. Whatever is
    killed, worker, scheduler or this process, loses the work in hand only: a second call does what
    is missing. A study may grow: the jobs of a store may be some of those of the next call.

    Args:
        jobs: what to run; names have to differ.
        store: path of the store, a folder that all workers see.
        executor: any ``concurrent.futures.Executor``: a ``ProcessPoolExecutor`` (with
            ``multiprocessing.get_context("spawn")`` or ``"forkserver"``: torch does not get along
            with ``fork``), ``Client.get_executor()`` of ``dask.distributed``, ..; ``None`` to run
            them here, one after the other.
        seed: of the study.
        progress: show a progress bar.
        draws: number of draws, from records that hold distributions.
        title: of the progress bar.

    Returns:
        Where results are, which were there before, and which failed.

    Raises:
        TypeError: functions that cannot be imported, as lambdas, or arguments that cannot be
            pickled.
        ValueError: the store is of another study.
        InterruptedStudyError: a worker of a process pool died. Results so far are in the store.

    Warns:
        FailedJobsWarning: jobs raised an exception; see ``failed`` of the report.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     jobs = [Job(dict, (), {"square": n * n}) for n in range(3)]
        ...     report = run_many(jobs, store=f"{folder}/squares.zarr", progress=False)
        ...     print(report)
        ...     print(run_many(jobs, store=f"{folder}/squares.zarr", progress=False))
        ...     report.store.together("result")["square"].values.tolist()
        3 jobs: 0 were there, 3 done now, 0 failed
        3 jobs: 3 were there, 0 done now, 0 failed
        [0, 1, 4]
    """
    if not isinstance(executor, Executor | None):
        way_out = "For dask: client.get_executor()."
        expected = "a concurrent.futures.Executor"
        raise TypeError(complain("executor", expected, repr(executor), way_out))
    positive_int("draws", draws)
    study, shelf = Study.of(jobs, seed), Store(store)
    study.enter(shelf)
    names = tuple(job.name for job in study.jobs)
    there = set(shelf)
    found = tuple(name for name in names if name in there)
    dtype = torch.get_default_dtype()
    tasks = [Task(j, seed, dtype, shelf.path, draws) for j in study.jobs if j.name not in there]
    failed = _all_done(tasks, executor, _bar(names, found, progress, title))
    if study.is_complete(shelf):
        shelf.tidy()
    report = Report(shelf, names, found, failed)
    _tell(report)
    return report


def _bar(names: tuple[str, ...], found: tuple[str, ...], progress: bool, title: str) -> Any:
    bar = tqdm(total=len(names), initial=len(found), disable=not progress, unit=" job", desc=title)
    if found and progress:
        bar.write(f"{title}: {len(found)} of {len(names)} are in the store already")
    return bar


def _all_done(tasks: list[Task], executor: Executor | None, bar: Any) -> dict[str, JobError]:
    """Failures by name.

    Raises:
        InterruptedStudyError: tasks came back undone.
    """
    failed: dict[str, JobError] = {}
    undone: dict[str, BaseException] = {}
    ended = _here(tasks) if executor is None else _by(executor, tasks)
    with bar, closing(ended):
        for name, error in ended:
            if isinstance(error, JobError):
                failed[name] = error
                bar.set_postfix_str(f"{len(failed)} failed")
            elif error is not None:
                undone[name] = error
            bar.update(error is None)
    if undone:
        raise _interrupted(undone, len(tasks))
    return failed


Ended = Generator[tuple[str, BaseException | None], None, None]


def _here(tasks: list[Task]) -> Ended:
    for task in tasks:
        try:
            perform(task)
        except JobError as error:
            yield task.job.name, error
        else:
            yield task.job.name, None


def _by(executor: Executor, tasks: list[Task]) -> Ended:
    futures: dict[Future[None], str] = {}
    try:
        for task in tasks:
            try:
                futures[executor.submit(perform, task)] = task.job.name
            except BrokenExecutor as error:  # already, while jobs are handed over
                yield task.job.name, error
        for future in as_completed(futures):
            yield futures[future], _error(future)
    finally:  # after an interrupt, do not begin others
        for future in futures:
            future.cancel()


def _error(future: Future[None]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _interrupted(undone: Mapping[str, BaseException], tasks: int) -> InterruptedStudyError:
    first, reason = next(iter(undone.items()))
    text = complain(
        "executor",
        f"one that does all {tasks} jobs",
        f"{len(undone)} that came back undone, as {first!r}: {type(reason).__name__}: {reason}",
        "Results so far are in the store: call again, with a new executor, for the others.",
    )
    return InterruptedStudyError(text, tuple(undone))


def _tell(report: Report) -> None:
    if not report.failed:
        return
    errors = "; ".join(map(str, list(report.failed.values())[:3]))
    text = f"{report}. {errors}. `failed` of the report has all; they are tried again next time."
    warnings.warn(text, FailedJobsWarning, stacklevel=4)
