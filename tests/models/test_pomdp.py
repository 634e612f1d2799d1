"""The arrays of the literature are a program like any other; arrays that do not fit are refused."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro.nn import PyroParam
from torch import Tensor, nn
from torch.distributions import constraints

from pyro_activeinf.compile import (
    Compiled,
    compile_habit,
    compile_preferences,
    compile_program,
)
from pyro_activeinf.compile.program import depends_on_step
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import POMDP
from pyro_activeinf.models.pomdp import looked_up
from tests import oracles
from tests.bridge import pomdp
from tests.compile.programs import assert_tables_are_the_program
from tests.models import forward
from tests.oracles import Arrays
from tests.strategies import random_models

SEE = np.array([[0.9, 0.2, 0.0], [0.1, 0.8, 1.0]])  # (o, s)
MOVE = np.moveaxis(np.eye(3)[[[1, 2, 0], [0, 1, 2]]], -1, 0).transpose(0, 2, 1)  # (s', s, u)
STAY = np.eye(3)[..., None]


def close(actual: Any, expected: Any) -> None:
    actual, expected = (torch.as_tensor(x).detach().numpy() for x in (actual, expected))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


# The tables are the arrays


@given(random_models(max_size=3))
@settings(max_examples=40)
def test_tables_are_the_arrays(model: Arrays) -> None:
    tables = compile_program(pomdp(model))
    close(forward.initial(tables), oracles.initial_table(model))
    controlled = [f for f, n in enumerate(model.num_actions) if n > 1]
    rng = np.random.default_rng(0)
    action = [int(rng.integers(n)) for n in model.num_actions]
    moved = forward.transition(tables, [action[f] for f in controlled])
    close(moved, oracles.transition_table(model, action))
    outcome = [int(rng.integers(n)) for n in model.num_outcomes]
    seen = {f"o{m}": o for m, o in enumerate(outcome)}
    close(forward.likelihood(tables, seen), oracles.likelihood(model, outcome))


@given(random_models(max_factors=2, max_modalities=2))
@settings(max_examples=15)
def test_it_is_its_own_program(model: Arrays) -> None:
    program = pomdp(model)
    assert_tables_are_the_program(program, compile_program(program))


def test_axes_follow_the_order_of_the_dependencies() -> None:
    rng = np.random.default_rng(1)
    see = np.moveaxis(rng.dirichlet(np.ones(2), (4, 2)), -1, 0)  # (o, s2, s0)
    move = np.moveaxis(rng.dirichlet(np.ones(3), (4, 3)), -1, 0)  # (s1', s2, s1)
    model = POMDP(
        A=[see],
        B=[np.eye(2)[..., None], move[..., None], np.eye(4)[..., None]],
        A_dependencies=[[2, 0]],
        B_dependencies=[[0], [2, 1], [2]],
    )
    tables = compile_program(model)
    assert [v.name for v in tables.observe[0].parents] == ["s0", "s2"]
    assert [v.name for v in tables.transition[1].parents] == ["s1", "s2"]
    for s0, s2, o in np.ndindex(2, 4, 2):
        close(tables.observe[0].log_probs[s0, s2, o].exp(), see[o, s2, s0])
    for s1, s2, n in np.ndindex(3, 4, 3):
        close(tables.transition[1].log_probs[s1, s2, n].exp(), move[n, s2, s1])


def test_names_are_those_of_the_literature_or_given() -> None:
    model = POMDP([SEE], [MOVE])
    assert [site.name for site in compile_program(model).states] == ["s0"]
    assert [site.name for site in compile_program(model).outcomes] == ["o0"]
    model = POMDP([SEE], [MOVE], state_names=["place"], observation_names=["light"])
    tables = compile_program(model)
    assert [site.name for site in (*tables.states, *tables.outcomes)] == ["place", "light"]
    assert tables.transition[0].variable.name == "place"


def test_what_is_omitted() -> None:
    model = POMDP([SEE], [STAY])
    close(model.D[0], np.ones(3) / 3)
    close(model.C[0], np.zeros(2))
    assert model.habit is None
    assert model.actions is None
    assert model.A_dependencies == ((0,),)
    assert model.B_dependencies == ((0,),)


@pytest.mark.parametrize(
    "see",
    [SEE, SEE.tolist(), torch.tensor(SEE), torch.tensor(SEE, dtype=torch.float32)],
)
def test_arrays_of_any_kind(see: Any) -> None:
    model = POMDP([see], [MOVE])
    assert model.A[0].dtype == (
        torch.float32 if getattr(see, "dtype", 0) == torch.float32 else torch.float64
    )
    close(model.A[0].double(), torch.as_tensor(see).double())


def test_whole_numbers_are_probabilities_too() -> None:
    model = POMDP([np.eye(3, dtype=int)], [np.eye(3, dtype=bool)[..., None]])
    assert model.A[0].dtype == model.B[0].dtype == torch.float64


def test_arrays_are_part_of_the_module() -> None:
    model = POMDP([SEE], [MOVE], C=[[0.0, 1.0]], E=[0.5, 0.5])
    assert set(model.state_dict()) == {"A0", "B0", "C0", "D0", "E0"}
    other = POMDP([SEE[::-1].copy()], [MOVE], C=[[0.0, 2.0]], E=[0.1, 0.9])
    compiled = Compiled(other)
    before = compiled.tables
    other.load_state_dict(model.state_dict())
    assert compiled.tables is not before
    close(compiled.tables.observe[0].log_probs.exp(), SEE.T)
    close(compiled.preferences(0)[0].log_probs, [0.0, 1.0])
    close(compiled.habit()["action"].exp(), [0.5, 0.5])
    assert model.float().A[0].dtype == torch.float32
    assert compile_program(model).observe[0].log_probs.dtype == torch.float32


def test_looked_up() -> None:
    table = torch.rand(2, 3, 4)
    row, column = torch.tensor([[0], [2]]), torch.tensor([1, 3])
    found = looked_up(table, [row, column])
    assert found.shape == (2, 2, 2)
    close(found[1, 0], table[:, 2, 1])
    close(looked_up(table[:, 0, 0], []), table[:, 0, 0])


# Actions


def test_one_control() -> None:
    model = POMDP([SEE], [MOVE])
    assert model.actions == gym.spaces.Discrete(2)
    close(compile_program(model).transition[0].log_probs.exp(), MOVE.transpose(1, 2, 0))


def test_each_controlled_factor_has_its_control() -> None:
    rng = np.random.default_rng(0)
    moves = [np.moveaxis(rng.dirichlet(np.ones(2), (2, n)), -1, 0) for n in (3, 1, 2)]
    model = POMDP([np.ones((1, 2, 2, 2))], moves)
    assert model.actions == gym.spaces.MultiDiscrete([3, 2])
    tables = compile_program(model)
    names = [[v.name for v in table.parents] for table in tables.transition]
    assert names == [["s0", "action_0"], ["s1"], ["s2", "action_1"]]
    close(tables.transition[2].log_probs.exp(), moves[2].transpose(1, 2, 0))


def test_factors_share_controls() -> None:
    rng = np.random.default_rng(0)
    first = np.moveaxis(rng.dirichlet(np.ones(2), (2, 3)), -1, 0)
    second = np.moveaxis(rng.dirichlet(np.ones(3), (3, 2, 3)), -1, 0)
    model = POMDP(
        [np.ones((1, 2, 3, 2))],
        [first, second, np.eye(2)],
        B_action_dependencies=[[1], [0, 1], []],
    )
    assert model.actions == gym.spaces.MultiDiscrete([2, 3])
    exact = ExactFilter(model)
    for u, v in np.ndindex(2, 3):
        belief = exact.predict(exact.initial(), torch.tensor([u, v]))
        close(belief.marginals["s0"].probs, first[:, :, v].mean(1))
        close(belief.marginals["s1"].probs, second[:, :, u, v].mean(1))


def test_one_control_moves_two_factors() -> None:
    model = POMDP(
        [np.ones((1, 3, 3))], [MOVE, MOVE], D=[[1, 0, 0]] * 2, B_action_dependencies=[[0], [0]]
    )
    assert model.actions == gym.spaces.Discrete(2)
    exact = ExactFilter(model)
    belief = exact.predict(exact.initial(), 0)
    assert [marginal.probs.tolist() for marginal in belief.marginals.values()] == [[0, 1, 0]] * 2


# Preferences and habits


def test_preferences_are_as_given() -> None:
    model = POMDP([SEE, SEE], [MOVE], C=[[3.0, -np.inf], [0.0, 1.0]])
    assert not depends_on_step(model)
    sites = compile_program(model).outcomes
    found = compile_preferences(model, sites, 7)
    assert [table.log_probs.tolist() for table in found] == [[3.0, -np.inf], [0.0, 1.0]]


def test_preferences_over_time_end() -> None:
    model = POMDP([SEE, SEE], [MOVE], C=[[[0.0, 1.0], [0.0, 2.0]], [5.0, 6.0]])
    assert depends_on_step(model)
    sites = compile_program(model).outcomes
    found = [[c.log_probs.tolist() for c in compile_preferences(model, sites, t)] for t in range(4)]
    assert [first for first, _ in found] == [[0, 1], [0, 2], [0, 0], [0, 0]]
    assert [second for _, second in found] == [[5, 6]] * 4


@pytest.mark.parametrize(
    ("habit", "site"), [([0.25, 0.75], "action"), ([0.1, 0.2, 0.3, 0.4], "policy")]
)
def test_habits_over_actions_and_policies(habit: list[float], site: str) -> None:
    model = POMDP([SEE], [MOVE], E=habit)
    found = compile_habit(model, (2,))
    assert list(found) == [site]
    close(found[site].exp(), habit)


def test_a_habit_of_several_controls_is_over_policies() -> None:
    model = POMDP([np.ones((1, 3, 3))], [MOVE, MOVE], E=[0.25, 0.75])
    assert list(compile_habit(model, (2, 2))) == ["policy"]


# Learning


def columns(logits: Tensor) -> Tensor:
    return logits.softmax(0)


def test_tables_are_differentiable() -> None:
    def tables(a: Tensor, b: Tensor, c: Tensor, d: Tensor, e: Tensor) -> Tensor:
        model = POMDP(
            [columns(a)], [columns(b)], [c], [columns(d)], columns(e), B_dependencies=[[0]]
        )
        compiled = Compiled(model)
        found = [t.flatten() for t in compiled.tables.tensors]
        return torch.cat([*found, compiled.preferences(0)[0].log_probs, compiled.habit()["action"]])

    shapes = [(2, 3), (3, 3, 2), (2,), (3,), (2,)]
    inputs = [torch.randn(shape, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(tables, inputs)


@pytest.mark.parametrize("kind", ["Parameter", "PyroParam", "set later"])
def test_arrays_are_learned(kind: str) -> None:
    start = torch.tensor(SEE)
    positive = PyroParam(0.99 * start + 0.005, constraints.positive)
    if kind == "Parameter":
        model = POMDP([nn.Parameter(start)], [MOVE])
    elif kind == "PyroParam":
        model = POMDP([positive], [MOVE])
    else:
        model = POMDP([SEE], [MOVE])
        model.A0 = positive
    assert len(list(model.parameters())) == 1
    exact = ExactFilter(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(3):  # each backward pass on tables made anew
        optimizer.zero_grad()
        belief = exact.update(exact.initial(), {"o0": 1})
        belief.free_energy.backward()
        losses.append(belief.free_energy.item())
        (parameter,) = model.parameters()
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()
        optimizer.step()
        with torch.no_grad():
            parameter.clamp_(min=-5.0 if kind != "Parameter" else 0.0)
    assert losses[2] < losses[1] < losses[0]
    assert losses[0] == pytest.approx(-np.log(1.9 / 3), abs=0.02)


def test_zeros_have_no_gradient_and_make_no_nan() -> None:
    see = nn.Parameter(torch.tensor(SEE))
    model = POMDP([see], [MOVE])
    log_probs = compile_program(model).observe[0].log_probs
    assert log_probs[2].tolist() == [-np.inf, 0.0]
    log_probs.exp().pow(2).sum().backward()
    assert see.grad is not None
    assert torch.isfinite(see.grad).all()
    # d/da of (a / (a + b))^2 + (b / (a + b))^2
    a, b = torch.tensor(SEE)
    expected = 2 * torch.stack([(a - b) * b, (b - a) * a]) / (a + b) ** 3
    close(see.grad, expected)


@given(st.integers(0, 20))
@settings(max_examples=5)
def test_controls_learned_from_nothing_are_told_apart(seed: int) -> None:
    torch.manual_seed(seed)
    logits = nn.Parameter(torch.zeros(2, 2, 3))
    other = torch.rand(3, 3, 2).softmax(0)
    moved = POMDP([np.ones((1, 2, 3))], [columns(logits), other])
    table = compile_program(moved).transition[0]
    assert [v.name for v in table.parents] == ["s0", "action_0"]
    weights = torch.randn(table.log_probs.shape)
    (gradient,) = torch.autograd.grad((weights * table.log_probs).sum(), logits)
    # of log softmax at 0: w - mean(w)
    expected = weights - weights.mean(-1, keepdim=True)
    close(gradient, expected.permute(2, 0, 1))


# Errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"A": []}, r"`A`.*at least one array, got none"),
        ({"B": []}, r"`B`.*at least one array"),
        ({"A": [SEE * 0.9]}, r"`A\[0\]`.*columns.*sum to 1.*from 0.9 to 0.9"),
        ({"A": [SEE + np.array([[0.2], [-0.2]])]}, r"`A\[0\]`.*>= 0.*smallest number of -0.1"),
        ({"A": [SEE.T]}, r"`A\[0\]`.*shape \(size, 3\), got \(3, 2\).*`A_dependencies`"),
        ({"A": [np.full((2, 3), np.nan)]}, r"`A\[0\]`.*sum to 1"),
        ({"A": [1.0]}, r"`A\[0\]`.*an array, got a number"),
        ({"A": [SEE, SEE[:, :2]]}, r"`A\[1\]`.*shape \(size, 3\)"),
        ({"B": [MOVE * 1.1]}, r"`B\[0\]`.*sum to 1"),
        ({"B": [MOVE[:, :2]]}, r"`B\[0\]`.*shape \(size, 3, 2\), got \(3, 2, 2\).*`B_dep"),
        ({"B": [MOVE, MOVE]}, r"`A\[0\]`.*shape \(size, 3, 3\)"),
        ({"C": []}, r"`C`.*1 arrays, got 0"),
        ({"C": [[0.0, 1.0]] * 2}, r"`C`.*1 arrays, got 2"),
        ({"C": [[0.0, 1.0, 2.0]]}, r"`C\[0\]`.*last dim of 2, got \(3,\)"),
        ({"C": [np.zeros((2, 3))]}, r"`C\[0\]`.*last dim of 2, got \(2, 3\)"),
        ({"C": [np.zeros((1, 2, 2))]}, r"`C\[0\]`.*last dim of 2, got \(1, 2, 2\)"),
        ({"C": [[0.0, np.nan]]}, r"`C\[0\]`.*numbers or -inf.*nan"),
        ({"C": [[0.0, np.inf]]}, r"`C\[0\]`.*numbers or -inf.*inf"),
        ({"D": [np.ones(3)]}, r"`D\[0\]`.*sum to 1"),
        ({"D": [[0.5, 0.5]]}, r"`D\[0\]`.*last dim of 3, got \(2,\)"),
        ({"D": [np.eye(3)]}, r"`D\[0\]`.*shape"),
        ({"D": [[1.0, 0.0, 0.0]] * 2}, r"`D`.*1 arrays, got 2"),
        ({"E": [0.5, 0.6]}, r"`E`.*sum to 1"),
        ({"E": [1.5, -0.5]}, r"`E`.*>= 0"),
        ({"E": [[0.5, 0.5]]}, r"`E`"),
        ({"A_dependencies": [[1]]}, r"`A_dependencies`.*1 lists.*0 to 0, got \[\[1\]\]"),
        ({"A_dependencies": [[0], [0]]}, r"`A_dependencies`.*1 lists"),
        ({"A_dependencies": [[0, 0]]}, r"`A_dependencies`.*different numbers"),
        ({"A_dependencies": [[]]}, r"`A\[0\]`.*shape"),
        ({"B_dependencies": []}, r"`B_dependencies`.*1 lists.*got \[\]"),
        ({"B_dependencies": [[-1]]}, r"`B_dependencies`.*0 to 0"),
        ({"B_action_dependencies": [[1]]}, r"`B_action_dependencies`.*counted from 0.*\[1\]"),
        ({"B_action_dependencies": [[0], [0]]}, r"`B_action_dependencies`.*1 lists"),
        ({"B_action_dependencies": [[]]}, r"`B\[0\]`.*shape \(size, 3, 1\), got \(3, 3, 2\)"),
        ({"B_action_dependencies": [[0, 1]]}, r"`B\[0\]`.*shape \(size, 3, 2, 1\)"),
        ({"state_names": ["a", "b"]}, r"`state_names`.*1 different names.*\['a', 'b'\]"),
        ({"observation_names": []}, r"`observation_names`.*1 different names"),
        ({"state_names": ["x"], "observation_names": ["x"]}, r"different names.*\['x', 'x'\]"),
    ],
)
def test_arrays_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        POMDP(**{"A": [SEE], "B": [MOVE], **change})


def test_shared_controls_have_one_size() -> None:
    with pytest.raises(ValueError, match=r"`B\[0\]`.*shape \(size, 3, 1\), got \(3, 3, 2\)"):
        POMDP([np.ones((1, 3, 3))], [MOVE, STAY], B_action_dependencies=[[0], [0]])


def test_names_are_different() -> None:
    with pytest.raises(ValueError, match=r"`state_names`.*2 different names, got \['a', 'a'\]"):
        POMDP([np.ones((1, 3, 3))], [MOVE, MOVE], state_names=["a", "a"])
