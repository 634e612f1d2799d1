"""Settings shared by the tests and by the doctests of the package."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pyro
import pytest
import torch

os.environ["MPLBACKEND"] = "Agg"  # read when matplotlib is first imported


@pytest.fixture(autouse=True)
def float64_one_thread_seeded() -> Iterator[None]:
    """Run in float64, on one thread, from a fixed seed, with no parameters of other tests."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    pyro.set_rng_seed(0)
    pyro.clear_param_store()
    yield
    torch.set_default_dtype(dtype)


@pytest.fixture(autouse=True)
def figures_closed() -> Iterator[None]:
    """Close the figures that a test leaves open."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
