"""Free energies over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pyro_activeinf import plots
from pyro_activeinf.records import ExpectedFreeEnergyTerms
from tests.plots.trajectories import made


def lines(axes: Axes) -> dict[str, Line2D]:
    """The lines that the legend explains, by their names there."""
    legend = axes.get_legend()
    assert legend is not None
    named = {str(line.get_label()): line for line in axes.get_lines()}
    return {text.get_text(): named[text.get_text()] for text in legend.get_texts()}


def heights(line: Line2D) -> list[float]:
    """Values of a line of two episodes of 4 and 3 steps, without the gap between these."""
    values = np.asarray(line.get_ydata(), dtype=float)
    assert np.isnan(values[4])
    return np.delete(values, 4).tolist()


def same(line: Line2D, expected: torch.Tensor) -> None:
    np.testing.assert_array_equal(heights(line), expected)


def test_variational_free_energy_is_drawn_with_its_terms() -> None:
    run = made()
    found = lines(plots.free_energy(run).axes[0])

    assert list(found) == ["F", "complexity", "accuracy"]
    same(found["F"], run.free_energy.complexity - run.free_energy.accuracy)
    same(found["complexity"], run.free_energy.complexity)
    same(found["accuracy"], run.free_energy.accuracy)


def test_expected_free_energy_is_drawn_with_its_terms() -> None:
    run = made()
    found = lines(plots.free_energy(run).axes[1])

    assert list(found) == ["G", "risk", "ambiguity", "pragmatic value", "epistemic value"]
    same(found["G"], run.plan.total)
    same(found["risk"], run.plan.risk)
    same(found["ambiguity"], run.plan.ambiguity)
    same(found["pragmatic value"], run.plan.pragmatic)
    same(found["epistemic value"], run.plan.epistemic)


def test_novelty_is_drawn_where_there_is_some() -> None:
    run = made(novelty=0.5)
    found = lines(plots.free_energy(run).axes[1])

    assert list(found)[-1] == "novelty"
    same(found["novelty"], run.plan.novelty)


def test_infinite_terms_are_gaps() -> None:
    run = made()
    values = run.plan.values.clone()
    values[1, 0] = -torch.inf
    figure = plots.free_energy(replace(run, plan=ExpectedFreeEnergyTerms(values, run.plan.sites)))

    found = lines(figure.axes[1])
    for name in ("G", "risk", "pragmatic value"):
        assert np.isnan(heights(found[name])[1])
    assert np.isfinite(heights(found["ambiguity"])[1])
    assert np.isfinite(figure.axes[1].get_ylim()).all()


def test_axes_have_units_and_lines_differ_without_color() -> None:
    figure = plots.free_energy(made(novelty=0.5))

    assert [axes.get_ylabel() for axes in figure.axes] == ["nats", "nats"]
    for axes in figure.axes:
        found = lines(axes).values()
        styles = [(str(line.get_linestyle()), line._dash_pattern) for line in found]
        assert len({line.get_marker() for line in found}) == len(found)
        assert len({str(style) for style in styles}) == len(found)


def test_many_episodes_are_summed_up_by_their_means() -> None:
    run = made([10] * 25)
    figure = plots.free_energy(run)

    assert figure.axes[0].get_title(loc="left").endswith("(mean of each episode)")
    drawn = lines(figure.axes[0])["F"].get_ydata()
    expected = run.free_energy.total.reshape(25, 10).mean(1)
    np.testing.assert_allclose(np.asarray(drawn, dtype=float), expected)


@pytest.mark.parametrize(("lengths", "size"), [([30], 5.0), ([150], 2.5), ([300], 0.0)])
def test_markers_shrink_where_there_are_many(lengths: Sequence[int], size: float) -> None:
    figure = plots.free_energy(made(lengths))

    assert {line.get_markersize() for line in lines(figure.axes[0]).values()} == {size}


def test_given_axes_are_used() -> None:
    figure = Figure()
    upper, lower = figure.subplots(2)

    assert plots.free_energy(made(), axes=[upper, lower]) is figure
    assert list(lines(upper)) == ["F", "complexity", "accuracy"]


def test_a_figure_has_the_size_that_was_asked_for() -> None:
    assert plots.free_energy(made(), figsize=(4.0, 3.0)).get_size_inches().tolist() == [4.0, 3.0]


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`axes`: expected 2 axes, for .*got 1 of them"):
        plots.free_energy(made(), axes=[Figure().subplots()])
    with pytest.raises(ValueError, match="`trajectory`: expected the record of one agent"):
        plots.free_energy(made(batch=(2,)))
