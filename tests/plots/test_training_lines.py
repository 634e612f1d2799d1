"""The picture of a run of learning."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from pyro_activeinf import plots
from pyro_activeinf.learning import TrainingRun


def run(steps: int) -> TrainingRun:
    losses = torch.linspace(9.0, 1.0, steps)
    at = torch.tensor([0, steps - 1])
    return TrainingRun(losses, losses + 0.5, losses, at, 0.5 * losses[at], -0.5 * losses[at])


def test_lines_are_those_of_the_record() -> None:
    found = run(60)
    above, below = plots.training(found).axes
    loss, mean, complexity, accuracy = above.get_lines()
    assert np.array_equal(loss.get_ydata(), found.losses.numpy())
    assert np.allclose(mean.get_ydata()[0], found.losses[:3].mean())
    assert (mean.get_xdata()[0], len(mean.get_xdata())) == (1.0, 58)
    assert complexity.get_xdata().tolist() == accuracy.get_xdata().tolist() == [0, 59]
    assert np.array_equal(accuracy.get_ydata(), found.accuracy.numpy())
    assert np.array_equal(below.get_lines()[0].get_ydata(), found.gradient_norms.numpy())


@pytest.mark.parametrize("steps", [1, 2, 19])
def test_short_runs_are_drawn(steps: int) -> None:
    _, mean, *_ = plots.training(run(steps)).axes[0].get_lines()
    assert len(mean.get_ydata()) == steps


def test_given_axes_are_used() -> None:
    figure, axes = plt.subplots(2)
    assert plots.training(run(5), axes) is figure
    with pytest.raises(ValueError, match="`axes`: expected 2 axes"):
        plots.training(run(5), axes[:1])
