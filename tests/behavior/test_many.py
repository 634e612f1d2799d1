"""Many fits: each is what `fit` finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pyro_activeinf import to_arviz
from pyro_activeinf.behavior import MAP, Laplace, Variational, fit, fit_many
from pyro_activeinf.jobs import FailedJobsWarning, Job, grid, isolated, seed_of
from tests.behavior.studies import nobody, people
from tests.jobs import workers
from tests.jobs.folders import contents


def test_a_stored_fit_is_that_of_fit(tmp_path: Path) -> None:
    engine = Laplace(draws=20, mode=MAP(starts=1))
    jobs = grid(people, subjects=[2])
    report = fit_many(jobs, engine, store=tmp_path / "fits.zarr", seed=3, draws=7, progress=False)
    assert report.done == ("subjects=2",)
    with isolated(seed_of(3, "subjects=2"), torch.get_default_dtype()):
        expected = to_arviz(fit(*people(2), engine, progress=False), draws=7)
    found = report.store["subjects=2"]
    for group in ("posterior", "log_likelihood", "prior", "observed_data"):
        for variable, values in expected[group].data_vars.items():
            np.testing.assert_array_equal(found[group][variable], values)


def test_processes_fit_alike(tmp_path: Path) -> None:
    engine, jobs = MAP(starts=1), [Job(people, name=name) for name in ("a", "b")]
    fit_many(jobs, engine, store=tmp_path / "here.zarr", progress=False)
    with workers.pool(1) as pool:
        fit_many(jobs, engine, store=tmp_path / "pool.zarr", executor=pool, progress=False)
    assert contents(tmp_path / "pool.zarr") == contents(tmp_path / "here.zarr")


def test_another_engine_is_another_study(tmp_path: Path) -> None:
    fit_many([Job(people)], MAP(starts=1), store=tmp_path / "fits.zarr", progress=False)
    with pytest.raises(ValueError, match="with other calls, as '0'"):
        fit_many([Job(people)], Variational(), store=tmp_path / "fits.zarr", progress=False)


def test_jobs_make_a_model_and_choices(tmp_path: Path) -> None:
    with pytest.warns(FailedJobsWarning, match=r"that return \(model, choices\).*returned 3"):
        fit_many([Job(nobody)], MAP(), store=tmp_path / "fits.zarr", progress=False)
    with pytest.raises(TypeError, match="a list of Job"):
        fit_many([people], MAP(), store=tmp_path / "others.zarr", progress=False)  # type: ignore[list-item]
