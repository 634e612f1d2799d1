"""The record of a run."""

from __future__ import annotations

import pytest
import torch

from pyro_activeinf.learning.run import Recorder


def recorder() -> Recorder:
    found = Recorder()
    for step in range(5):
        if step % 2 == 0:
            found.read_off(1.0 + step, -2.0)
        found.stepped(3.0 + step, 0.1, 0.5 * step)
    return found


def test_a_record_has_a_row_for_each_step_and_a_point_for_each_reading() -> None:
    run = recorder().run(ending="interrupt")
    assert (run.steps, run.ending) == (5, "interrupt")
    assert run.losses.tolist() == [3.0, 4.0, 5.0, 6.0, 7.0]
    assert run.evaluated.tolist() == [0, 2, 4]
    assert (run.complexity - run.accuracy).tolist() == [3.0, 5.0, 7.0]


def test_a_reading_of_a_step_that_was_not_taken_is_left_out() -> None:
    found = recorder()
    found.read_off(9.0, 9.0)
    assert found.run().evaluated.tolist() == [0, 2, 4]


def test_a_record_goes_on_from_its_columns() -> None:
    first = recorder()
    again = Recorder.from_columns(first.columns())
    assert again == first
    assert all(isinstance(step, int) for step in again.evaluated)


def test_a_run_is_frozen() -> None:
    with pytest.raises(AttributeError):
        recorder().run().losses = torch.zeros(1)
