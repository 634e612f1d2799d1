"""Each test has Pyro's parameter store for itself."""

from __future__ import annotations

from collections.abc import Iterator

import pyro
import pytest


@pytest.fixture(autouse=True)
def own_store() -> Iterator[None]:
    """Empty the parameter store before and after a test."""
    pyro.clear_param_store()
    yield
    pyro.clear_param_store()
