from __future__ import annotations

import pytest
import torch

from pyro_activeinf import plots
from pyro_activeinf.behavior import Identifiability, LearningCurve


def curve(share: float) -> LearningCurve:
    at = torch.arange(-3, 6)
    draws = share + 0.05 * torch.randn(200, 9)
    return LearningCurve(at, at + 10, torch.linspace(0.3, 0.9, 9), draws, draws)


def report(scores: bool) -> Identifiability:
    z = torch.randn(20, 2) if scores else None
    correlation = torch.tensor([[1.0, -0.8], [-0.8, 1.0]]).repeat(20, 1, 1)
    return Identifiability(("rate", "beta"), torch.rand(20, 2), z, correlation)


def test_a_curve_has_points_a_line_and_a_band() -> None:
    found = curve(0.6)
    (panel,) = plots.learning_curve(found).axes
    assert panel.lines[-1].get_ydata() == pytest.approx(found.observed.numpy())
    assert panel.lines[-2].get_ydata() == pytest.approx(found.expected.mean(0).numpy())
    assert len(panel.collections) == 1


def test_models_are_told_apart() -> None:
    (panel,) = plots.learning_curve({"one": curve(0.5), "other": curve(0.7)}).axes
    labels = [text.get_text() for text in panel.get_legend().get_texts()]
    assert labels == ["one, 90% of replications", "other, 90% of replications", "observed"]
    assert len({line.get_linestyle() for line in panel.lines[1:3]}) == 2


@pytest.mark.parametrize("scores", [True, False])
def test_parameters_and_their_correlations_are_shown(scores: bool) -> None:
    figure = plots.identifiability(report(scores))
    left, right = figure.axes
    assert left.get_xlabel() == "contraction of the prior"
    assert left.get_ylabel() == ("z-score of the truth" if scores else "")
    assert [text.get_text() for text in right.texts] == ["1.00", "-0.80", "-0.80", "1.00"]
