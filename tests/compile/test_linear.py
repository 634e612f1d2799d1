"""Linearization by automatic differentiation, against torch's own Jacobians."""

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.compile import Layout, ProgramError, log_det
from pyro_activeinf.compile.linear import linearize, observe_layout
from tests.filters.gaussian_programs import Cart, Drifting, Pendulum, cart_system


def pendulum_loc(state: Tensor, action: Tensor) -> Tensor:
    angle, rate = state
    rate = rate + 0.2 * (action - torch.sin(angle))
    return torch.stack([angle + 0.2 * rate, rate])


def test_layouts() -> None:
    states, outcomes = observe_layout(Cart())
    assert dict(states.events) == {"speed": torch.Size([]), "place": torch.Size([2])}
    assert dict(outcomes.events) == {"near": torch.Size([]), "far": torch.Size([3])}


def test_slopes_at_each_member_of_a_batch() -> None:
    states, outcomes = observe_layout(Pendulum())
    points, actions = torch.randn(4, 2), torch.randn(4)
    found = linearize(Pendulum(), "transition", states, states, points, actions, controls=1)
    for point, action, value, slope, noise in zip(
        points, actions, found.value, found.slope, found.noise, strict=True
    ):
        truth = torch.func.jacrev(pendulum_loc, argnums=(0, 1))(point, action)
        torch.testing.assert_close(value, pendulum_loc(point, action))
        torch.testing.assert_close(slope, torch.cat([truth[0], truth[1].unsqueeze(-1)], -1))
        width = torch.stack([torch.tensor(0.05), 0.1 * (1 + point[0] ** 2)])
        torch.testing.assert_close(noise, torch.diag(width))
    seen = linearize(Pendulum(), "observe", states, outcomes, points)
    expected = torch.stack([-torch.sin(points[:, 0]), torch.ones(4)], -1).unsqueeze(-2)
    torch.testing.assert_close(seen.slope, expected)


def test_sites_that_depend_on_each_other_have_joint_noise() -> None:
    system = cart_system()
    states, outcomes = observe_layout(Cart())
    moved = linearize(Cart(), "transition", states, states, torch.zeros(3), torch.zeros(1), 1)
    torch.testing.assert_close(moved.slope[:, :3], torch.tensor(system.A))
    torch.testing.assert_close(moved.slope[:, 3:], torch.tensor(system.B))
    torch.testing.assert_close(moved.noise @ moved.noise.mT, torch.tensor(system.Q))
    seen = linearize(Cart(), "observe", states, outcomes, torch.zeros(3))
    torch.testing.assert_close(seen.slope, torch.tensor(system.C))
    torch.testing.assert_close(seen.noise @ seen.noise.mT, torch.tensor(system.R))
    assert seen.noise.triu(1).abs().max() == 0  # a lower triangle
    start = linearize(Cart(), "initial", states, states, None)
    torch.testing.assert_close(start.value, torch.tensor(system.mean))
    torch.testing.assert_close(start.noise @ start.noise.mT, torch.tensor(system.cov))


def test_actions_broadcast_on_the_left() -> None:
    states, _ = observe_layout(Drifting())
    found = linearize(Drifting(), "transition", states, states, torch.zeros(1, 2), torch.arange(5))
    assert found.value.shape == (5, 2)
    torch.testing.assert_close(found.value[:, 1], torch.linspace(-2.0, 2.0, 5))
    assert found.slope.shape == found.noise.shape == (5, 2, 2)


def test_gradients_of_slopes() -> None:
    states, _ = observe_layout(Pendulum())
    point = torch.tensor([0.3, -0.2], requires_grad=True)
    found = linearize(Pendulum(), "transition", states, states, point, torch.tensor(0.1))
    (gradient,) = torch.autograd.grad(found.slope[1, 0], point)  # -h cos(angle)
    torch.testing.assert_close(
        gradient, torch.stack([0.2 * torch.sin(point[0]), torch.tensor(0.0)])
    )


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients_slopes_are_the_same(mode: Any) -> None:
    states, _ = observe_layout(Pendulum())
    point, action = torch.tensor([0.3, -0.2]), torch.tensor(0.1)
    with mode():
        point = point + 0.0  # a tensor of that mode
        there = linearize(Pendulum(), "transition", states, states, point, action)
    here = linearize(Pendulum(), "transition", states, states, point, action)
    torch.testing.assert_close(there.slope, here.slope)


class Renamed(Drifting):
    def transition(self, state: Tensor, action: Tensor) -> Tensor:
        return pyro.sample("z", dist.Normal(state, 1.0).to_event(1))


class Same(Drifting):
    def observe(self, state: Tensor) -> None:
        pyro.sample("s", dist.Normal(state, 1.0).to_event(1))


class Certain(Drifting):
    def observe(self, state: Tensor) -> None:
        pyro.sample("o", dist.Delta(state[..., 0]))


class Blind(Drifting):
    def observe(self, state: Tensor) -> None:
        pass


def test_programs_that_do_not_fit_together() -> None:
    states = Layout({"s": torch.Size([2])})
    with pytest.raises(ProgramError, match=r"`transition`: expected sites and event shapes.*'z'"):
        linearize(Renamed(), "transition", states, states, torch.zeros(1, 2), torch.arange(5))
    with pytest.raises(ProgramError, match="other site names than in initial"):
        observe_layout(Same())
    with pytest.raises(ProgramError, match="`observe`: expected at least one observation site"):
        observe_layout(Blind())
    with pytest.raises(ProgramError, match="`site 'o' of observe`: expected a Gaussian with some"):
        observe_layout(Certain())


def test_coordinates_taken_from_the_left_are_told() -> None:
    class Left(Drifting):
        def observe(self, state: Tensor) -> None:
            pyro.sample("o", dist.Normal(2.0 * state[0], 1.0))

    class Thin(Left):
        actions = None

        def initial(self) -> Tensor:
            return pyro.sample("s", dist.Normal(torch.zeros(1), 1.0).to_event(1))

    broken, odd = (
        "`observe` failed when run with batch dims",
        "`site 'o' of observe`: expected batch",
    )
    for program, size, complaint in ((Left(), 2, broken), (Thin(), 1, odd)):
        states, outcomes = observe_layout(program)
        with pytest.raises(ProgramError, match=complaint):
            linearize(program, "observe", states, outcomes, torch.zeros(size))


def test_log_det() -> None:
    triangle = torch.randn(3, 4, 4).tril()
    torch.testing.assert_close(log_det(triangle), torch.linalg.slogdet(triangle)[1])


def test_a_program_of_plain_objects() -> None:
    class Plain:
        actions = None

        def initial(self) -> Any:
            return {"x": pyro.sample("x", dist.Normal(torch.tensor(1.0), 2.0))}

        def transition(self, state: Any, action: None) -> Any:
            return {"x": pyro.sample("x", dist.Normal(state["x"].square(), 1.0))}

        def observe(self, state: Any) -> None:
            pyro.sample("o", dist.Normal(state["x"], 1.0))

    states, _ = observe_layout(Plain())
    found = linearize(Plain(), "transition", states, states, torch.tensor([[3.0], [-1.0]]))
    assert found.slope.flatten().tolist() == [6.0, -2.0]
