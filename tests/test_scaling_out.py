"""The script that the page on scaling out shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

SCRIPT = Path(__file__).parents[1] / "docs" / "examples" / "two_processes.py"


@pytest.fixture
def script() -> Any:
    spec = importlib.util.spec_from_file_location("two_processes", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_learns(script: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_default_dtype(torch.float32)  # what readers have
    losses = script.learn(0, 1, f"file://{tmp_path}/meeting")
    assert len(losses) == 5 * script.ROWS // script.BATCH
    assert losses[-1] < 0.9 * losses[0]
    assert capsys.readouterr().err.startswith("F from")
