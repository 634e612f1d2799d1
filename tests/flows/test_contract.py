"""What holds for every kind of flow."""

from __future__ import annotations

import copy
import io
import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from torch import Tensor

from pyro_activeinf.flows import Kind, NormalizingFlow
from tests.flows.kinds import EVERY, INVERTIBLE, OTHERS, either, jacobians, shaken

each_kind = pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)
invertible = pytest.mark.parametrize("kind", INVERTIBLE.values(), ids=INVERTIBLE)
others = pytest.mark.parametrize("kind", OTHERS.values(), ids=OTHERS)
conditional_or_not = pytest.mark.parametrize("context_dim", [0, 2], ids=["plain", "conditional"])


@each_kind
@conditional_or_not
def test_log_det_is_that_of_the_jacobian(kind: Kind, context_dim: int) -> None:
    flow, z = either(kind, context_dim), 1.5 * torch.randn(4, 3)
    _, log_det = flow.forward(z)
    expected = torch.linalg.slogdet(jacobians(flow, z)).logabsdet
    torch.testing.assert_close(log_det, expected, rtol=0.0, atol=1e-8)


@invertible
@conditional_or_not
def test_round_trip(kind: Kind, context_dim: int) -> None:
    flow, z = either(kind, context_dim), 2.0 * torch.randn(100, 4, 3)
    torch.testing.assert_close(flow.inverse(flow.forward(z)[0]), z, rtol=0.0, atol=1e-6)
    torch.testing.assert_close(flow.forward(flow.inverse(z))[0], z, rtol=0.0, atol=1e-6)


@others
@conditional_or_not
def test_without_an_inverse_the_error_names_kinds_that_have_one(
    kind: Kind, context_dim: int
) -> None:
    flow = either(kind, context_dim)
    with pytest.raises(ValueError, match=r"`kind`: expected a kind with an inverse.*affine_coupl"):
        flow.inverse(torch.zeros(4, 3))


def square(points: int, half: float) -> Tensor:
    """A grid ``(points, points, 2)`` over a square around 0."""
    along = torch.linspace(-half, half, points)
    return torch.stack(torch.meshgrid(along, along, indexing="ij"), -1)


@invertible
def test_density_integrates_to_one(kind: Kind) -> None:
    """At the centers of cells whose edges are where splines end, as densities may jump there."""
    density, corners = shaken(kind, dim=2, length=2).distribution(), square(321, 8.0)
    with torch.no_grad():
        log_prob = density.log_prob((corners[1:, 1:] + corners[:-1, :-1]) / 2)
    total = log_prob.exp().sum() * (16.0 / 320) ** 2
    assert total.item() == pytest.approx(1.0, abs=1e-3)


@others
def test_density_integrates_to_one_over_the_images_of_small_cells(kind: Kind) -> None:
    """The area of an image comes from its corners, so this needs no inverse and no derivative."""
    flow, corners = shaken(kind, dim=2), square(241, 6.0)
    centers = (corners[1:, 1:] + corners[:-1, :-1]) / 2
    with torch.no_grad():
        x, _ = flow(corners)
        _, log_det = flow(centers)
    one, other = x[1:, 1:] - x[:-1, :-1], x[1:, :-1] - x[:-1, 1:]
    areas = (one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]).abs() / 2
    log_base = dist.Normal(0.0, 1.0).log_prob(centers).sum(-1)
    assert ((log_base - log_det).exp() * areas).sum().item() == pytest.approx(1.0, abs=1e-3)


@each_kind
@conditional_or_not
def test_sample_and_density_in_one_pass_are_those_of_the_distribution(
    kind: Kind, context_dim: int
) -> None:
    flow = either(kind, context_dim)
    density = flow.distribution()
    x, log_prob = flow.sample_and_log_prob(None, (7,))
    assert x.shape == (7, *density.batch_shape, 3)
    assert log_prob.shape == x.shape[:-1]
    value = density.rsample((7,))
    z = density._memory.recall(value, density.bijection.tensors()).z  # type: ignore[union-attr]
    image, log_det = flow.forward(z)
    torch.testing.assert_close(image, value)
    expected = dist.Normal(0.0, 1.0).log_prob(z).sum(-1) - log_det
    torch.testing.assert_close(density.log_prob(value), expected)


@invertible
@conditional_or_not
def test_drawn_and_foreign_values_have_the_same_density(kind: Kind, context_dim: int) -> None:
    density = either(kind, context_dim).distribution()
    value = density.rsample((5,))
    expected = density.log_prob(value.detach().clone())
    torch.testing.assert_close(density.log_prob(value), expected, rtol=0.0, atol=1e-6)


@each_kind
@conditional_or_not
def test_gradients_reach_all_parameters(kind: Kind, context_dim: int) -> None:
    flow = shaken(kind, context_dim=context_dim)
    ready = flow.condition(torch.randn(50, context_dim)) if context_dim else flow
    x, log_prob = ready.sample_and_log_prob(None, (50,))
    ((x**3).sum() + log_prob.sum()).backward()
    for name, parameter in flow.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@each_kind
@pytest.mark.parametrize("batch", [(), (5,), (2, 5)])
def test_batch_shapes(kind: Kind, batch: tuple[int, ...]) -> None:
    flow, z = shaken(kind), torch.randn(*batch, 3)
    x, log_det = flow(z)
    assert x.shape == z.shape
    assert log_det.shape == batch
    steps = flow.steps(z)
    assert steps.points.shape == (4, *batch, 3)
    assert steps.log_dets.shape == (3, *batch)
    torch.testing.assert_close(steps.points[-1], x)
    torch.testing.assert_close(steps.log_det, log_det)


@each_kind
def test_contexts_and_points_broadcast(kind: Kind) -> None:
    flow, context, z = shaken(kind, context_dim=2), torch.randn(6, 2), torch.randn(3)
    x, log_det = flow.condition(context).forward(z)
    assert x.shape == (6, 3)
    assert log_det.shape == (6,)
    many, _ = flow.condition(context).forward(z.expand(4, 1, 3))
    torch.testing.assert_close(many, x.expand(4, 6, 3))
    alone, _ = flow.condition(context[2]).forward(z)
    torch.testing.assert_close(alone, x[2])
    assert (x - x[0]).abs().max() > 1e-3  # the context matters


@each_kind
def test_flows_start_near_the_identity(kind: Kind) -> None:
    z = torch.randn(200, 3)
    x, log_det = NormalizingFlow(3, 4, kind)(z)
    assert (x - z).abs().mean() < 0.1
    assert log_det.abs().mean() < 0.15


def model(data: Tensor) -> None:
    with pyro.plate("points", len(data)):
        z = pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=data)


@each_kind
@conditional_or_not
def test_guides_under_plates_with_vectorized_particles(kind: Kind, context_dim: int) -> None:
    flow, data = shaken(kind, context_dim=context_dim), torch.randn(6, 3)

    def guide(data: Tensor) -> None:
        ready = flow.condition(data[:, :2]) if context_dim else flow
        with pyro.plate("points", len(data)):
            pyro.sample("z", ready.distribution())

    pyro.clear_param_store()
    elbo = Trace_ELBO(num_particles=4, vectorize_particles=True, max_plate_nesting=1)
    loss = elbo.differentiable_loss(model, guide, data)
    loss.backward()
    assert all(parameter.grad is not None for parameter in flow.parameters())
    assert not pyro.get_param_store().keys()
    trace = pyro.poutine.trace(guide).get_trace(data)
    trace.compute_log_prob()
    assert trace.nodes["z"]["log_prob"].shape == (6,)


@each_kind
def test_copies_and_saved_states_are_the_same_flow(kind: Kind) -> None:
    flow, z = shaken(kind, context_dim=2), torch.randn(5, 3)
    ready = flow.condition(torch.randn(2))
    ready.distribution().rsample((2,)).sum().backward()  # nothing of a call sticks to the module
    expected = ready.forward(z)
    twin = copy.deepcopy(flow)
    buffer = io.BytesIO()
    torch.save(flow.state_dict(), buffer)
    buffer.seek(0)
    loaded = shaken(kind, context_dim=2)
    loaded.load_state_dict(torch.load(buffer, weights_only=True))
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.zero_()
    for same in (twin, loaded):
        again = same.condition(ready.context).forward(z)  # type: ignore[arg-type]
        torch.testing.assert_close(again, expected)


@each_kind
def test_two_flows_are_independent(kind: Kind) -> None:
    one, other = shaken(kind), shaken(kind)
    before = other(torch.ones(3))[0]
    assert not {id(p) for p in one.parameters()} & {id(p) for p in other.parameters()}
    one(torch.ones(3))[0].sum().backward()
    assert all(parameter.grad is None for parameter in other.parameters())
    with torch.no_grad():
        for parameter in one.parameters():
            parameter.add_(0.1)
    torch.testing.assert_close(other(torch.ones(3))[0], before, rtol=0.0, atol=0.0)


@each_kind
def test_a_step_of_an_optimizer_is_seen_at_once(kind: Kind) -> None:
    """The same tensor before and after: no result of the old parameters comes back."""
    flow, z = shaken(kind), torch.randn(4, 3)
    density = flow.distribution()
    value, before = density.rsample(), flow(z)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    after = flow(z)
    assert (after[0] - before[0]).abs().max() > 1e-4
    expected = copy.deepcopy(flow)(z.clone())
    torch.testing.assert_close(after, expected, rtol=0.0, atol=0.0)
    if kind.invertible:
        fresh = flow.distribution().log_prob(value.detach().clone())
        torch.testing.assert_close(density.log_prob(value), fresh)
    else:
        with pytest.raises(ValueError, match="with unchanged parameters"):
            density.log_prob(value)


@each_kind
@pytest.mark.parametrize("default", [torch.float32, torch.float64])
def test_both_dtypes(kind: Kind, default: torch.dtype) -> None:
    """The dtype is that of the parameters, whatever the default is."""
    other = torch.float64 if default == torch.float32 else torch.float32
    torch.set_default_dtype(default)
    flow = shaken(kind).to(other)
    x, log_det = flow(torch.randn(4, 3, dtype=other))
    assert x.dtype == log_det.dtype == flow.distribution().rsample((2,)).dtype == other
    if kind.invertible:
        assert flow.inverse(x).dtype == other


@each_kind
def test_training_lowers_the_free_energy(kind: Kind) -> None:
    flow, data = NormalizingFlow(3, 2, kind), torch.tensor([[2.0, -1.0, 0.5]])

    def guide(data: Tensor) -> None:
        with pyro.plate("points", len(data)):
            pyro.sample("z", flow.distribution(dist.Normal(torch.zeros(3), 2.0).to_event(1)))

    elbo = Trace_ELBO(num_particles=64, vectorize_particles=True)(model, guide)
    optimizer = torch.optim.Adam(flow.parameters(), 0.03)
    losses = []
    for _ in range(12):
        pyro.set_rng_seed(0)  # the same samples each time: what changes is the flow
        optimizer.zero_grad()
        loss = elbo(data)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.01


def test_svi_of_pyro_runs() -> None:
    flow, data = NormalizingFlow(3, 2, "planar"), torch.randn(5, 3)

    def guide(data: Tensor) -> None:
        pyro.module("flow", flow)
        with pyro.plate("points", len(data)):
            pyro.sample("z", flow.distribution())

    pyro.clear_param_store()
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.01}), Trace_ELBO())
    losses = [svi.step(data) for _ in range(3)]
    assert all(math.isfinite(loss) for loss in losses)
    pyro.clear_param_store()
