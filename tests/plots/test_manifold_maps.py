"""Distributions on their manifold, as drawn."""

from __future__ import annotations

import numpy as np
import pyro.distributions as dist
import pytest
import torch
from matplotlib.figure import Figure

from pyro_activeinf import plots
from pyro_activeinf.geometry import StatisticalManifold, WassersteinGaussians

NORMAL = StatisticalManifold(dist.Normal)
A, B = torch.tensor([[-2.0, 0.5], [2.0, 0.5]], dtype=torch.float64)


def test_normals_lie_on_a_half_plane() -> None:
    way = NORMAL.geodesic(A, B)
    figure = plots.manifold(NORMAL, [A, B], geodesics={"shortest": way})
    (panel,) = figure.axes
    x, y = panel.lines[0].get_data()
    assert np.allclose(np.asarray(x) ** 2 / 2 + np.asarray(y) ** 2, 2.0 + 0.25)  # a half circle
    assert panel.get_ylim()[0] == 0.0
    assert panel.get_ylim()[1] > max(y)
    assert panel.get_legend().get_texts()[0].get_text() == "shortest"


def test_ellipses_are_as_the_metric_says() -> None:
    figure = plots.manifold(NORMAL, B[None], radius=0.1)
    border = figure.axes[0].patches[0].get_xy()
    away = torch.as_tensor(border) - B
    lengths = NORMAL.norm(B.expand_as(away), away)
    assert torch.allclose(lengths, torch.full_like(lengths, 0.1), atol=1e-9)


def test_a_path_has_its_length() -> None:
    space = StatisticalManifold(dist.Categorical)
    beliefs = dist.Categorical(torch.tensor([[0.4, 0.3, 0.3], [0.6, 0.2, 0.2], [0.8, 0.1, 0.1]]))
    figure = plots.manifold(space, path=beliefs)
    points = space.point(beliefs)
    length = float(space.distance(points[:-1], points[1:]).sum())
    label = figure.axes[0].get_legend().get_texts()[0].get_text()
    assert f"{length:.3g}" in label


def test_certain_beliefs_are_drawn_in_the_corners() -> None:
    space = StatisticalManifold(dist.Categorical)
    beliefs = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    for path in (beliefs, beliefs.float(), list(beliefs), dist.Categorical(beliefs)):
        panel = plots.manifold(space, path=path).axes[0]
        label = panel.get_legend().get_texts()[0].get_text()
        assert f"{np.pi / 2 + np.pi:.3g}" in label
        assert np.allclose(panel.lines[3].get_xydata(), [[0.5, 3**0.5 / 2]], atol=1e-9)


def test_each_of_a_batch_of_geodesics_is_a_line() -> None:
    ways = NORMAL.geodesic(torch.stack([A, B]), torch.stack([B, B + 1.0]))
    panel = plots.manifold(NORMAL, geodesics={"both": ways}).axes[0]
    for line, start, end in zip(panel.lines, (A, B), (B, B + 1.0), strict=False):
        assert np.allclose(line.get_xydata()[[0, -1]], [start.tolist(), end.tolist()])
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["both"]


def test_arrows_in_space_are_within_the_panel() -> None:
    space = StatisticalManifold(dist.Dirichlet)
    p, q = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 1.0, 2.0])
    vector = torch.tensor([1.0, 0.0, 0.5])
    way = space.geodesic(p, q)
    panel = plots.manifold(space, transport=(vector, way), figsize=(5.0, 4.0)).axes[0]
    tip = q + space.parallel_transport(vector, way)
    limits = panel.get_xlim(), panel.get_ylim(), panel.get_zlim()
    for place in (p, q, p + vector, tip):
        for number, (low, high) in zip(place.tolist(), limits, strict=True):
            assert low <= number <= high
    assert panel.figure.get_size_inches().tolist() == [5.0, 4.0]


def test_vectors_are_carried() -> None:
    way = NORMAL.geodesic(A, B)
    vector = torch.tensor([0.0, 0.4])
    figure = plots.manifold(NORMAL, transport=(vector, way))
    arrows = figure.axes[0].collections[-1]
    end = NORMAL.parallel_transport(vector, way)
    assert np.allclose([arrows.U[-1], arrows.V[-1]], end.tolist(), atol=1e-7)


def test_three_coordinates_are_drawn_in_space() -> None:
    space = StatisticalManifold(dist.Dirichlet)
    p, q = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([3.0, 1.0, 1.0])
    way = space.geodesic(p, q)
    figure = plots.manifold(space, [p, q], geodesics=[way], transport=(torch.ones(3), way))
    assert figure.axes[0].name == "3d"
    flat = plots.manifold(space, [p, q], coordinates=(0, 2))
    assert flat.axes[0].get_ylabel() == "$x_3$"


def test_other_geometries_and_given_axes() -> None:
    panel = Figure().add_subplot()
    points = torch.tensor([[0.0, 0.5], [3.0, 2.0]])
    figure = plots.manifold(WassersteinGaussians(), points, path=points, axes=panel)
    assert figure.axes == [panel]
    assert "nats" not in panel.get_legend().get_texts()[0].get_text()


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="`points`"):
        plots.manifold(NORMAL)
    with pytest.raises(ValueError, match="`coordinates`"):
        plots.manifold(NORMAL, [A], coordinates=(0, 2))
    with pytest.raises(ValueError, match="`space`"):
        plots.manifold(StatisticalManifold(dist.Poisson), torch.ones(2, 1))
    with pytest.raises(ValueError, match="`path`"):
        plots.manifold(NORMAL, path=A[None])
    with pytest.raises(ValueError, match="`points`: expected at least one"):
        plots.manifold(NORMAL, [])
    with pytest.raises(ValueError, match="`points`: expected Normal with"):
        plots.manifold(NORMAL, -A)
    with pytest.raises(ValueError, match='projection="3d"'):
        plots.manifold(
            StatisticalManifold(dist.Dirichlet), torch.ones(1, 3), axes=Figure().add_subplot()
        )
