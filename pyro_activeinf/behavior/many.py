"""Many fits, by any executor, into one store."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import replace
from inspect import signature
from typing import Any

from .._checks import complain, instance, known_names
from ..jobs import Job, Report, run_many
from .behavior_fit import BehaviorFit
from .engines import Engine
from .fit import fit

SET_HERE = ("model", "choices", "engine", "progress")  # arguments of `fit` that are no options


def fit_many(
    jobs: Iterable[Job],
    engine: Engine | None = None,
    *,
    store: str | os.PathLike[str],
    executor: Executor | None = None,
    seed: int = 0,
    progress: bool = True,
    draws: int = 100,
    **options: Any,
) -> Report:
    """Fit many models to many people: subjects, data sets, models, parameter grids.

    Each job makes a model and the choices that it is fitted to, in the worker, by simulating,
    reading a file, or taking some rows of a table. The fit is kept in the store under the job's
    name, with the groups that :func:`~pyro_activeinf.to_arviz` makes, for ArviZ and xarray to read
    as needed. See :func:`~pyro_activeinf.jobs.run_many` for executors, seeds, interruptions and
    errors.

    Args:
        jobs: functions that return ``(model, choices)``, and what they are called with. The
            functions have to be importable; what they return never leaves the worker, so models may
            have any function inside.
        engine: of every fit, as in :func:`~.fit`.
        store: path of the Zarr store.
        executor: any ``concurrent.futures.Executor``; ``None`` to do it here.
        seed: of the study.
        progress: show a progress bar.
        draws: of posterior predictive and prior, as in :func:`~pyro_activeinf.to_arviz`.
        options: others of :func:`~.fit`.

    Returns:
        Where the fits are, which were there before, and which failed.

    Raises:
        TypeError: for jobs or an engine that are none, and as ``run_many``.
        ValueError: for options that :func:`~.fit` does not have, and as ``run_many``.
        InterruptedStudyError: as ``run_many``.

    Example:
        >>> import tempfile
        >>> from pyro_activeinf.behavior import MAP
        >>> from pyro_activeinf.bench.scale import simulated
        >>> from pyro_activeinf.jobs import grid
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     jobs, path = grid(simulated, subjects=[2], trials=[5, 10]), f"{folder}/study.zarr"
        ...     report = fit_many(jobs, MAP(), store=path, draws=5, progress=False)
        ...     print(report)
        ...     report.store["subjects=2,trials=10"]["observed_data"]["choice"].shape
        2 jobs: 0 were there, 2 done now, 0 failed
        (2, 10)
    """
    instance("jobs", jobs, Iterable, "a list of Job")
    expected = "an engine: behavior.NUTS(), Variational(), Laplace() or MAP()"
    instance("engine", engine, (Engine, type(None)), expected)
    allowed = [name for name in signature(fit).parameters if name not in SET_HERE]
    known_names("options", options, allowed)
    return run_many(
        (_as_fit(job, engine, options) for job in jobs),
        store=store,
        executor=executor,
        seed=seed,
        progress=progress,
        draws=draws,
        title="fit_many",
    )


def _as_fit(job: Job, engine: Engine | None, options: dict[str, Any]) -> Job:
    if not isinstance(job, Job):
        return job  # which is refused with the others
    return replace(job, function=_fitted, args=(job, engine), kwargs=options)


def _fitted(job: Job, engine: Engine | None, **options: Any) -> BehaviorFit:
    """Make the model and the choices, and fit it."""
    made = job.run()
    if not isinstance(made, tuple) or len(made) != 2:
        expected = "functions that return (model, choices)"
        raise TypeError(complain("jobs", expected, f"{job.function!r}, which returned {made!r}"))
    return fit(*made, engine, progress=False, **options)
