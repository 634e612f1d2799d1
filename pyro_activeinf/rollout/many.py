"""Many lives, by any executor, into one store."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from .._checks import complain, positive_int
from ..jobs import Job, Report, run_many
from ..records import Trajectory
from .single import rollout


def rollout_many(  # noqa: PLR0913
    jobs: Iterable[Job],
    steps: int | None = None,
    episodes: int | None = None,
    *,
    store: str | os.PathLike[str],
    executor: Executor | None = None,
    seed: int = 0,
    progress: bool = True,
    keep_policies: bool = True,
    draws: int = 100,
) -> Report:
    """Let many agents live in worlds: seeds, models, parameter grids.

    Each job makes an agent and a world, in the worker, which then lives there for so many steps or
    episodes. Its trajectory is kept in the store under the job's name, with the groups that
    :func:`~pyro_activeinf.to_arviz` makes. See :func:`~pyro_activeinf.jobs.run_many` for executors,
    seeds, interruptions and errors.

    Args:
        jobs: functions that return ``(agent, env)`` and what they are called with; where one
            depends on chance, it draws from torch, NumPy or Python, which are seeded for each job.
        steps, episodes: how long each lives, as in :func:`~pyro_activeinf.rollout`.
        store: path of the Zarr store.
        executor: any ``concurrent.futures.Executor``; ``None`` to do it here.
        seed: of the study.
        progress: show a progress bar.
        keep_policies: keep q(pi) and G of every policy at every step.
        draws: from the beliefs, as in :func:`~pyro_activeinf.to_arviz`.

    Returns:
        Where the trajectories are, which were there before, and which failed.

    Raises:
        ValueError: neither or both of ``steps`` and ``episodes`` are given, or as ``run_many``.

    Example:
        >>> import tempfile, gymnasium as gym
        >>> from pyro_activeinf import Agent, models, planning
        >>> def visitor():  # at the top of a module, where workers are to import it
        ...     agent = Agent(models.TMaze(), planner=planning.OpenLoop(2))
        ...     return agent, gym.make("pyro_activeinf/TMaze-v0")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report = rollout_many([Job(visitor)] * 2, episodes=1, store=f"{folder}/maze.zarr",
        ...                           progress=False)
        ...     report.store.together("observed_data")["actions"].values
        array([[ 3,  1, -1],
               [ 3,  1, -1]])
    """
    if (steps is None) == (episodes is None):
        got = f"steps={steps}, episodes={episodes}"
        raise ValueError(complain("steps, episodes", "one of the two", got))
    unit, count = ("episodes", episodes) if steps is None else ("steps", steps)
    options = {unit: positive_int(unit, count or 0), "keep_policies": keep_policies}
    return run_many(
        (_as_life(job, options) for job in jobs),
        store=store,
        executor=executor,
        seed=seed,
        progress=progress,
        draws=draws,
        title="rollout_many",
    )


def _as_life(job: Job, options: dict[str, Any]) -> Job:
    if not isinstance(job, Job):
        return job  # which is refused with the others
    return replace(job, function=_live, args=(job,), kwargs=options)


def _live(job: Job, **options: Any) -> Trajectory:
    """Make the agent and the world, and let it live."""
    made = job.run()
    if not isinstance(made, tuple) or len(made) != 2:
        expected = "functions that return (agent, env)"
        raise TypeError(complain("jobs", expected, f"{job.function!r}, which returned {made!r}"))
    return rollout(*made, progress=False, **options)
