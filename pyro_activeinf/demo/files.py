"""Files that appear whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path


def write(path: Path, save: Callable[[Path], object]) -> Path:
    """Let ``save`` write to a temporary name beside ``path``, then rename.

    Where ``save`` raises, what was at ``path`` before is still there.

    Raises:
        OSError: the folder cannot be written to.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write(Path(folder) / "a.txt", lambda path: path.write_text("whole")).name
        'a.txt'
    """
    partial = path.with_name(f".partial-{path.name}")  # the ending tells the format
    try:
        save(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def writable_folder(path: Path) -> Path:
    """Make a folder where there is none, and try it out.

    Raises:
        OSError: it cannot be made, or not be written to.
    """
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path):
        return path
