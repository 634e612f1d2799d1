"""Many lives: each is what `rollout` records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pyro_activeinf import rollout, rollout_many, to_arviz
from pyro_activeinf.jobs import FailedJobsWarning, Job, grid, isolated, seed_of
from tests.jobs import workers
from tests.jobs.folders import contents
from tests.rollout import lives

JOBS = grid(lives.visitor, validity=[0.6, 0.98])


def test_a_stored_life_is_that_of_rollout(tmp_path: Path) -> None:
    report = rollout_many(
        JOBS, episodes=3, store=tmp_path / "lives.zarr", seed=2, draws=5, progress=False
    )
    for job in JOBS:
        with isolated(seed_of(2, job.name), torch.get_default_dtype()):
            run = rollout(*job.run(), episodes=3, progress=False)
            expected: Any = to_arviz(run, draws=5)
        found = report.store[job.name]
        for group in ("posterior", "observed_data", "beliefs", "policies"):
            for variable, values in expected[group].data_vars.items():
                np.testing.assert_array_equal(found[group][variable], values)


def test_lives_differ_by_seed_and_not_by_worker(tmp_path: Path) -> None:
    jobs = [Job(lives.visitor)] * 3
    report = rollout_many(jobs, 4, store=tmp_path / "here.zarr", progress=False)
    actions = report.store.together("observed_data")["actions"].values
    assert len({tuple(row) for row in actions.tolist()}) > 1
    with workers.pool(1) as pool:
        rollout_many(jobs, 4, store=tmp_path / "pool.zarr", executor=pool, progress=False)
    assert contents(tmp_path / "pool.zarr") == contents(tmp_path / "here.zarr")


def test_policies_need_not_be_kept(tmp_path: Path) -> None:
    report = rollout_many(
        JOBS[:1], 2, store=tmp_path / "lives.zarr", keep_policies=False, progress=False
    )
    assert "policy_probs" not in report.store[JOBS[0].name]["policies"]


def test_how_long_is_a_matter_of_the_study(tmp_path: Path) -> None:
    rollout_many(JOBS[:1], 2, store=tmp_path / "lives.zarr", progress=False)
    with pytest.raises(ValueError, match="with other calls"):
        rollout_many(JOBS[:1], 3, store=tmp_path / "lives.zarr", progress=False)


def test_jobs_make_an_agent_and_a_world(tmp_path: Path) -> None:
    with pytest.warns(FailedJobsWarning, match=r"that return \(agent, env\)"):
        rollout_many([Job(lives.alone)], 1, store=tmp_path / "lives.zarr", progress=False)


@pytest.mark.parametrize("how_long", [{}, {"steps": 1, "episodes": 1}, {"steps": 0}])
def test_how_long_has_to_be_said(tmp_path: Path, how_long: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="steps"):
        rollout_many(JOBS, **how_long, store=tmp_path / "lives.zarr", progress=False)
