"""Many jobs: by which executor makes no difference, and nothing that is done is done again."""

from __future__ import annotations

import logging
import random
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyro
import pytest
import torch
import zarr

from pyro_activeinf.jobs import (
    FailedJobsWarning,
    InterruptedStudyError,
    Job,
    JobError,
    Report,
    grid,
    run_many,
    seed_of,
)
from pyro_activeinf.store import Store
from tests.jobs import calls, workers
from tests.jobs.folders import calls as calls_in
from tests.jobs.folders import contents


def jobs_in(folder: Path, count: int = 6) -> list[Job]:
    folder.mkdir(exist_ok=True)
    return [Job(calls.noted, (str(folder), number)) for number in range(count)]


def run(jobs: list[Job], store: Path, **options: Any) -> Report:
    return run_many(jobs, store=store, progress=False, **options)


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    return jobs_in(tmp_path / "notes")


@pytest.fixture
def serial(tmp_path: Path, jobs: list[Job]) -> dict[str, bytes]:
    """The files that a serial run leaves."""
    run(jobs, tmp_path / "serial.zarr")
    return contents(tmp_path / "serial.zarr")


def test_a_pool_of_processes_writes_what_a_serial_run_does(
    tmp_path: Path, jobs: list[Job], serial: dict[str, bytes]
) -> None:
    torch.set_default_dtype(torch.float32)  # workers are to have it too
    run(jobs, tmp_path / "single.zarr")
    with workers.pool() as pool:
        run(jobs, tmp_path / "pool.zarr", executor=pool)
    assert contents(tmp_path / "pool.zarr") == contents(tmp_path / "single.zarr") != serial


def test_threads_take_turns(tmp_path: Path, jobs: list[Job], serial: dict[str, bytes]) -> None:
    with ThreadPoolExecutor(4) as pool:
        run(jobs, tmp_path / "threads.zarr", executor=pool)
    assert contents(tmp_path / "threads.zarr") == serial


def test_the_order_of_jobs_makes_no_difference(tmp_path: Path) -> None:
    named = [Job(calls.draws, name=name) for name in "abc"]
    run(named, tmp_path / "one.zarr")
    run(named[::-1], tmp_path / "other.zarr")
    one, other = Store(tmp_path / "one.zarr"), Store(tmp_path / "other.zarr")
    for name in "abc":
        assert contents(one.path / name) == contents(other.path / name)
    assert len({one[name]["result"]["python"].item() for name in "abc"}) == 3


def test_a_process_is_left_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(3), random.seed(3), np.random.seed(3)  # noqa: NPY002
    expected = torch.rand(3), random.random(), np.random.rand()  # noqa: NPY002
    torch.manual_seed(3), random.seed(3), np.random.seed(3)  # noqa: NPY002
    threads = torch.get_num_threads()
    with torch.no_grad():
        run([Job(calls.draws)], tmp_path / "store.zarr")
    found = torch.rand(3), random.random(), np.random.rand()  # noqa: NPY002
    assert torch.equal(found[0], expected[0])
    assert found[1:] == expected[1:]
    assert torch.get_num_threads() == threads
    assert "left" not in pyro.get_param_store()
    result = Store(tmp_path / "store.zarr")["0"]["result"]
    assert result["threads"] == 1
    assert result["parameters"] == 0


def test_seeds_differ_between_jobs_and_studies() -> None:
    words = {tuple(seed_of(s, n).generate_state(4)) for s in range(5) for n in ("0", "1", "a")}
    assert len(words) == 15


def test_a_second_call_does_nothing_twice(tmp_path: Path, jobs: list[Job]) -> None:
    store = tmp_path / "store.zarr"
    first = run(jobs[:4], store)
    second, third = run(jobs, store), run(jobs[:5], store)
    assert (first.found, first.done) == ((), ("0", "1", "2", "3"))
    assert (second.found, second.done) == (("0", "1", "2", "3"), ("4", "5"))
    assert third.done == ()
    assert calls_in(tmp_path / "notes") == dict.fromkeys(map(str, range(6)), 1)
    assert str(second) == "6 jobs: 4 were there, 2 done now, 0 failed"


def test_it_says_how_many_are_there(
    tmp_path: Path, jobs: list[Job], capsys: pytest.CaptureFixture[str]
) -> None:
    run(jobs[:4], tmp_path / "store.zarr")
    run_many(jobs, store=tmp_path / "store.zarr", title="study")
    shown = capsys.readouterr()
    assert "study: 4 of 6 are in the store already" in shown.out + shown.err


def other_seed(jobs: list[Job]) -> dict[str, Any]:
    return {"jobs": jobs, "seed": 1}


def other_arguments(jobs: list[Job]) -> dict[str, Any]:
    return {"jobs": [Job(calls.noted, (job.args[0], 7)) for job in jobs]}


def other_function(jobs: list[Job]) -> dict[str, Any]:
    return {"jobs": [Job(calls.picky, job.args) for job in jobs]}


def other_names(jobs: list[Job]) -> dict[str, Any]:
    return {"jobs": [Job(job.function, job.args, name=f"n{i}") for i, job in enumerate(jobs)]}


@pytest.mark.parametrize("other", [other_seed, other_arguments, other_function, other_names])
def test_another_study_is_refused(tmp_path: Path, jobs: list[Job], other: Any) -> None:
    store = tmp_path / "store.zarr"
    run(jobs[:2], store)
    before = contents(store)
    with pytest.raises(ValueError, match=r"`store`: expected a store of these .*Name another"):
        run(**other(jobs[:2]), store=store)
    assert contents(store) == before


def test_a_store_that_was_filled_by_hand_is_refused(tmp_path: Path, jobs: list[Job]) -> None:
    Store(tmp_path / "store.zarr").put("0", {})
    with pytest.raises(ValueError, match="put there one by one"):
        run(jobs, tmp_path / "store.zarr")


def test_failures_are_told_and_tried_again(tmp_path: Path) -> None:
    picky = [Job(calls.picky, (str(tmp_path), number), name=f"n{number}") for number in range(3)]
    with pytest.warns(FailedJobsWarning, match="3 jobs: 0 were there, 2 done now, 1 failed"):
        report = run(picky, tmp_path / "store.zarr")
    error = report.failed["n1"]
    assert str(error) == "job 'n1': LookupError: no 1 yet"
    assert "in picky" in error.where
    (tmp_path / "well").touch()
    assert run(picky, tmp_path / "store.zarr").done == ("n1",)


def test_failures_come_from_other_processes_too(tmp_path: Path) -> None:
    picky = [Job(calls.picky, (str(tmp_path), number)) for number in range(3)]
    with workers.pool(1) as pool, pytest.warns(FailedJobsWarning, match="no 1 yet"):
        report = run(picky, tmp_path / "store.zarr", executor=pool)
    assert isinstance(report.failed["1"], JobError)
    assert report.done == ("0", "2")


def test_what_cannot_be_stored_is_a_failure(tmp_path: Path) -> None:
    with pytest.warns(FailedJobsWarning, match="'source': TypeError.*got object"):
        run([Job(object, name="source")], tmp_path / "store.zarr")


def test_a_pool_that_breaks_keeps_what_is_done(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    deadly = [Job(calls.deadly, (str(notes), number)) for number in range(6)]
    store = Store(tmp_path / "store.zarr")
    with (
        workers.pool(1) as pool,
        pytest.raises(InterruptedStudyError, match=r"4 that came back.*new executor") as told,
    ):
        run(deadly, store.path, executor=pool)
    assert told.value.remaining == ("2", "3", "4", "5")
    assert list(store) == ["0", "1"]
    with workers.pool(1) as pool:
        report = run(deadly, store.path, executor=pool)
    assert report.found == ("0", "1")
    assert calls_in(notes) == {"killed": 0} | dict.fromkeys(map(str, range(6)), 1)


class Refusing(Executor):
    """Takes two jobs, and is interrupted when it is given another."""

    def __init__(self) -> None:
        self.given: list[Future[Any]] = []

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Keep a job waiting."""
        if len(self.given) == 2:
            raise KeyboardInterrupt
        self.given.append(Future())
        return self.given[-1]


def test_after_an_interrupt_no_other_job_begins(tmp_path: Path, jobs: list[Job]) -> None:
    executor = Refusing()
    with pytest.raises(KeyboardInterrupt):
        run(jobs, tmp_path / "store.zarr", executor=executor)
    assert all(future.cancelled() for future in executor.given)
    assert len(run(jobs, tmp_path / "store.zarr").done) == 6


def local(number: int) -> Any:
    def inside() -> int:
        return number

    return inside


@pytest.mark.parametrize("function", [lambda: {"a": 1}, local(1)], ids=["lambda", "inside"])
def test_functions_that_workers_cannot_import_are_refused(tmp_path: Path, function: Any) -> None:
    with pytest.raises(TypeError, match=r"that a worker can import.*Write `def` there"):
        run([Job(function)], tmp_path / "store.zarr")
    assert not (tmp_path / "store.zarr").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": []}, "at least one job"),
        ({"jobs": [calls.draws]}, "a list of Job"),
        ({"jobs": [Job(calls.draws, name="a")] * 2}, r"\['a'\] twice"),
        ({"executor": 2}, "concurrent.futures.Executor"),
        ({"seed": -1}, "an integer >= 0"),
        ({"draws": 0}, "at least 1"),
    ],
)
def test_arguments_are_checked(tmp_path: Path, options: Any, message: str) -> None:
    given = {"jobs": [Job(calls.draws)], "store": tmp_path / "store.zarr"} | options
    with pytest.raises((TypeError, ValueError), match=message):
        run(**given)
    assert not (tmp_path / "store.zarr").exists()


def test_a_grid_has_a_job_for_each_point(tmp_path: Path) -> None:
    report = run(grid(calls.slow, number=range(2), seconds=[0.0]), tmp_path / "store.zarr")
    assert report.names == ("number=0,seconds=0.0", "number=1,seconds=0.0")
    assert report.store.together("result")["number"].values.tolist() == [0, 1]


def test_the_store_is_plain_zarr(tmp_path: Path, jobs: list[Job]) -> None:
    run(jobs[:2], tmp_path / "store.zarr", seed=5)
    group = zarr.open_group(tmp_path / "store.zarr", mode="r")
    assert sorted(dict(group.groups())) == ["0", "1"]
    assert group["1"].attrs["study_seed"] == 5
    assert group["1/result/number"][...] == 1


def test_a_killed_dask_worker_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import dask
    import distributed

    caplog.set_level(logging.CRITICAL, logger="distributed")  # which tells of the killed worker
    notes = tmp_path / "notes"
    notes.mkdir()
    deadly = [Job(calls.deadly, (str(notes), number)) for number in range(12)]
    workers.context()
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=False
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        report = run(deadly, tmp_path / "dask.zarr", executor=client.get_executor())
    assert (notes / "killed").exists()
    assert report.done == tuple(map(str, range(12)))
    run(deadly, tmp_path / "serial.zarr")
    assert contents(tmp_path / "dask.zarr") == contents(tmp_path / "serial.zarr")
    assert not list(tmp_path.glob(".*drafts"))


def test_parts_of_others_stay_until_all_is_done(tmp_path: Path, jobs: list[Job]) -> None:
    store = Store(tmp_path / "store.zarr")
    run(jobs[:1], store.path)
    assert not store.drafts.exists()
    begun = [*jobs[:2], Job(calls.picky, (str(tmp_path), 1), name="later")]
    with pytest.warns(FailedJobsWarning):
        run(begun, store.path)
    (store.drafts / "left").mkdir()
    run(jobs[:2], store.path)
    assert (store.drafts / "left").exists()
    (tmp_path / "well").touch()
    run(begun, store.path)
    assert not store.drafts.exists()
