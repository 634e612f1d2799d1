"""Jobs are checked when they are made."""

from __future__ import annotations

from typing import Any

import pytest

from pyro_activeinf.jobs import Job, grid
from tests.jobs import calls


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"function": 3}, "`function`: expected a function"),
        ({"args": "text"}, r"`args`: expected a tuple .*Write args=\('text',\)"),
        ({"kwargs": 3}, "`kwargs`: expected a dict of arguments by name, got 3"),
        ({"name": 3}, "`name`: expected a name, .*got 3"),
        ({"name": "a/b"}, "`name`"),
        ({"name": ".hidden"}, "`name`"),
        ({"name": "__meta"}, "`name`"),
        ({"name": "x" * 200}, "`name`"),
    ],
)
def test_wrong_jobs_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Job(**{"function": calls.draws} | options)


def test_a_grid_hands_on_what_is_the_same_for_all() -> None:
    jobs = grid(calls.slow, 7, seconds=[0.0, 0.5])
    assert [(job.args, dict(job.kwargs)) for job in jobs] == [
        ((7,), {"seconds": 0.0}),
        ((7,), {"seconds": 0.5}),
    ]
