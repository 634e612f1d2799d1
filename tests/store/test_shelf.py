"""A store: results are there as a whole or not at all, and read as they are needed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
import zarr

from pyro_activeinf.store import Store, save
from pyro_activeinf.store import shelf as module


def result(value: float) -> dict[str, xarray.Dataset]:
    posterior = xarray.Dataset({"rate": (("chain", "draw"), np.full((2, 5), value))})
    return {"posterior": posterior, "observed_data": xarray.Dataset({"x": ("time", [1, 2])})}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "deep" / "study.zarr")


def test_results_are_read_back(store: Store) -> None:
    for name in ("10", "9", "b", "a"):
        assert store.put(name, result(len(name)), {"job": name})
    assert list(store) == ["9", "10", "a", "b"]
    assert repr(store).endswith("study.zarr'): 4 results")
    np.testing.assert_array_equal(store["10"]["posterior"]["rate"], np.full((2, 5), 2.0))
    assert store.attrs("b")["job"] == "b"
    with store.tree() as tree:
        assert sorted(tree.children) == ["10", "9", "a", "b"]
        assert tree["9/observed_data/x"].values.tolist() == [1, 2]


def test_a_store_need_not_be_there(store: Store) -> None:
    assert len(store) == 0
    assert "a" not in store
    with pytest.raises(KeyError):
        store["a"]


def test_reading_is_lazy(store: Store) -> None:
    store.put("a", result(1.0))
    found = store["a"]
    (store.path / "a" / "posterior" / "rate" / "c" / "0" / "0").unlink()
    assert found["posterior"]["rate"].isnull().all()  # a chunk that is not there is missing values


def test_groups_of_all_results_lie_side_by_side(store: Store) -> None:
    for i in range(3):
        store.put(str(i), result(float(i)))
    joined = store.together("posterior")
    assert dict(joined.sizes) == {"job": 3, "chain": 2, "draw": 5}
    assert joined.sel(job="2")["rate"].values.tolist() == [[2.0] * 5] * 2


def test_the_first_result_stays(store: Store) -> None:
    assert store.put("a", result(1.0))
    assert not store.put("a", result(2.0))
    assert (store["a"]["posterior"]["rate"] == 1.0).all()
    assert not list(store.drafts.iterdir())


def test_of_many_writers_one_wins(store: Store) -> None:
    store.begin({})
    kept: list[bool] = []
    threads = [
        threading.Thread(target=lambda i=i: kept.append(store.put("a", result(float(i)))))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept) == [False, False, False, True]
    assert len(np.unique(store["a"]["posterior"]["rate"])) == 1


def test_whoever_dies_while_writing_leaves_no_part(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.begin({})

    def died(draft: Path) -> None:
        assert (draft / "posterior").is_dir()
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "settle", died)
    monkeypatch.setattr(module, "discard", lambda draft: None)  # as if killed
    with pytest.raises(KeyboardInterrupt):
        store.put("a", result(1.0))
    monkeypatch.undo()
    assert list(store) == []
    assert len(list(store.drafts.iterdir())) == 1
    assert store.put("a", result(2.0))
    store.tidy()
    assert not store.drafts.exists()
    assert (store["a"]["posterior"]["rate"] == 2.0).all()


def test_attributes_are_added(store: Store) -> None:
    store.begin({"one": 1})
    store.begin({"two": {"deep": [2]}})
    assert store.attrs() == {"one": 1, "two": {"deep": [2]}}
    assert dict(zarr.open_group(store.path).attrs)["one"] == 1


def test_other_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="the file"):
        Store(tmp_path / "file")
    with pytest.raises(ValueError, match="a folder of files"):
        Store(tmp_path)
    for nowhere in (3, None, []):
        with pytest.raises(TypeError, match="`store`: expected a path, got"):
            Store(nowhere)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["../b", "a/b", ".b", "", 3])
def test_a_result_stays_in_the_store(store: Store, tmp_path: Path, name: Any) -> None:
    with pytest.raises(ValueError, match="`name`: expected a name without"):
        store.put(name, result(1.0))
    assert not store.begun
    assert not list(tmp_path.iterdir())


def test_what_is_not_there_is_told(store: Store) -> None:
    nothing: Any = 3
    for call in (store.tree, store.attrs):
        with pytest.raises(FileNotFoundError, match="`store`: expected a store that is there"):
            call()
    with pytest.raises(ValueError, match="`store`: expected results, got none in"):
        store.together("posterior")
    with pytest.raises(TypeError, match="`found`: expected a dict of data sets by group, got 3"):
        store.put("a", nothing)
    with pytest.raises(TypeError, match="`attrs`: expected a dict of attributes by name, got 3"):
        store.begin(nothing)
    assert not store.begun
    store.put("a", result(1.0))
    with pytest.raises(KeyError):
        store.attrs("b")


def test_a_result_is_what_saving_writes(store: Store, tmp_path: Path) -> None:
    store.put("a", result(1.0))
    tree: Any = xarray.DataTree.from_dict(result(1.0))
    save(tree, tmp_path / "one.zarr")
    for name in ("posterior", "observed_data"):
        one = {p.name: p.read_bytes() for p in (tmp_path / "one.zarr" / name).rglob("zarr.json")}
        other = {p.name: p.read_bytes() for p in (store.path / "a" / name).rglob("zarr.json")}
        assert one == other
