"""Distributions of flows: what they remember, and what they refuse."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.flows import NormalizingFlow
from tests.flows.kinds import shaken


def test_it_is_the_density_that_pyro_has_of_the_same_transforms() -> None:
    flow = shaken("householder", length=1)
    base = dist.Normal(torch.zeros(3), torch.tensor([1.0, 2.0, 3.0])).to_event(1)
    layer = flow.layers[0]
    transform = layer.kind.transform(layer.network, None)
    expected = dist.TransformedDistribution(base, [transform])
    x = torch.randn(5, 3)
    torch.testing.assert_close(flow.distribution(base).log_prob(x), expected.log_prob(x))


def test_shapes() -> None:
    density = shaken("planar", context_dim=2).condition(torch.randn(4, 1, 2)).distribution()
    assert density.batch_shape == (4, 1)
    assert density.event_shape == (3,)
    assert density.has_rsample
    assert density.rsample((2,)).shape == (2, 4, 1, 3)
    wide = density.expand((7, 4, 5))
    assert wide.batch_shape == (7, 4, 5)
    assert wide.log_prob(wide.rsample()).shape == (7, 4, 5)
    based = shaken("planar").distribution(dist.Normal(torch.zeros(6, 3), 1.0).to_event(1))
    assert based.batch_shape == (6,)


def test_samples_without_gradients_have_none() -> None:
    density = shaken("planar").distribution()
    assert not density.sample().requires_grad
    assert density.rsample().requires_grad


@pytest.mark.parametrize("kind", ["planar", "radial", "sylvester", "neural_autoregressive"])
def test_what_either_of_two_sizes_has_drawn_both_can_score(kind: str) -> None:
    density = shaken(kind).distribution()
    wide = density.expand((5,))
    value = wide.rsample()
    torch.testing.assert_close(density.log_prob(value), wide.log_prob(value))


@pytest.mark.parametrize("kind", ["planar", "neural_autoregressive"])
def test_without_an_inverse_a_foreign_value_is_refused(kind: str) -> None:
    density = shaken(kind).distribution()
    message = r"`value`: expected the very tensor that was drawn last.*affine_coupling"
    with pytest.raises(ValueError, match=message):
        density.log_prob(torch.zeros(3))
    first = density.rsample()
    density.rsample()
    with pytest.raises(ValueError, match=message):
        density.log_prob(first)


def test_a_value_that_was_changed_in_place_is_another_one() -> None:
    density = shaken("planar").distribution()
    value = density.sample()
    density.log_prob(value)
    value.add_(1.0)
    with pytest.raises(ValueError, match="`value`"):
        density.log_prob(value)


def test_a_context_that_was_changed_in_place_is_another_one() -> None:
    context = torch.randn(2)
    density = shaken("planar", context_dim=2).condition(context).distribution()
    value = density.sample()
    context.add_(1.0)
    with pytest.raises(ValueError, match="`value`"):
        density.log_prob(value)


@pytest.mark.parametrize("kind", ["planar", "radial", "sylvester", "neural_autoregressive"])
def test_gradient_of_the_density_of_a_constant_without_an_inverse(kind: str) -> None:
    """Against differences: the value stays, the parameters move, Newton's method finds z anew."""
    flow = shaken(kind, dim=2, length=2)
    density = flow.distribution()
    value = density.sample()
    density.log_prob(value).backward()
    parameter = max(flow.parameters(), key=lambda p: float(p.grad.abs().max()))
    index = int(parameter.grad.abs().argmax())
    z = density._memory.recall(value, density.bijection.tensors()).z  # type: ignore[union-attr]
    step = 1e-5
    found = []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            parameter.view(-1)[index] += sign * step
        found.append(_log_prob_by_newton(flow, value, z))
        with torch.no_grad():
            parameter.view(-1)[index] -= sign * step
    expected = (found[0] - found[1]) / (2 * step)
    assert parameter.grad.view(-1)[index].item() == pytest.approx(expected, rel=1e-4)


def _log_prob_by_newton(flow: NormalizingFlow, x: torch.Tensor, z: torch.Tensor) -> float:
    for _ in range(20):
        matrix = torch.autograd.functional.jacobian(lambda z: flow(z)[0], z)
        z = (z - torch.linalg.solve(matrix, flow(z)[0] - x)).detach()
    return (dist.Normal(0.0, 1.0).log_prob(z).sum() - flow(z)[1]).item()


def test_gradient_of_the_density_of_a_constant_with_an_inverse() -> None:
    flow = shaken("affine_coupling", dim=2)
    density = flow.distribution()
    value = density.sample()
    density.log_prob(value).backward()
    found = [parameter.grad.clone() for parameter in flow.parameters()]
    flow.zero_grad()
    flow.distribution().log_prob(value.clone()).backward()
    torch.testing.assert_close(found, [parameter.grad for parameter in flow.parameters()])


def test_a_base_with_parameters() -> None:
    loc = torch.zeros(3, requires_grad=True)
    flow = shaken("planar")
    density = flow.distribution(dist.Normal(loc, 1.0).to_event(1))
    density.log_prob(density.rsample()).backward()
    assert loc.grad is not None


def test_inference_mode() -> None:
    with torch.inference_mode():
        density = shaken("planar").distribution()
        assert density.log_prob(density.sample()).shape == ()


def test_masks_and_scales_of_pyro_apply() -> None:
    flow = shaken("planar")

    def program() -> None:
        with pyro.plate("points", 4), pyro.poutine.scale(scale=2.0):
            pyro.sample("x", flow.distribution().mask(torch.tensor([True, False, True, True])))

    trace = pyro.poutine.trace(program).get_trace()
    trace.compute_log_prob()
    assert trace.nodes["x"]["log_prob"][1] == 0


@pytest.mark.parametrize(
    "base", [dist.Normal(torch.zeros(3), 1.0), dist.Normal(torch.zeros(2), 1.0).to_event(1)]
)
def test_a_base_over_something_else_is_refused(base: dist.TorchDistribution) -> None:
    with pytest.raises(ValueError, match=r"`base`: expected a distribution of event_shape \(3,\)"):
        shaken("planar").distribution(base)


def test_a_value_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="event"):
        shaken("affine_coupling").distribution().log_prob(torch.zeros(2))
