"""Building flows, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from pyro_activeinf import flows
from pyro_activeinf.flows import NormalizingFlow
from pyro_activeinf.flows.names import KINDS, kind_of
from tests.flows.kinds import EVERY, jacobians, shaken


@pytest.mark.parametrize("name", KINDS)
def test_a_name_is_the_kind_with_its_defaults(name: str) -> None:
    assert kind_of(name) == EVERY[name]
    assert NormalizingFlow(3, 2, name).kind == EVERY[name]


@pytest.mark.parametrize(
    "kind", ["affine_coupling", "spline_coupling", "affine_autoregressive", "spline_autoregressive"]
)
def test_steps_mix_all_coordinates(kind: str) -> None:
    """Two steps and every coordinate depends on every other."""
    flow = shaken(kind, dim=4, length=3)
    assert (jacobians(flow, torch.randn(3, 4)).abs() > 1e-12).all()


@pytest.mark.parametrize(
    "kind", ["planar", "radial", "sylvester", "spline", "affine_autoregressive", "householder"]
)
def test_one_coordinate_is_enough_for_some(kind: str) -> None:
    x, log_det = shaken(kind, dim=1)(torch.randn(5, 1))
    assert x.shape == (5, 1)
    assert log_det.shape == (5,)


def test_length_and_sizes_are_shown() -> None:
    flow = NormalizingFlow(2, 3, "planar", context_dim=4)
    assert len(flow.layers) == 3
    assert "dim=2, length=3, context_dim=4" in repr(flow)


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: NormalizingFlow(0, 2), "`dim`: expected an integer of at least 1, got 0"),
    (lambda: NormalizingFlow(2, 0), "`length`: expected an integer of at least 1, got 0"),
    (lambda: NormalizingFlow(2, 2, "plane"), r"`kind`: expected one of \['affine_autoreg"),
    (lambda: NormalizingFlow(2, 2, context_dim=-1), "`context_dim`"),
    (lambda: NormalizingFlow(1, 2, "affine_coupling"), "`dim`: expected at least 2 coordinates"),
    (lambda: NormalizingFlow(2, 2)(torch.zeros(3)), "`z`: expected points of 2 coordinates"),
    (lambda: NormalizingFlow(2, 2).inverse(torch.zeros(())), "`x`: expected points of 2 coord"),
    (lambda: NormalizingFlow(2, 2).condition(torch.zeros(3)), "`flow`: expected a conditional"),
    (lambda: shaken("planar", context_dim=2)(torch.zeros(3)), "`context`: expected the context"),
    (lambda: shaken("planar", context_dim=2).distribution(), "`context`: expected the context"),
    (
        lambda: shaken("planar", context_dim=2).condition(torch.zeros(3)),
        "`context`: expected vectors of length 2",
    ),
    (
        lambda: (
            shaken("planar", context_dim=2).condition(torch.zeros(4, 2)).forward(torch.zeros(3, 3))
        ),
        "batch dims",
    ),
    (lambda: flows.Spline(count_bins=0), "`count_bins`"),
    (lambda: flows.SplineCoupling(bound=0.0), "`bound`: expected a number above 0, got 0.0"),
    (lambda: flows.SplineAutoregressive(order="cubic"), "`order`: expected 'linear' or 'quadr"),
    (lambda: flows.Householder(3), "`count`: expected an even number, got 3"),
    (lambda: flows.Sylvester(0), "`reflections`"),
    (lambda: flows.NeuralAutoregressive(width=0), "`width`"),
    (lambda: flows.Inverse(flows.Planar()), "`kind`: expected a kind of step that has an inv"),
    (lambda: flows.ZukoAffineAutoregressive(passes=0), "`passes`"),
    (lambda: flows.ZukoSplineAutoregressive(count_bins=0), "`count_bins`"),
    (
        lambda: NormalizingFlow(9, 1, flows.AffineAutoregressive(hidden_dims=(8,))),
        r"`hidden_dims`: expected at least as many units in each layer as coordinates \(9\)",
    ),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES, ids=[m for _, m in MISTAKES])
def test_mistakes_are_named(mistake: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mistake()


def test_what_is_no_kind_is_refused() -> None:
    with pytest.raises(TypeError, match=r"`kind`: expected a kind, such as flows.AffineCoupling"):
        NormalizingFlow(2, 2, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (lambda flow: flow([1.0, 2.0]), "`z`: expected a tensor of points, got "),
        (lambda flow: flow.inverse([1.0, 2.0]), "`x`: expected a tensor of points, got "),
        (lambda flow: flow.distribution(3), "`base`: expected a distribution of event_shape"),
    ],
)
def test_what_is_no_tensor_or_distribution_is_refused(mistake: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        mistake(NormalizingFlow(2, 2))


@pytest.mark.parametrize("kind", ["affine_coupling", "planar"])
def test_points_of_another_precision_are_refused(kind: str) -> None:
    flow, point = NormalizingFlow(2, 2, kind).double(), torch.zeros(3, 2, dtype=torch.float32)
    message = r"`z`: expected points of torch\.float64, got torch\.float32\. Convert the points"
    with pytest.raises(ValueError, match=message):
        flow(point)
