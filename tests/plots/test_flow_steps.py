"""Flows, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyro.distributions as dist
import pytest
import torch
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from pyro_activeinf import plots
from pyro_activeinf.flows import NormalizingFlow
from tests.flows.kinds import shaken


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes]


def meshes(figure: Figure) -> list[QuadMesh]:
    return [c for axes in figure.axes for c in axes.collections if isinstance(c, QuadMesh)]


def test_there_is_a_panel_for_the_base_and_each_step() -> None:
    assert titles(plots.flow(shaken("planar", dim=2))) == ["base", "step 1", "step 2", "step 3"]


def test_of_many_steps_ten_panels_are_drawn() -> None:
    found = titles(plots.flow(NormalizingFlow(2, 40, "radial")))
    assert len(found) == 10
    assert (found[0], found[-1]) == ("base", "step 40")


@pytest.mark.parametrize("kind", ["planar", "spline_coupling"])
def test_shades_are_the_density(kind: str) -> None:
    """The mass of each panel is that of the base, though its cells are somewhere else."""
    figure = plots.flow(shaken(kind, dim=2))
    for mesh in meshes(figure):
        corners = mesh.get_coordinates()
        one = corners[1:, 1:] - corners[:-1, :-1]
        other = corners[1:, :-1] - corners[:-1, 1:]
        areas = np.abs(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]) / 2
        density = np.asarray(mesh.get_array()).reshape(corners.shape[:2])
        means = (density[1:, 1:] + density[:-1, :-1] + density[1:, :-1] + density[:-1, 1:]) / 4
        assert (means * areas).sum() == pytest.approx(1.0, abs=0.02)


def test_dots_are_the_same_samples_on_their_way() -> None:
    flow = shaken("affine_coupling", dim=2)
    figure = plots.flow(flow, num_samples=20)
    drawn = [np.asarray(axes.get_lines()[0].get_xydata()) for axes in figure.axes]
    expected = flow.steps(torch.tensor(drawn[0])).points.detach().numpy()
    np.testing.assert_allclose(np.stack(drawn), expected)


def test_panels_share_their_limits() -> None:
    figure = plots.flow(shaken("planar", dim=2))
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes}) == 1


def test_of_more_coordinates_two_are_drawn_without_density() -> None:
    figure = plots.flow(shaken("planar", dim=4), coordinates=(3, 1), steps=[0, 3])
    assert meshes(figure) == []
    assert titles(figure) == ["base", "step 3"]
    assert figure.axes[0].get_xlabel() == "$z_{4}$"
    assert figure.axes[0].get_ylabel() == "$z_{2}$"


def test_a_base_and_a_context_are_taken() -> None:
    flow = shaken("planar", dim=2, context_dim=3).condition(torch.randn(3))
    base = dist.Normal(torch.tensor([5.0, -5.0]), 0.1).to_event(1)
    figure = plots.flow(flow, base)
    points = np.asarray(figure.axes[0].get_lines()[0].get_xydata())
    np.testing.assert_allclose(points.mean(0), [5.0, -5.0], atol=0.1)


def test_given_axes_are_used() -> None:
    figure = Figure()
    grid = figure.subplots(1, 2)
    assert plots.flow(shaken("planar", dim=2), steps=[0, 3], axes=grid) is figure


@pytest.mark.parametrize(
    ("dim", "arguments", "message"),
    [
        (1, {}, "`flow`: expected one of at least two coordinates, got one of 1"),
        (2, {"steps": [4]}, r"`steps`: expected steps from 0 to 3, got \[4\]"),
        (2, {"steps": []}, r"`steps`: expected steps from 0 to 3, got \[\]"),
        (3, {"coordinates": (0, 3)}, r"`coordinates`: expected two of 0 to 2, got \(0, 3\)"),
        (3, {"coordinates": (1, 1)}, "`coordinates`: expected two of 0 to 2"),
        (2, {"num_samples": 0}, "`num_samples`: expected an integer of at least 1"),
    ],
)
def test_wrong_arguments_are_refused(dim: int, arguments: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plots.flow(shaken("planar", dim=dim), **arguments)


def test_a_batch_of_contexts_is_refused() -> None:
    flow = shaken("planar", dim=2, context_dim=3).condition(torch.randn(5, 3))
    with pytest.raises(ValueError, match=r"`flow`: expected one context.*batch of shape \(5,\)"):
        plots.flow(flow)
