"""What a worker does with a job."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path

import torch

from ..store import Store, collected
from .isolation import isolated, seed_of
from .job import Job


class JobError(Exception):
    """A job that failed: its name, what was raised, and where.

    Attributes:
        job: the job's name.
        kind: name of the exception's class.
        text: its message.
        where: the traceback of the worker.
    """

    def __init__(self, job: str, kind: str, text: str, where: str) -> None:
        super().__init__(job, kind, text, where)  # all of it, so that it can be pickled
        self.job, self.kind, self.text, self.where = job, kind, text, where

    def __str__(self) -> str:
        return f"job {self.job!r}: {self.kind}: {self.text}"


@dataclass(frozen=True)
class Task:
    """A job on its way to a worker."""

    job: Job
    seed: int  # of the study
    dtype: torch.dtype  # torch's default one
    path: Path  # of the store
    draws: int


def perform(task: Task) -> None:
    """Run a job, unless its result is there, and put the result into the store.

    Raises:
        JobError: the job raised an exception, or returned what cannot be stored.
    """
    store, name = Store(task.path), task.job.name
    if name in store:  # by another worker, which the scheduler has lost sight of
        return
    try:
        with isolated(seed_of(task.seed, name), task.dtype):
            found = collected(task.job.run(), task.draws)
        store.put(name, found, {"job": name, "study_seed": task.seed})
    except Exception as error:  # noqa: BLE001, a job may raise anything: the others go on
        where = "".join(traceback.format_exception(error))
        raise JobError(name, type(error).__name__, str(error), where) from None
