"""Each test of this room has a parameter store of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pyro
import pytest


@pytest.fixture(autouse=True)
def empty_store() -> Iterator[None]:
    with pyro.get_param_store().scope():
        yield
