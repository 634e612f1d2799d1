"""Importing the package is quick, quiet and changes nothing in the process."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

# What the package needs is imported first: only its own doing is looked at, and timed.
PROBE = """
import hashlib, json, random, sys, time, warnings
import gymnasium, numpy, pyro, torch, tqdm
from torch.distributions import Distribution

def digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()

def state():
    families = sorted(vars(torch.distributions).items())
    families = [family for _, family in families if isinstance(family, type)]
    return {
        "default dtype": str(torch.get_default_dtype()),
        "default device": str(torch.get_default_device()),
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "grad mode": torch.is_grad_enabled(),
        "anomaly mode": torch.is_anomaly_enabled(),
        "print options": str(vars(torch._tensor_str.PRINT_OPTS)),
        "validation": Distribution._validate_args,
        "argument constraints": [str(getattr(f, "arg_constraints", "")) for f in families],
        "pyro settings": str(sorted(pyro.settings.get().items())),
        "pyro parameters": sorted(pyro.get_param_store().keys()),
        "torch random state": digest(torch.get_rng_state().tolist()),
        "numpy random state": digest(numpy.random.get_state(legacy=False)["state"]["key"].tolist()),
        "python random state": digest(random.getstate()),
        "numpy error state": str(numpy.geterr()),
        "warning filters": [str(item) for item in warnings.filters],
    }

warnings.simplefilter("error")
before = state()
start = time.perf_counter()
import pyro_activeinf
seconds = time.perf_counter() - start
print(json.dumps([before, state(), seconds, sorted(sys.modules)]))
"""

STATE = [
    "default dtype",
    "default device",
    "threads",
    "grad mode",
    "anomaly mode",
    "print options",
    "validation",
    "argument constraints",
    "pyro settings",
    "pyro parameters",
    "torch random state",
    "numpy random state",
    "python random state",
    "numpy error state",
    "warning filters",
]


@pytest.fixture(scope="module")
def probe() -> dict[str, Any]:
    """What a fresh interpreter is like before and after an import in which warnings are errors."""
    command = [sys.executable, "-c", PROBE]
    threads = os.environ | {"OMP_NUM_THREADS": "2"}  # so that a change to one thread is seen
    done = subprocess.run(
        command, cwd=ROOT, env=threads, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    before, after, seconds, modules = json.loads(done.stdout)
    return {"before": before, "after": after, "seconds": seconds, "modules": modules}


def test_every_part_of_the_state_is_looked_at(probe: dict[str, Any]) -> None:
    assert list(probe["before"]) == STATE


@pytest.mark.parametrize("part", STATE)
def test_import_changes_no_global_state(probe: dict[str, Any], part: str) -> None:
    assert probe["after"][part] == probe["before"][part]


def test_import_leaves_the_parameter_store_empty(probe: dict[str, Any]) -> None:
    assert probe["after"]["pyro parameters"] == []


@pytest.mark.parametrize("library", ["arviz", "matplotlib", "pandas", "xarray"])
def test_import_waits_with_the_slow_libraries(probe: dict[str, Any], library: str) -> None:
    assert library not in probe["modules"]


def test_import_is_quick(probe: dict[str, Any]) -> None:
    assert probe["seconds"] < 4.0


def test_version_is_that_of_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert importlib.metadata.version("pyro-activeinf") == project["version"]


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "pyro_activeinf" / "py.typed").is_file()
