"""Programs to arrays and back: the same tables, site by site."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from pyro_activeinf.compile import Role, Table, Tables, Variable, compile_habit, compile_program
from pyro_activeinf.models import POMDP, LogPreferences, TMaze, to_arrays
from tests.bridge import pomdp
from tests.compile.programs import RandomProgram, random_programs
from tests.filters.programs import Linked
from tests.oracles import Array, Arrays
from tests.strategies import random_models


def close(actual: Any, expected: Any) -> None:
    actual, expected = (torch.as_tensor(x).detach().numpy() for x in (actual, expected))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


def whole(table: Table, tables: Tables) -> Tensor:
    """A table over all that it could depend on, as probabilities."""
    sizes = {Variable(Role.STATE, site.name): site.size for site in tables.states}
    sizes |= {Variable(Role.CONTROL, f"action_{f}"): n for f, n in enumerate(tables.controls)}
    sizes.pop(table.variable, None)  # of `initial`
    order = (*sizes, table.variable)
    probs = table.aligned(order).exp()
    return probs.expand(*sizes.values(), probs.shape[-1])


def assert_same_tables(one: Tables, two: Tables) -> None:
    for part in ("initial", "transition", "observe"):
        first = {t.variable: whole(t, one) for t in getattr(one, part)}
        second = {t.variable: whole(t, two) for t in getattr(two, part)}
        assert set(first) == set(second)
        for variable, probs in first.items():
            close(probs, second[variable])


# From arrays and back


def by_factor(array: Array, factors: list[int]) -> Array:
    """The array with the axes after the first in the order of the factors."""
    order = np.argsort(factors)
    rest = range(1 + len(factors), array.ndim)
    return np.transpose(array, [0, *(1 + order), *rest])


@given(random_models(zeros=False))
@settings(max_examples=40)
def test_arrays_come_back(model: Arrays) -> None:
    found = pomdp(model).to_arrays()
    assert found.A_dependencies == [sorted(factors) for factors in model.A_dependencies]
    for A, array, factors in zip(found.A, model.A, model.A_dependencies, strict=True):
        close(A, by_factor(array, factors))
    controlled = [f for f, n in enumerate(model.num_actions) if n > 1]
    assert found.B_action_dependencies == [
        [controlled.index(f)] if f in controlled else [] for f in range(len(model.B))
    ]
    assert found.B_dependencies == [sorted(factors) for factors in model.B_dependencies]
    for B, array, factors in zip(found.B, model.B, model.B_dependencies, strict=True):
        close(B, by_factor(array, factors))
    for D, array in zip(found.D, model.D, strict=True):
        close(D, array)
    for C, array in zip(found.C, model.C, strict=True):
        close(C, array)
    assert found.E is None
    assert found.state_names == [f"s{f}" for f in range(len(model.D))]
    assert found.observation_names == [f"o{m}" for m in range(len(model.A))]


@given(random_models())
@settings(max_examples=40)
def test_arrays_make_the_same_model_again(model: Arrays) -> None:
    first = pomdp(model)
    second = POMDP(**vars(first.to_arrays()))
    assert second.actions == first.actions
    assert_same_tables(compile_program(first), compile_program(second))


@given(random_programs(linked=False))
@settings(max_examples=40)
def test_programs_and_their_arrays_have_the_same_tables(program: RandomProgram) -> None:
    model = POMDP(**vars(to_arrays(program)))
    tables = compile_program(program)
    assert_same_tables(tables, compile_program(model))
    assert [site.size for site in compile_program(model).outcomes] == [
        site.size for site in tables.outcomes
    ]


def test_the_tmaze_as_arrays() -> None:
    model = TMaze(validity=0.9).double()
    arrays = model.to_arrays()
    assert arrays.state_names == ["context", "location"]
    assert arrays.observation_names == ["position", "reward"]
    assert arrays.A_dependencies == [[0, 1], [0, 1]]
    assert arrays.B_dependencies == [[0], [1]]
    assert arrays.B_action_dependencies == [[], [0]]
    assert [b.shape for b in arrays.B] == [(2, 2, 1), (4, 4, 4)]
    close(arrays.A[1][:, 1, 2], [0, 0.9, 0.1])
    close(arrays.C[0], torch.zeros(5))  # nothing is preferred of the position
    close(arrays.C[1], model.preference)


def test_shared_controls_come_back() -> None:
    rng = np.random.default_rng(0)
    B = [rng.dirichlet(np.ones(2), (2, 3)), rng.dirichlet(np.ones(3), (3, 3, 2))]
    model = POMDP(
        A=[np.eye(2), np.eye(3)],
        B=[np.moveaxis(b, -1, 0) for b in B],
        A_dependencies=[[0], [1]],
        B_action_dependencies=[[1], [1, 0]],
    )
    assert model.actions == gym.spaces.MultiDiscrete([2, 3])
    arrays = model.to_arrays()
    assert arrays.B_action_dependencies == [[1], [0, 1]]
    close(arrays.B[0], model.B[0])
    close(arrays.B[1], model.B[1].transpose(-1, -2))
    assert_same_tables(compile_program(model), compile_program(POMDP(**vars(arrays))))


def test_factors_are_in_the_order_of_initial_whatever_the_order_of_the_transition() -> None:
    class Reversed(TMaze):
        def initial(self) -> Any:
            location = pyro.sample("location", dist.Categorical(torch.ones(4)))
            return pyro.sample("context", dist.Categorical(torch.ones(2))), location

    arrays = Reversed().double().to_arrays()
    assert arrays.state_names == ["location", "context"]
    assert [len(d) for d in arrays.D] == [4, 2]
    assert [b.shape for b in arrays.B] == [(4, 4, 4), (2, 2, 1)]
    assert arrays.B_action_dependencies == [[0], []]
    assert_same_tables(compile_program(Reversed().double()), compile_program(POMDP(**vars(arrays))))


class Idle(TMaze):
    """A model with controls that nothing depends on."""

    actions = gym.spaces.MultiDiscrete([3, 4, 2])  # type: ignore[assignment]

    def transition(self, state: Any, action: Tensor) -> Any:
        return super().transition(state, action[..., 1])


def test_controls_that_nothing_depends_on_are_kept() -> None:
    model = POMDP(**vars(Idle().double().to_arrays()))
    assert model.actions == Idle.actions
    assert_same_tables(compile_program(Idle().double()), compile_program(model))


# Preferences and habits


class Timed(TMaze):
    """Preferences that depend on the step."""

    def prefer(self, step: int) -> None:  # type: ignore[override]
        pyro.sample("reward", LogPreferences(step * self.preference))


def test_preferences_over_time() -> None:
    model = Timed(reward=3.0).double()
    with pytest.raises(ValueError, match=r"`steps`.*`prefer` takes the step.*None"):
        model.to_arrays()
    arrays = model.to_arrays(steps=3)
    close(arrays.C[1], torch.arange(3.0)[:, None] * torch.tensor([0.0, 3.0, -3.0]))
    close(arrays.C[0], torch.zeros(3, 5))
    again = POMDP(**vars(arrays)).to_arrays(steps=4)
    close(again.C[1][:3], arrays.C[1])
    close(again.C[1][3], torch.zeros(3))


def test_preferences_given_as_probabilities() -> None:
    class Probable(TMaze):
        def prefer(self) -> None:
            pyro.sample("reward", dist.Categorical(torch.tensor([0.0, 0.75, 0.25])))

    found = Probable().double().to_arrays().C[1]
    close(found, [-np.inf, np.log(0.75), np.log(0.25)])


@pytest.mark.parametrize(("site", "size"), [("action", 4), ("policy", 9)])
def test_habits(site: str, size: int) -> None:
    class Habitual(TMaze):
        def habit(self) -> None:
            pyro.sample(site, dist.Categorical(torch.arange(1.0, size + 1)))

    arrays = Habitual().double().to_arrays()
    expected = torch.arange(1.0, size + 1) / (size * (size + 1) / 2)
    close(arrays.E, expected)
    model = POMDP(**vars(arrays))
    close(compile_habit(model, (4,))[site].exp(), expected)


# What has no place in the arrays


def test_links_within_a_step_have_no_place() -> None:
    with pytest.raises(ValueError, match=r"'second' of observe.*same step.*\['first'\]. Join"):
        Linked().to_arrays()

    class Start(TMaze):
        def initial(self) -> Any:
            context = pyro.sample("context", dist.Categorical(torch.ones(2) / 2))
            return context, pyro.sample("location", dist.Categorical(torch.eye(4)[context]))

    class Moved(TMaze):
        def transition(self, state: Any, action: Tensor) -> Any:
            context = pyro.sample("context", dist.Categorical(torch.eye(2)[state[0]]))
            pyro.sample("location", dist.Categorical(torch.eye(4)[(context + action) % 4]))

    with pytest.raises(ValueError, match=r"'location' of initial.*\['context'\]"):
        Start().double().to_arrays()
    with pytest.raises(ValueError, match=r"'location' of transition.*\['context'\]"):
        Moved().double().to_arrays()


def test_linked_preferences_have_no_place() -> None:
    class Wish(TMaze):
        def prefer(self) -> None:
            position = pyro.sample("position", LogPreferences(torch.zeros(5)))
            pyro.sample("reward", LogPreferences(torch.zeros(5, 3)[position]))

    with pytest.raises(ValueError, match=r"'reward' of prefer.*\['position'\]"):
        Wish().double().to_arrays()


@pytest.mark.parametrize("names", [("action_0", "action_1"), ("action_0",), ("action_0", "policy")])
def test_habits_of_several_controls_have_no_place(names: tuple[str, ...]) -> None:
    class Habitual(Idle):
        def habit(self) -> None:
            sizes = {"action_0": 3, "action_1": 4, "policy": 9}
            for name in names:
                pyro.sample(name, dist.Categorical(torch.ones(sizes[name])))

    with pytest.raises(ValueError, match=r"`habit`.*one site, action or policy.*action_0"):
        Habitual().double().to_arrays()


def test_arrays_of_a_learned_model_are_differentiable() -> None:
    logits = torch.randn(3, 2, requires_grad=True)
    model = POMDP([logits.softmax(0)], [np.eye(2)[..., None]])
    (gradient,) = torch.autograd.grad(model.to_arrays().A[0][0].sum(), logits)
    probs = logits.softmax(0)
    expected = -probs[:1] * probs
    expected[0] += probs[0]
    close(gradient, expected)
