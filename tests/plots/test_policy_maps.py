"""Probabilities of policies and of actions over time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pyro_activeinf import plots
from tests.plots.trajectories import POLICIES, made


def legend(axes: Axes) -> list[str]:
    found = axes.get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


def test_policies_are_sorted_by_the_highest_probability_that_they_reach() -> None:
    run = made()
    assert run.policies is not None
    assert run.policy_probs is not None
    panel, bar = plots.policies(run).axes

    order = np.nanmax(run.policy_probs.numpy(), axis=0).argsort()[::-1]
    (image,) = panel.get_images()
    shown = np.ma.filled(image.get_array(), np.nan)
    np.testing.assert_array_equal(shown, run.policy_probs.numpy()[:, order].T)
    texts = ["-".join(map(str, run.policies[int(i)].tolist())) for i in order]
    assert [text.get_text() for text in panel.get_yticklabels()] == texts
    assert bar.get_ylabel() == r"probability $q(\pi)$"
    assert image.get_clim() == (0.0, np.nanmax(run.policy_probs))


def test_only_so_many_policies_are_drawn() -> None:
    panel = plots.policies(made(), n=2).axes[0]

    assert panel.get_images()[0].get_array().shape == (2, 7)
    assert panel.get_ylabel() == f"policy (2 of {POLICIES})"


def test_steps_without_a_plan_are_explained() -> None:
    assert legend(plots.policies(made()).axes[0]) == ["no plan"]


def test_there_is_no_legend_for_what_is_not_there() -> None:
    run = made((4,))
    planned = run.at(torch.arange(3))

    assert legend(plots.policies(planned).axes[0]) == []


def test_without_policies_the_actions_are_drawn() -> None:
    run = made(keep_policies=False)
    panel, bar = plots.policies(run, labels={"action": ["stay", "left", "right"]}).axes

    shown = np.ma.filled(panel.get_images()[0].get_array(), np.nan)
    np.testing.assert_array_equal(shown, run.action_probs.T)
    circles = next(line for line in panel.get_lines() if line.get_marker() == "o")
    rows = np.asarray(circles.get_xdata())
    assert rows.tolist() == [0, 1, 2, 4, 5]
    np.testing.assert_array_equal(circles.get_ydata(), run.actions.numpy()[rows])
    assert [text.get_text() for text in panel.get_yticklabels()] == ["stay", "left", "right"]
    assert legend(panel) == ["taken", "no plan"]
    assert panel.get_title(loc="left") == "action"
    assert bar.get_ylabel() == "probability"


def test_several_controls_have_a_panel_each() -> None:
    run = made(controls=(3, 2), keep_policies=False)
    figure = plots.policies(run)

    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["action 0", "action 1"]
    shown = np.ma.filled(figure.axes[1].get_images()[0].get_array(), np.nan)
    np.testing.assert_allclose(shown, run.action_probs.sum(1).T)


@pytest.mark.parametrize("keep_policies", [True, False])
def test_given_axes_are_used(keep_policies: bool) -> None:
    figure = Figure()
    panel = figure.subplots()

    assert plots.policies(made(keep_policies=keep_policies), axes=panel) is figure
    assert len(panel.get_images()) == 1


def test_policies_without_their_probabilities_are_not_enough() -> None:
    figure = plots.policies(replace(made(), policy_probs=None))

    assert figure.axes[0].get_title(loc="left") == "action"
