"""Memory that it takes to write large data."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..store import save

SHAPE = (4, 250, 50, 500)  # chains, draws, subjects, trials: 200 MB


class Watch(threading.Thread):
    """Notes the largest memory of this process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.start_bytes = self.peak = resident()

    def run(self) -> None:
        """Look every few milliseconds."""
        while not self.over.wait(0.005):
            self.peak = max(self.peak, resident())

    def stop(self) -> int:
        """Bytes more than at the start, at most."""
        self.over.set()
        self.join()
        self.peak = max(self.peak, resident())
        return self.peak - self.start_bytes


def resident() -> int:
    """Bytes of this process that are in memory."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def measure(shape: tuple[int, ...] = SHAPE) -> dict[str, Any]:
    """Seconds, and memory beside that of the data, to write a log-likelihood."""
    from xarray import Dataset

    values = np.random.default_rng(0).standard_normal(shape)
    data = Dataset({"log_likelihood": (("chain", "draw", "subject", "trial"), values)})
    found: dict[str, Any] = {"megabytes": data.nbytes / 2**20}
    with tempfile.TemporaryDirectory() as folder:
        for ending in (".zarr", ".nc"):
            save(data.isel(draw=slice(2)), Path(folder) / f"first{ending}")  # imports
            watch, start = Watch(), time.perf_counter()
            watch.start()
            save(data, Path(folder) / f"large{ending}")
            extra = watch.stop()
            found[ending] = {
                "seconds": round(time.perf_counter() - start, 1),
                "extra megabytes": round(extra / 2**20, 1),
                "extra, of the data": round(extra / data.nbytes, 2),
            }
    return found
