"""A posterior over policies as bars."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from pyro_activeinf import plots
from pyro_activeinf.planning.posterior import policy_posterior
from pyro_activeinf.records import ExpectedFreeEnergyTerms
from tests.plots.trajectories import posterior


def bars(axes: Axes) -> dict[str, BarContainer]:
    return {
        str(container.get_label()): container
        for container in axes.containers
        if isinstance(container, BarContainer)
    }


def legend(axes: Axes) -> list[str]:
    found = axes.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


def names(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.get_yticklabels()]


def test_policies_are_sorted_by_probability() -> None:
    given = posterior()
    left, right = plots.policies(given).axes

    order = given.probs.argsort(descending=True)
    assert names(left) == ["-".join(map(str, given.policies[i].tolist())) for i in order]
    widths = [bar.get_width() for bar in right.patches]
    np.testing.assert_array_equal(widths, given.probs.sort(descending=True).values)
    assert left.get_ylim()[0] > left.get_ylim()[1]  # the most probable at the top
    assert left.get_ylim() == right.get_ylim()


def test_policies_of_equal_probability_keep_their_order() -> None:
    given = replace(posterior(((0, 0), (0, 1), (0, 2))), probs=torch.ones(3) / 3)

    assert names(plots.policies(given).axes[0]) == ["0-0", "0-1", "0-2"]


def test_bars_are_the_terms_and_end_at_their_sum() -> None:
    given = posterior(novelty=0.3)
    left = plots.policies(given).axes[0]
    order = given.probs.argsort(descending=True)

    found = bars(left)
    assert list(found) == ["pragmatic", "epistemic", "novelty"]
    for name, container in found.items():
        widths = [bar.get_width() for bar in container]
        np.testing.assert_allclose(widths, getattr(given.terms, name)[order], rtol=1e-12)
    for i in range(3):
        parts = [container[i] for container in found.values()]
        ahead = sum(max(bar.get_width(), 0.0) for bar in parts)
        behind = sum(min(bar.get_width(), 0.0) for bar in parts)
        edges = [edge for bar in parts for edge in (bar.get_x(), bar.get_x() + bar.get_width())]
        assert max(edges) == pytest.approx(ahead)
        assert min(edges) == pytest.approx(behind)
        assert ahead + behind == pytest.approx(-given.expected_free_energy[order][i].item())


def test_diamonds_stand_at_the_negative_expected_free_energy() -> None:
    given = posterior()
    left = plots.policies(given).axes[0]

    diamonds = next(line for line in left.get_lines() if line.get_marker() == "D")
    order = given.probs.argsort(descending=True)
    np.testing.assert_array_equal(diamonds.get_xdata(), -given.expected_free_energy[order])
    np.testing.assert_array_equal(diamonds.get_ydata(), [0, 1, 2])


def test_the_legend_leaves_out_what_is_not_there() -> None:
    assert legend(plots.policies(posterior()).axes[0]) == ["pragmatic", "epistemic", r"$-G(\pi)$"]
    with_novelty = plots.policies(posterior(novelty=0.3)).axes[0]
    assert legend(with_novelty) == ["pragmatic", "epistemic", "novelty", r"$-G(\pi)$"]


def test_axes_have_labels_and_units() -> None:
    left, right = plots.policies(posterior(), n=2).axes

    assert left.get_xlabel() == r"contribution to $-G(\pi)$ (nats)"
    assert left.get_ylabel() == "policy (2 of 3)"
    assert right.get_xlabel() == r"$q(\pi)$"
    assert len(names(left)) == len(right.patches) == 2


def test_policies_that_are_ruled_out_say_so() -> None:
    values = posterior().per_step.values.clone()
    values[1, 0, 0] = -torch.inf  # an outcome that is never preferred
    given = policy_posterior(
        torch.tensor([[0, 1], [2, 2], [1, 0]]),
        ExpectedFreeEnergyTerms(values, ()),
        frozenset({"pragmatic", "epistemic", "novelty"}),
        1.0,
        {},
        (3,),
    )
    left = plots.policies(given).axes[0]

    assert names(left)[-1] == "2-2"
    (note,) = left.texts
    assert "infty" in note.get_text()
    assert note.xy == (0.0, 2)
    assert np.isfinite(left.get_xlim()).all()


def test_actions_can_be_named() -> None:
    labels = {"action": ["stay", "left", "right"], "place": ["of a site: left aside"]}
    given = posterior(((1, 2), (0, 0)))

    found = names(plots.policies(given, labels=labels).axes[0])
    assert sorted(found) == ["left → right", "stay → stay"]


def test_given_axes_are_used() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)

    assert plots.policies(posterior(), axes=[left, right]) is figure
    assert len(right.patches) == 3
