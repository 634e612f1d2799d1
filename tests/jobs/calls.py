"""What workers are asked to do; they import this module."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyro
import torch


def draws(size: int = 3) -> dict[str, Any]:
    """Numbers from every generator, and what the process is like."""
    drawn = {
        "torch": torch.randn(size),
        "python": random.random(),
        "numpy": np.random.rand(size),  # noqa: NPY002, the one that is seeded
        "threads": torch.get_num_threads(),
        "parameters": len(pyro.get_param_store()),
    }
    pyro.param("left", torch.zeros(()))
    torch.set_num_threads(2)
    return drawn


def noted(folder: str, number: int) -> dict[str, Any]:
    """Leave a note that this was called."""
    with (Path(folder) / f"{number}").open("a") as file:
        file.write("x")
    return draws() | {"number": number}


def picky(folder: str, number: int) -> dict[str, Any]:
    """Fail for number 1, until a file says that all is well."""
    if number == 1 and not (Path(folder) / "well").exists():
        raise LookupError(f"no {number} yet")
    return {"number": number}


def deadly(folder: str, number: int) -> dict[str, Any]:
    """Kill the worker that has number 2, the first time."""
    mark = Path(folder) / "killed"
    if number == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    found = noted(folder, number)
    del found["python"]  # dask's event loop draws from it too, to connect again after a loss
    return found


def slow(number: int, seconds: float = 0.1) -> dict[str, Any]:
    """Take some time."""
    time.sleep(seconds)
    return draws() | {"number": number}


class Stubborn:
    """Something that cannot be pickled."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("cannot pickle this")


def count(value: Any) -> dict[str, Any]:
    """Take anything."""
    return {"size": len(value)}
