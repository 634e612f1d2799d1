"""Files are whole or absent; folders are tried out."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyro_activeinf.demo.files import writable_folder, write


def fail_halfway(path: Path) -> None:
    path.write_text("half")
    raise RuntimeError("the disk is full")


def test_a_file_is_written_under_its_own_name_alone(tmp_path: Path) -> None:
    seen = []

    def save(path: Path) -> None:
        seen.append(path)
        path.write_text("new")

    assert write(tmp_path / "a.txt", save) == tmp_path / "a.txt"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert seen[0].parent == tmp_path
    assert seen[0].name != "a.txt"
    assert seen[0].suffix == ".txt"


@pytest.mark.parametrize("before", ["old", None])
def test_a_failure_leaves_what_was_there_before(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "a.txt"
    if before is not None:
        path.write_text(before)
    with pytest.raises(RuntimeError, match="disk is full"):
        write(path, fail_halfway)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == (
        [] if before is None else [("a.txt", before)]
    )


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    folder = writable_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []
    assert writable_folder(folder) == folder


@pytest.mark.parametrize("below", [".", "inside"])
def test_a_file_is_no_folder(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"exists|directory"):
        writable_folder(tmp_path / "file" / below)
