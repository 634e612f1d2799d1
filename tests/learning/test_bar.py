"""What the bar shows."""

from __future__ import annotations

import pytest

from pyro_activeinf.learning.bar import Bar, text
from pyro_activeinf.learning.run import Recorder


def test_f_is_a_mean_of_the_last_steps() -> None:
    assert text(Recorder([100.0] * 30 + [2.0] * 20)) == "F=2"


def test_terms_stand_beside_the_f_of_their_own_step() -> None:
    losses = [5.0] * 101 + [2.0] * 20
    record = Recorder(losses, evaluated=[0, 100], complexity=[9.0, 1.0], accuracy=[-9.0, -4.0])
    assert text(record) == "F=2 | step 100: F=5, complexity=1, accuracy=-4"


def test_the_bar_shows_steps_and_terms(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(2, 1, shown=True)
    bar.update(Recorder([1.5], evaluated=[0], complexity=[0.25], accuracy=[-1.25]))
    bar.close()
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert "F=1.5 | step 0: F=1.5, complexity=0.25, accuracy=-1.25" in shown


def test_a_hidden_bar_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(2, 0, shown=False)
    bar.update(Recorder([1.0]))
    bar.close()
    captured = capsys.readouterr()
    assert captured.err + captured.out == ""
