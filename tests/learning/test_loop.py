"""When a loop reads terms off and when it saves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyro.infer import RenyiELBO, Trace_ELBO

from pyro_activeinf import VariationalFreeEnergy, checkpoint
from pyro_activeinf.learning.bar import Bar
from pyro_activeinf.learning.batches import Whole
from pyro_activeinf.learning.loop import Loop, reader
from pyro_activeinf.learning.program import Program
from pyro_activeinf.learning.training import Training

from .programs import Regression, Weights, line, saved_at, uncompiled


def loop(steps: int, **options: Any) -> Loop:
    batches = Whole(line())
    program = Program(Regression(), Weights(), Trace_ELBO(), batches)
    return Loop(Training(program), batches, steps, **options)


def run(found: Loop) -> Any:
    with found.training.program.local():
        return found.run(Bar(found.steps, found.done, shown=False))


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of steps at which a file was written."""
    found: list[int] = []
    save = checkpoint.save

    def noting(path: Path, kind: str, state: Any) -> None:
        found.append(len(state["record"]["losses"]))
        save(path, kind, state)

    monkeypatch.setattr(checkpoint, "save", noting)
    return found


@pytest.mark.parametrize(("steps", "expected"), [(10, [4, 8, 10]), (8, [4, 8]), (3, [3])])
def test_it_saves_every_so_often_and_at_the_end(
    tmp_path: Path, saved: list[int], steps: int, expected: list[int]
) -> None:
    run(loop(steps, path=tmp_path / "a.pt", save_every=4))
    assert saved == expected


def test_what_was_loaded_is_not_saved_again(tmp_path: Path, saved: list[int]) -> None:
    path = tmp_path / "a.pt"
    run(loop(5, path=path))
    again = loop(5, path=path)
    with again.training.program.local():
        again.resume(path)
    assert run(again).steps == 5
    assert saved == [5]
    assert saved_at(path)["training"]["counter"] is None


def test_terms_are_read_off_seldom_where_steps_are_quick() -> None:
    assert run(loop(101)).evaluated.tolist() == [0, 100]
    assert run(loop(102, backend=uncompiled)).evaluated.tolist() == [0, 101]


def test_any_free_energy_is_read_by_the_same_one() -> None:
    loss = VariationalFreeEnergy()
    assert reader(loss) is loss
    assert isinstance(reader(RenyiELBO()).elbo, RenyiELBO)


def test_gradients_are_gone_afterwards() -> None:
    found = loop(2)
    run(found)
    assert all(leaf.grad is None for leaf in found.training.program.leaves.values())
