"""What a job sees of the process that it runs in, and leaves in it: nothing."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import numpy as np
import pyro
import torch
from numpy.random import SeedSequence
from pyro.util import get_rng_state, set_rng_state

from .._checks import instance

TURNS = threading.RLock()  # generators belong to the process: its threads take turns


def seed_of(seed: int, name: str) -> SeedSequence:
    """Seeds of a job, as a function of the study's seed and the job's name alone.

    Raises:
        TypeError: the seed is no integer, or the name no string.

    Example:
        >>> seed_of(0, "subject 3").generate_state(2).tolist()
        [1841378389, 1164465189]
    """
    instance("seed", seed, int, "an integer")
    instance("name", name, str, "a job's name")
    words = np.frombuffer(sha256(name.encode()).digest(), dtype="<u4")
    return SeedSequence(entropy=seed, spawn_key=tuple(words.tolist()))


@contextmanager
def isolated(seeds: SeedSequence, dtype: torch.dtype) -> Iterator[None]:
    """Within: seeded generators, one thread, no parameters in Pyro's store, this default dtype.

    Args:
        seeds: what :func:`seed_of` returns.
        dtype: torch's default one within.

    Raises:
        TypeError: for other kinds of arguments.

    Afterwards all of it is as it was. Threads of one process take turns. Those of other libraries
    do not: dask's event loop draws from Python's ``random`` before it connects again to a lost
    worker, so that jobs that have to be the same there as anywhere draw from torch or NumPy.

    Example:
        >>> with isolated(seed_of(0, "subject 3"), torch.float64):
        ...     first = torch.rand(1)
        >>> with isolated(seed_of(0, "subject 3"), torch.float64):
        ...     bool(torch.rand(1) == first), first.dtype
        (True, torch.float64)
    """
    instance("seeds", seeds, SeedSequence, "what seed_of returns")
    instance("dtype", dtype, torch.dtype, "a dtype of torch, such as torch.float32")
    with TURNS:
        state, threads = get_rng_state(), torch.get_num_threads()
        before = torch.get_default_dtype()
        try:
            torch.set_num_threads(1)
            torch.set_default_dtype(dtype)
            sow(seeds)
            with torch.enable_grad(), pyro.get_param_store().scope():
                yield
        finally:
            torch.set_default_dtype(before)
            torch.set_num_threads(threads)
            set_rng_state(state)


def sow(seeds: SeedSequence) -> None:
    """Seed the generators of torch, Python and NumPy."""
    words = seeds.generate_state(8)
    torch.manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
    random.seed(int(words[2]) << 32 | int(words[3]))
    np.random.seed(words[4:])  # noqa: NPY002, the global one, which programs draw from
