"""Whether flows are what they say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pyro_activeinf.diagnostics import invertibility
from pyro_activeinf.flows import NormalizingFlow
from pyro_activeinf.flows.layer import Layer
from tests.flows.kinds import EVERY, shaken


class Wrong(Layer):
    """Doubles all coordinates, and is wrong about the one or the other."""

    invertible = True

    def __init__(self, back: float, log_det: float) -> None:
        super().__init__()
        self.back, self.log_det = back, log_det

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return 2 * z, torch.full(z.shape[:-1], self.log_det)

    def inverse(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.back * x, torch.full(x.shape[:-1], self.log_det)


def doubling(back: float = 0.5, log_det: float = 3 * 0.6931471805599453) -> NormalizingFlow:
    flow = NormalizingFlow(3, 1, "planar")
    flow.kind = EVERY["affine_coupling"]
    flow.layers[0] = Wrong(back, log_det)
    return flow


@pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)
def test_flows_pass(kind: object) -> None:
    found = invertibility(shaken(kind))  # type: ignore[arg-type]
    assert found.passed, str(found)
    assert found.points == 100
    assert found.log_det < 1e-8
    assert (found.round_trip is None) == (not kind.invertible)  # type: ignore[attr-defined]


def test_a_conditional_flow_and_points_of_ones_own() -> None:
    flow = shaken("spline_coupling", context_dim=2).condition(torch.randn(5, 2))
    assert invertibility(flow).points == 500
    assert invertibility(flow, torch.zeros(3)).points == 5


def test_a_right_one() -> None:
    found = invertibility(doubling())
    assert found.passed
    assert found.condition == pytest.approx(1.0)
    assert found.advice == "Inverse and log-determinant are right up to rounding."


def test_a_wrong_inverse_is_seen() -> None:
    found = invertibility(doubling(back=0.6))
    assert not found.passed
    assert found.advice.startswith("Values do not come back")
    assert found.round_trip == pytest.approx(0.2 * 3.0, abs=0.6)


@pytest.mark.parametrize("log_det", [2.0, float("nan")])
def test_a_wrong_log_det_is_seen(log_det: float) -> None:
    found = invertibility(doubling(log_det=log_det))
    assert not found.passed
    assert found.advice.startswith("The log-determinant is not that of the Jacobian")
    assert "nats off" in str(found)


def test_the_advice_without_an_inverse() -> None:
    found = invertibility(shaken("planar"))
    assert found.advice.startswith("The log-determinant is right. There is no inverse")
    assert str(found).startswith("no inverse, log-det")


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="`num_points`"):
        invertibility(shaken("planar"), num_points=0)
    with pytest.raises(ValueError, match=r"`context`: expected the context"):
        invertibility(shaken("planar", context_dim=2))
    with pytest.raises(TypeError, match=r"`flow`: expected a flows.NormalizingFlow, got 3"):
        invertibility(3)  # type: ignore[arg-type]
