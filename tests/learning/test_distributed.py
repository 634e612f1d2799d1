"""Two processes learn as one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.multiprocessing import start_processes

from pyro_activeinf.learning import distributed
from tests.jobs import workers
from tests.learning import shares

RANKS = 2


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes has found."""
    home = tmp_path_factory.mktemp("ranks")
    (home / "resumed").mkdir()
    workers.context()
    start_processes(shares.share, (RANKS, str(home)), nprocs=RANKS, start_method="forkserver")
    return [torch.load(home / f"{rank}.pt") for rank in range(RANKS)]


def close(values: Any, expected: Any) -> None:
    assert values == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", shares.ELBOS)
def test_losses_are_those_of_one_process(found: list[dict[str, Any]], name: str) -> None:
    expected = shares.as_one(name)
    assert len(expected) == shares.STEPS
    assert len(set(expected)) == shares.STEPS
    for process in found:
        close(process["parallel"][name], expected)


def test_plates_may_choose_rows_themselves(found: list[dict[str, Any]]) -> None:
    expected = shares.choosing(1, torch.detach, lambda energy: energy)
    for process in found:
        close(process["choosing"], expected)


def test_fit_is_that_of_one_process(found: list[dict[str, Any]], tmp_path: Path) -> None:
    expected = shares.fitted(tmp_path, progress=False)
    for process in found:
        close(process["fit"], expected.losses.tolist())
        close(process["norms"], expected.gradient_norms.tolist())
        close(process["complexity"], expected.complexity.tolist())
        assert process["resumed"] == process["fit"]


def test_rank_0_alone_shows_progress(found: list[dict[str, Any]]) -> None:
    assert f"{shares.STEPS}/{shares.STEPS}" in found[0]["shown"]
    assert found[1]["shown"] == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "no parameter yet",
            "RuntimeError: `energy`: expected parameters that are there, got no",
        ),
        ("made later", "made in this call. Call the energy once with a batch"),
        ("no free energy", "TypeError: `energy`: expected a free energy of two programs"),
        ("odd batch", "a multiple of the number of processes, 2, got 7"),
        ("no batch", "Or name plates that subsample"),
    ],
)
def test_errors_say_what_to_do(found: list[dict[str, Any]], name: str, message: str) -> None:
    for process in found:
        assert message in process["refusals"][name]


def test_processes_begin_with_the_same_parameters(found: list[dict[str, Any]]) -> None:
    for process in found:
        assert "expected the same parameters in every process" in process["unequal"]


def test_without_processes_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="init_process_group"):
        distributed.ProcessGroup()
    with pytest.raises(RuntimeError, match="`loss`: expected a process group, got none"):
        distributed.mean(torch.tensor(1.0))
    with pytest.raises(TypeError, match="`loss`: expected a tensor, got 3"):
        distributed.mean(3)  # type: ignore[arg-type]
