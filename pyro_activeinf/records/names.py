"""What the names of sites tell: time steps and levels."""

from __future__ import annotations

import re

_STEP = re.compile(r"_(\d+)$")
_LEVEL = re.compile(r"level(\d+)/")


def step_of(site: str) -> int | None:
    """Time step t in the name ``f"{site}_{t}"`` of an unrolled site, or None.

    Example:
        >>> step_of("tiger_3"), step_of("tiger")
        (3, None)
    """
    found = _STEP.search(site)
    return int(found[1]) if found else None


def stem_of(site: str) -> str:
    """Name of a site without its time step.

    Example:
        >>> stem_of("level1/tiger_3"), stem_of("tiger")
        ('level1/tiger', 'tiger')
    """
    return _STEP.sub("", site)


def level_of(site: str) -> int | None:
    """Level i in the name ``f"level{i}/{site}"`` of a site in a hierarchy, or None.

    Example:
        >>> level_of("level2/context_0"), level_of("context_0")
        (2, None)
    """
    found = _LEVEL.match(site)
    return int(found[1]) if found else None
