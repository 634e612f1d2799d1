"""The file of all measurements: each run adds to it, entry by entry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._checks import complain
from ..demo.files import write
from .results import Results

NAME = "bench.json"
PARTS = ("rows", "outcomes", "curves")


def read(folder: Path) -> dict[str, Any]:
    """What earlier runs have left in a folder; empty where there is nothing.

    Raises:
        ValueError: for a file that is not one of these.
    """
    path = folder / NAME
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text())
        names(content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        expected = f"a folder whose {NAME}, if any, was written by this command"
        way_out = "Choose another folder, or move the file away."
        raise ValueError(complain("output", expected, str(path), way_out)) from error
    return dict(content)


def names(content: Mapping[str, Any]) -> set[str]:
    """The names of all entries.

    Example:
        >>> names({"rows": [{"name": "a"}], "curves": []})
        {'a'}
    """
    return {entry["name"] for part in PARTS for entry in content.get(part, [])}


def merged(earlier: Mapping[str, Any], results: Results) -> dict[str, Any]:
    """The entries of earlier runs, where they were not measured again, and the new ones."""
    content = json.loads(results.to_json())
    measured = names(content)
    for part in PARTS:
        fresh = {entry["name"]: entry for entry in content[part]}
        kept = [fresh.pop(entry["name"], entry) for entry in earlier.get(part, [])]
        content[part] = [*kept, *fresh.values()]
    failed = {**earlier.get("failures", {}), **content["failures"]}
    content["failures"] = {name: why for name, why in failed.items() if name not in measured}
    return dict(content)


def save(content: Mapping[str, Any], folder: Path) -> None:
    """Write the file, whole or not at all."""
    text = json.dumps(content, indent=1) + "\n"
    write(folder / NAME, lambda path: path.write_text(text))
