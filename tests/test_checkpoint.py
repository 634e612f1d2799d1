"""Files are whole, are read without running code, and are refused with a sentence."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from pyro_activeinf import checkpoint

STATE = {"a": torch.arange(3.0), "b": [1, None, "x"], "c": {"d": (0.5, True)}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "state.pt"
    checkpoint.save(file, "walk", STATE)
    return file


def test_a_state_comes_back(path: Path) -> None:
    found = checkpoint.load(path, "walk")
    assert torch.equal(found["a"], STATE["a"])
    assert (found["b"], found["c"]) == (STATE["b"], STATE["c"])


def test_a_file_can_be_read_with_weights_only(path: Path) -> None:
    assert torch.load(path, weights_only=True)["kind"] == "walk"


def test_nothing_else_is_left_in_the_folder(path: Path) -> None:
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_old_file_stays_where_the_new_one_fails(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(handle: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        checkpoint.save(path, "walk", {"a": torch.zeros(())})
    assert torch.equal(checkpoint.load(path, "walk")["a"], STATE["a"])
    assert [*path.parent.iterdir()] == [path]


def test_a_state_that_cannot_be_read_safely_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    checkpoint.save(path, "walk", {"a": Path})
    with pytest.raises(ValueError, match="one with more than tensors and plain values"):
        checkpoint.load(path, "walk")


def test_a_file_with_any_byte_changed_is_refused(path: Path) -> None:
    content = path.read_bytes()
    for place in [*range(0, len(content), 7), -1]:
        damaged = bytearray(content)
        damaged[place] ^= 0x01
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="a damaged or foreign file"):
            checkpoint.load(path, "walk")


@pytest.mark.parametrize("size", [0, 10, 400])
def test_a_file_that_is_cut_off_is_refused(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match="a damaged or foreign file"):
        checkpoint.load(path, "walk")


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"a": torch.zeros(())}, path)
    with pytest.raises(ValueError, match="a damaged or foreign file"):
        checkpoint.load(path, "walk")
    path.write_bytes(pickle.dumps(STATE["b"]))
    with pytest.raises(ValueError, match="a damaged or foreign file"):
        checkpoint.load(path, "walk")


def test_a_sealed_file_of_another_format_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", "other")
    with pytest.raises(ValueError, match="a file that another program wrote"):
        checkpoint.load(path, "walk")


def test_another_kind_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected a file with the run that.*one of a walk"):
        checkpoint.load(path, "run")


def test_another_version_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "VERSION", 2)
    with pytest.raises(ValueError, match="one of format 1, not 2"):
        checkpoint.load(path, "walk")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        checkpoint.load(tmp_path / "none.pt", "walk")
