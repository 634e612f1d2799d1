from __future__ import annotations

import pytest
import torch
from matplotlib.figure import Figure

from pyro_activeinf import plots
from pyro_activeinf.behavior import Calibration, ModelRecovery, Rehearsal
from pyro_activeinf.behavior.checks.recover import Recovery


def found(subjects: int = 30) -> Recovery:
    true = {"rate": torch.rand(2, subjects), "bias": torch.randn(2, subjects, 2)}
    draws = {name: value + 0.1 * torch.randn(50, *value.shape) for name, value in true.items()}
    return Recovery.of(Rehearsal(true, draws, {}, independent=True))


def test_each_entry_has_a_panel() -> None:
    figure = plots.recovery(found())
    titles = [panel.get_title(loc="left").partition(":")[0] for panel in figure.axes]
    assert titles == ["rate", "bias[0]", "bias[1]"]


def test_points_are_the_estimates_and_lines_the_intervals() -> None:
    recovery = found()
    panel = plots.recovery(recovery).axes[2]
    points = panel.lines[-1]
    assert points.get_xdata() == pytest.approx(recovery.true["bias"][..., 1].flatten().numpy())
    assert points.get_ydata() == pytest.approx(recovery.estimated["bias"][..., 1].flatten().numpy())
    (intervals,) = panel.collections
    assert len(intervals.get_segments()) == 60


def test_many_subjects_have_no_intervals() -> None:
    assert not plots.recovery(found(subjects=300)).axes[0].collections


def test_ranks_have_histograms_and_curves() -> None:
    calibration = Calibration({"x": torch.randint(100, (200,)), "y": torch.zeros(200)}, 99)
    figure = plots.ranks(calibration, bins=10)
    above, far = figure.axes[0], figure.axes[1]
    assert [bar.get_height() for bar in far.containers[0]] == [200.0] + [0.0] * 9
    assert sum(bar.get_height() for bar in above.containers[0]) == 200
    assert far.get_title(loc="left") == "y: p = 0.00"
    curve = figure.axes[3].lines[0].get_ydata()
    assert curve[0] == pytest.approx(0.99)


def test_the_matrix_tells_names_and_shares() -> None:
    scores = torch.tensor([[[1.0, 0.0]] * 4, [[1.0, 0.0]] + [[0.0, 1.0]] * 3])
    (panel,) = plots.confusion(ModelRecovery(("one", "other"), scores)).axes
    assert [text.get_text() for text in panel.texts] == ["100%", "0%", "25%", "75%"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["one", "other"]


def test_axes_can_be_given() -> None:
    figure = Figure()
    axes = figure.subplots(1, 3)
    assert plots.recovery(found(), axes=axes) is figure
    with pytest.raises(ValueError, match="`axes`: expected 3 axes"):
        plots.recovery(found(), axes=axes[:2])
