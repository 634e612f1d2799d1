"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyro_activeinf.plots._files import write_whole


def test_a_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    assert write_whole(path, lambda partial: partial.write_text("new")) == path
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_readers_of_the_old_file_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with path.open() as reader:
        write_whole(path, lambda partial: partial.write_text("new"))
        assert reader.read() == "old"


def test_the_ending_tells_the_format_while_it_is_written(tmp_path: Path) -> None:
    suffixes: list[str] = []
    write_whole(tmp_path / "a.gif", lambda path: (suffixes.append(path.suffix), path.touch()))

    assert suffixes == [".gif"]


def test_what_was_there_stays_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fails(partial: Path) -> None:
        partial.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, fails)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
