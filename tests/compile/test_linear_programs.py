"""Linearized once where a program is affine, at each point elsewhere; anew when it changes."""

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.nn import PyroSample
from torch import Tensor

from pyro_activeinf import GenerativeModel
from pyro_activeinf.compile import LinearPrograms, apply
from pyro_activeinf.models import Corridor, LinearGaussian
from tests.filters.gaussian_programs import Cart, Drifting, Pendulum, cart_system


def test_what_is_affine_is_linearized_once(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = LinearPrograms(Cart())
    system = cart_system()
    made = programs.made
    assert made.transition is not None
    assert made.observe is not None
    monkeypatch.setattr(Cart, "transition", None)  # it is not asked again
    state, action = torch.randn(4, 3), torch.randn(4, 1)
    move = programs.transition(state, action)
    expected = state @ torch.tensor(system.A).mT + action @ torch.tensor(system.B).mT
    torch.testing.assert_close(move.value, expected)
    assert programs.made is made


@pytest.mark.parametrize("shape", [(), (1,), (2, 2)])
def test_real_actions_of_any_shape(shape: tuple[int, ...]) -> None:
    class Pushed(GenerativeModel):
        actions = gym.spaces.Box(-1.0, 1.0, shape, np.float32)

        def initial(self) -> Tensor:
            return pyro.sample("s", dist.Normal(torch.tensor(0.0), 1.0))

        def transition(self, state: Tensor, action: Tensor) -> Tensor:
            push = action.reshape((*action.shape[: action.dim() - len(shape)], -1)).sum(-1)
            return pyro.sample("s", dist.Normal(0.5 * state + 3.0 * push, 1.0))

        def observe(self, state: Tensor) -> None:
            pyro.sample("o", dist.Normal(state, 1.0))

    programs = LinearPrograms(Pushed())
    assert programs.made.transition is not None
    state, action = torch.randn(5, 1), torch.randn(5, *shape)
    found = programs.transition(state, action).value
    torch.testing.assert_close(found[:, 0], 0.5 * state[:, 0] + 3 * action.reshape(5, -1).sum(-1))


def test_actions_that_only_shift_share_slope_and_noise() -> None:
    shared, spreading = LinearPrograms(Drifting()), LinearPrograms(Drifting(spreading=True))
    assert shared.made.transition is not None
    assert shared.made.transition.shared
    assert spreading.made.transition is not None
    assert not spreading.made.transition.shared
    index = torch.tensor([4, 0])
    for programs in (shared, spreading):
        found = programs.transition(torch.zeros(2, 2), index)
        torch.testing.assert_close(found.value[:, 1], torch.tensor([2.0, -2.0]))
    assert spreading.transition(torch.zeros(2, 2), index).noise[0, 0, 0] == pytest.approx(0.7)


def test_noise_that_depends_on_the_state_is_linearized_where_the_state_is() -> None:
    programs = LinearPrograms(Corridor())
    assert programs.made.transition is not None
    assert programs.made.observe is None
    places = torch.tensor([[-2.0, 0.0], [0.0, 0.0]])
    widths = programs.observe(places).noise[:, 1, 1]
    torch.testing.assert_close(widths, torch.tensor([0.1, 4.1]))


def test_nonlinear_programs_have_the_slopes_of_the_point() -> None:
    programs = LinearPrograms(Pendulum())
    assert programs.made.transition is None
    found = programs.transition(torch.zeros(2, 2), torch.zeros(2))
    torch.testing.assert_close(found.slope[0], torch.tensor([[1 - 0.04, 0.2], [-0.2, 1.0]]))


def test_changes_are_noticed() -> None:
    model = LinearGaussian(torch.eye(2))
    programs = LinearPrograms(model)
    before = programs.made
    model.A.mul_(2.0)
    assert programs.made is not before
    torch.testing.assert_close(programs.transition(torch.ones(2), None).value, 2 * torch.ones(2))
    model.goal, model.goal_cov = torch.ones(2), torch.eye(2)
    assert programs.preferences(0).names == ("o",)


def test_gradients_flow_to_parameters_again_and_again() -> None:
    model = LinearGaussian(torch.eye(1))
    model.A = torch.nn.Parameter(torch.eye(1))
    programs = LinearPrograms(model)
    for _ in range(2):
        model.A.grad = None
        programs.transition(torch.tensor([3.0]), None).value.sum().backward()
        assert model.A.grad is not None
        assert float(model.A.grad) == 3.0


def test_learned_slopes_are_not_shared_between_actions() -> None:
    class Learned(Drifting):
        def __init__(self) -> None:
            super().__init__()
            self.slopes = torch.nn.Parameter(torch.ones(5))

        def transition(self, state: Tensor, action: Tensor) -> Tensor:
            loc = self.slopes[action].unsqueeze(-1) * state
            return pyro.sample("s", dist.Normal(loc, 1.0).to_event(1))

    model = Learned()
    programs = LinearPrograms(model)
    programs.transition(torch.ones(2), torch.tensor(3)).value.sum().backward()
    assert model.slopes.grad is not None
    assert model.slopes.grad.tolist() == [0.0, 0.0, 0.0, 2.0, 0.0]


def test_habits() -> None:
    class Habitual(Drifting):
        def habit(self) -> None:
            pyro.sample("action", dist.Categorical(torch.tensor([0.1, 0.2, 0.4, 0.2, 0.1])))

    found = LinearPrograms(Habitual()).habit()
    torch.testing.assert_close(found["action"].exp(), torch.tensor([0.1, 0.2, 0.4, 0.2, 0.1]))
    assert LinearPrograms(Cart()).habit() == {}


def test_random_parameters_are_refused() -> None:
    model = LinearGaussian(torch.eye(1))
    model.A = PyroSample(dist.Normal(torch.zeros(1, 1), 1.0).to_event(2))
    with pytest.raises(ValueError, match="a PyroSample"):
        LinearPrograms(model)


def test_apply() -> None:
    matrix, vectors = torch.randn(2, 3), torch.randn(4, 3)
    expected = torch.einsum("ij,bj->bi", matrix, vectors)
    torch.testing.assert_close(apply(matrix, vectors), expected)
    torch.testing.assert_close(apply(matrix.expand(4, 2, 3), vectors), expected)
