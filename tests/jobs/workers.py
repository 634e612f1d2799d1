"""Workers for tests: forked from a server that has imported everything once."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

PRELOAD = ["pyro_activeinf", "distributed", "xarray", "zarr", "tests.jobs.calls"]


def context() -> Any:
    """How processes are started."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(PRELOAD)
    return found


def pool(workers: int = 2) -> ProcessPoolExecutor:
    """A pool of processes."""
    return ProcessPoolExecutor(workers, mp_context=context())
