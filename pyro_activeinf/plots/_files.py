"""Files that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, save: Callable[[Path], object]) -> Path:
    """Let ``save`` write to a temporary name beside ``path``, then rename.

    Where ``save`` raises, what was at ``path`` before is still there, and nothing else is.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_whole(Path(folder) / "a.txt", lambda path: path.write_text("whole")).name
        'a.txt'
    """
    partial = path.with_name(f".partial-{path.name}")
    try:
        save(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
