"""Sites of several levels by one name each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from .._checks import by_site
from .tower import Tower


def names_of(tower: Tower) -> dict[str, tuple[int, str]]:
    """Level and site by the name of the site; with its level where several have the name.

    Sites that stand for a level below are left out.
    """
    each = [
        (i, name)
        for i, floor in enumerate(tower.floors)
        for name in floor.filter.observation_sites
        if name not in tower.linked(i)
    ]
    count = Counter(name for _, name in each)
    return {name if count[name] == 1 else f"level{i + 1}/{name}": (i, name) for i, name in each}


def by_level(tower: Tower, observation: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """The observation of each level; ``level{i}/{site}`` is understood for every site.

    Raises:
        ValueError: for an unknown site.
    """
    names = names_of(tower)
    known = {f"level{i + 1}/{name}": (i, name) for i, name in names.values()} | names
    by_site("observation", observation, list(known))
    found: dict[int, dict[str, Any]] = {}
    for key, value in observation.items():
        i, name = known[key]
        found.setdefault(i, {})[name] = value
    return found
