"""Stores, looked at as files."""

from __future__ import annotations

from pathlib import Path


def contents(store: Path) -> dict[str, bytes]:
    """All files below a folder, bit for bit."""
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file()
    }


def calls(notes: Path) -> dict[str, int]:
    """How often each job has left a note."""
    return {path.name: len(path.read_text()) for path in notes.iterdir()}
