"""Files are all there or not at all, and hold what was saved, in chunks."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from typing import Any

import arviz
import gymnasium as gym
import numpy as np
import pyro
import pytest
import torch
import xarray

import pyro_activeinf as aif
from pyro_activeinf.store import Store, save
from pyro_activeinf.store.chunks import chunk_shape
from pyro_activeinf.store.groups import data_tree, groups, inference_data

ENDINGS = [".zarr", ".nc"]
each_ending = pytest.mark.parametrize("ending", ENDINGS)


def opened(path: Path) -> xarray.DataTree:
    options: Any = {"engine": "zarr", "consolidated": False} if path.suffix == ".zarr" else {}
    return xarray.open_datatree(path, **options)


@pytest.fixture(scope="module")
def trajectory() -> aif.Trajectory:
    pyro.set_rng_seed(0)
    agent = aif.Agent(aif.models.TMaze(), planner=aif.planning.OpenLoop(2))
    world = gym.make("pyro_activeinf/TMaze-v0")
    return aif.rollout(agent, world, episodes=3, progress=False)


def in_groups(source: Any) -> dict[str, xarray.Dataset]:
    pyro.set_rng_seed(1)
    return groups(source, 100)


def require_same(found: xarray.DataTree, expected: dict[str, xarray.Dataset]) -> None:
    assert sorted(found.children) == sorted(expected)
    for name, dataset in expected.items():
        xarray.testing.assert_equal(found[name].to_dataset().load(), dataset)


@each_ending
def test_what_is_saved_is_read(tmp_path: Path, trajectory: aif.Trajectory, ending: str) -> None:
    pyro.set_rng_seed(1)
    path = save(trajectory, tmp_path / f"run{ending}")
    with opened(path) as found:
        require_same(found, in_groups(trajectory))
        assert found.attrs["inference_library"] == "pyro_activeinf"
    assert [p.name for p in tmp_path.iterdir()] == [f"run{ending}"]


@pytest.mark.parametrize(("hold", "ending"), [(data_tree, ".zarr"), (inference_data, ".nc")])
def test_data_of_arviz_can_be_saved(
    tmp_path: Path, trajectory: aif.Trajectory, hold: Any, ending: str
) -> None:
    expected = in_groups(trajectory)
    with opened(save(hold(expected), tmp_path / f"run{ending}")) as found:
        require_same(found, expected)


def test_arviz_reads_netcdf(tmp_path: Path, trajectory: aif.Trajectory) -> None:
    path = save(trajectory, tmp_path / "run.nc")
    found = arviz.from_netcdf(path)
    expected = in_groups(trajectory)["beliefs"]["context"]
    np.testing.assert_array_equal(found["beliefs"]["context"], expected)


@each_ending
def test_what_was_saved_can_be_saved_again(tmp_path: Path, ending: str) -> None:
    """Chunks of the file that it comes from do not bind."""
    large = xarray.Dataset({"x": (("draw", "name"), np.arange(3000.0).reshape(1000, 3))})
    first = save(large, tmp_path / f"a{ending}", chunk_bytes=2**10)
    with opened(first) as tree:
        second = save(tree, tmp_path / f"b{ending}", chunk_bytes=2**12)
        with opened(second) as found:
            xarray.testing.assert_equal(found["result"].to_dataset(), large)
            assert found["result/x"].encoding["chunks" if ending == ".zarr" else "chunksizes"] == (
                170,
                3,
            )


@each_ending
def test_memory_does_not_double(tmp_path: Path, ending: str) -> None:
    values = np.random.default_rng(0).standard_normal((2, 1000, 1000))  # 16 MB
    data = xarray.Dataset({"x": (("chain", "draw", "trial"), values)})
    save(data.isel(draw=slice(2)), tmp_path / f"first{ending}")  # what is imported first
    tracemalloc.start()
    try:
        save(data, tmp_path / f"large{ending}", chunk_bytes=2**19)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.75 * data.nbytes


@each_ending
def test_an_error_leaves_what_was_there(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save({"x": 1.0}, tmp_path / f"run{ending}")

    def interrupted(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    writer = "to_zarr" if ending == ".zarr" else "to_netcdf"
    monkeypatch.setattr(xarray.Dataset, writer, interrupted)
    with pytest.raises(KeyboardInterrupt):
        save({"x": 2.0}, path)
    with opened(path) as found:
        assert found["result/x"].item() == 1.0
    assert [p.name for p in tmp_path.iterdir()] == [f"run{ending}"]


@each_ending
def test_a_newer_one_takes_the_place(tmp_path: Path, ending: str) -> None:
    path = save({"x": 1.0, "y": 1.0}, tmp_path / f"run{ending}")
    save({"x": torch.tensor(2.0)}, path)
    with opened(path) as found:
        assert found["result/x"].item() == 2.0
        assert "y" not in found["result"]
    assert [p.name for p in tmp_path.iterdir()] == [f"run{ending}"]


@each_ending
def test_kinds_of_values(tmp_path: Path, ending: str) -> None:
    values = {
        "text": np.array(["3-1", "0"]),
        "flag": torch.tensor([True, False]),
        "count": torch.tensor([-1, 2]),
        "missing": torch.tensor([torch.nan, 1.0]),
        "empty": torch.zeros(0),
        "half": torch.ones(2, dtype=torch.float16),
        "number": 3,
    }
    with opened(save(values, tmp_path / f"run{ending}")) as found:
        read = found["result"].load()
        for name, value in values.items():
            np.testing.assert_array_equal(read[name].values, np.asarray(value))


@pytest.mark.parametrize(
    ("source", "path", "message"),
    [
        ({"x": 1}, "run.csv", "ends in .nc or .zarr"),
        ({"x": object()}, "run.nc", r"source\['x'\]"),
        (3, "run.nc", "expected one of"),
    ],
)
def test_wrong_calls_are_refused(tmp_path: Path, source: Any, path: str, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        save(source, tmp_path / path)
    assert not list(tmp_path.iterdir())


def test_what_is_no_path_is_refused() -> None:
    nowhere: Any = 3
    with pytest.raises(TypeError, match="`path`: expected a path, got 3"):
        save({"x": 1}, nowhere)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, (4,), 8), "`dims`: expected a tuple"),
        ((("draw",), 4, 8), "`shape`: expected a tuple"),
        ((("draw",), (4, 2), 8), r"`shape`: expected sizes of \('draw',\), got \(4, 2\)"),
        ((("draw",), (4,), 0), "`itemsize`: expected an integer of at least 1"),
    ],
)
def test_chunks_of_nothing_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        chunk_shape(*arguments)


def test_without_zarr_it_is_said_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    for call in (
        lambda: save({"x": 1}, tmp_path / "x.zarr"),
        lambda: Store(tmp_path / "s").begin({}),
    ):
        with pytest.raises(ImportError, match=r"pyro-activeinf\[scale\]"):
            call()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("dims", "shape", "expected"),
    [
        (("chain", "draw"), (4, 10), (4, 10)),  # small: whole
        (("chain", "draw", "trial"), (4, 1000, 100), (4, 2, 100)),
        (("time", "value"), (10_000, 4), (256, 4)),
        (("draw", "time"), (10, 10_000), (1, 1024)),  # draws first, then time
        (("x", "y"), (4096, 2), (512, 2)),
        ((), (), ()),
        (("draw",), (0,), (1,)),
    ],
)
def test_chunks_follow_draws_and_time(dims: Any, shape: Any, expected: Any) -> None:
    assert chunk_shape(dims, shape, itemsize=8, limit=2**13) == expected
