"""Whole programs against their own log-probabilities at every value, one value at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from pyro import poutine
from torch import Tensor

from pyro_activeinf.compile import (
    ProgramError,
    Role,
    Table,
    Tables,
    compile_habit,
    compile_preferences,
    compile_program,
    control_sizes,
)
from pyro_activeinf.compile.program import StackedControls, depends_on_step
from pyro_activeinf.models import LogPreferences
from tests.compile.programs import (
    RandomProgram,
    assert_tables_are_the_program,
    random_programs,
)

EYE = torch.eye(2, dtype=torch.float64)


@dataclass
class Plain:
    """A program whose parts are handed in; a coin that stays, and is seen, where they are not."""

    actions: gym.Space[Any] | None = None
    initial: Callable[[], Any] = lambda: coin("s")
    transition: Callable[[Any, Any], Any] = lambda s, u: pyro.sample("s", dist.Categorical(EYE[s]))
    observe: Callable[[Any], Any] = lambda s: pyro.sample("o", dist.Categorical(EYE[s]))


def coin(name: str) -> Tensor:
    return pyro.sample(name, dist.Categorical(torch.ones(2) / 2))


def parents(tables: tuple[Table, ...]) -> dict[str, list[str]]:
    """Of each site the names of its parents, those of the next state with a prime."""
    return {
        table.variable.name: [v.name + "'" * (v.role is Role.NEXT) for v in table.parents]
        for table in tables
    }


# Tables


@given(random_programs())
@settings(max_examples=60)
def test_tables_are_the_program_at_every_value(program: RandomProgram) -> None:
    tables = compile_program(program)
    assert [site.name for site in tables.states] == [spec.name for spec in program.first]
    assert [site.size for site in tables.states] == [spec.size for spec in program.first]
    assert_tables_are_the_program(program, tables)


@given(random_programs(zeros=False))
@settings(max_examples=30)
def test_parents_are_those_that_the_program_uses(program: RandomProgram) -> None:
    tables = compile_program(program)
    sizes = program.sizes | {site.name: site.size for site in tables.outcomes}  # of a Delta: less
    for specs, found in (
        (program.first, tables.initial),
        (program.moves, tables.transition),
        (program.outcomes, tables.observe),
    ):
        for spec, table in zip(specs, found, strict=True):
            used = {parent for parent in spec.parents if sizes[parent] > 1}
            names = [v.name + "'" * (v.role is Role.NEXT) for v in table.parents]
            found_names = {name.replace("action_", "u") for name in names}
            assert len(names) == len(found_names)
            assert found_names <= used
            # Of several controls one that makes no difference, as to a Delta, is left out.
            assert all(parent[0] == "u" for parent in used - found_names)
            assert found_names == used or spec.kind == "delta" or spec.size == 1


def test_sites_depend_on_earlier_ones_of_the_same_step_everywhere() -> None:
    def initial() -> tuple[Tensor, Tensor]:
        a = coin("a")
        return a, pyro.sample("b", dist.Bernoulli(torch.tensor([0.1, 0.7])[a]))

    def transition(state: Any, action: Any) -> None:
        b = pyro.sample("b", dist.Bernoulli(torch.tensor([0.3, 0.4])[state[0]]))
        pyro.sample("a", dist.Categorical(EYE[(state[1].long() + b.long()) % 2]))

    def observe(state: Any) -> None:
        first = pyro.sample("first", dist.Categorical(EYE[state[0]]))
        pyro.sample("second", dist.Categorical(EYE[(state[1].long() + first) % 2]))

    tables = compile_program(Plain(None, initial, transition, observe))
    assert parents(tables.initial) == {"a": [], "b": ["a"]}
    assert parents(tables.transition) == {"b": ["a"], "a": ["b", "b'"]}  # in the program's order
    assert parents(tables.observe) == {"first": ["a"], "second": ["b", "first"]}
    assert tables.transition[1].log_probs.exp()[1, 0].tolist() == [0.0, 1.0]


def test_exact_zeros_are_kept() -> None:
    tables = compile_program(Plain())
    for table in (*tables.transition, *tables.observe):
        assert table.log_probs.tolist() == [[0.0, -np.inf], [-np.inf, 0.0]]


def test_sites_of_size_one_have_tables_without_their_dim() -> None:
    def initial() -> tuple[Tensor, Tensor]:
        only = pyro.sample("only", dist.Categorical(torch.ones(1)))
        return only, coin("s")

    def transition(state: Any, action: Any) -> None:
        pyro.sample("only", dist.Categorical(torch.ones(1, 2, 1)[state]))
        pyro.sample("s", dist.Categorical(torch.tensor([[[0.1, 0.9], [0.2, 0.8]]])[state]))

    tables = compile_program(
        Plain(gym.spaces.Discrete(1), initial, transition, lambda s: coin("o"))
    )
    assert [site.size for site in tables.states] == [1, 2]
    assert tables.controls == (1,)
    assert parents(tables.transition) == {"only": ["s"], "s": ["s"]}
    np.testing.assert_allclose(
        tables.transition[1].log_probs.exp().numpy(), [[0.1, 0.9], [0.2, 0.8]], rtol=0, atol=1e-12
    )


def test_a_world_of_one_state_that_is_known_compiles() -> None:
    state = torch.tensor(0.0)
    tables = compile_program(
        Plain(
            initial=lambda: pyro.sample("s", dist.Delta(state)),
            transition=lambda s, u: pyro.sample("s", dist.Delta(s)),
            observe=lambda s: coin("o"),
        )
    )
    assert tables.joint_size == 1
    assert tables.transition[0].log_probs.tolist() == [0.0]


def test_a_delta_that_leaves_the_values_of_initial_says_so() -> None:
    program = Plain(
        initial=lambda: pyro.sample("s", dist.Delta(torch.tensor(0.0))),
        transition=lambda s, u: pyro.sample("s", dist.Delta(s + 1)),
        observe=lambda s: coin("o"),
    )
    with pytest.raises(ProgramError, match=r"site 's' of transition.*sum to 1.*initial"):
        compile_program(program)


# Actions


@pytest.mark.parametrize(
    ("space", "sizes"),
    [
        (None, ()),
        (gym.spaces.Discrete(3), (3,)),
        (gym.spaces.Discrete(1), (1,)),
        (gym.spaces.MultiDiscrete([3, 1, 2]), (3, 1, 2)),
        (gym.spaces.MultiDiscrete([4]), (4,)),
    ],
)
def test_control_sizes(space: gym.Space[Any] | None, sizes: tuple[int, ...]) -> None:
    assert control_sizes(space) == sizes


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Discrete(3, start=1),
        gym.spaces.MultiDiscrete([[2, 3], [4, 5]]),
        gym.spaces.MultiDiscrete([2, 3], start=[0, 1]),
        gym.spaces.Box(0.0, 1.0),
        gym.spaces.MultiBinary(2),
    ],
)
def test_other_action_spaces_are_refused(space: gym.Space[Any]) -> None:
    with pytest.raises(ValueError, match=r"`actions`: expected None, Discrete.*MultiDiscrete"):
        control_sizes(space)


def test_programs_without_actions_are_handed_none() -> None:
    seen: list[Any] = []

    def transition(s: Tensor, u: Any) -> None:
        seen.append(u)
        pyro.sample("s", dist.Categorical(EYE[s]))

    assert compile_program(Plain(transition=transition)).controls == ()
    assert seen == [None]


def pick_last(action: Tensor) -> tuple[Tensor, Tensor]:
    return action[..., 0], action[..., -1]


def pick_by_unbind(action: Tensor) -> tuple[Tensor, Tensor]:
    first, second = action.unbind(-1)
    return first, second


def pick_by_unbind_dim(action: Tensor) -> tuple[Tensor, Tensor]:
    first, second = torch.unbind(action, dim=-1)
    return first, second


def pick_by_moving(action: Tensor) -> tuple[Tensor, Tensor]:
    first, second = action.movedim(-1, 0)  # a way that the stack does not look through
    return first, second


PICKS = [pick_last, pick_by_unbind, pick_by_unbind_dim, pick_by_moving]


class Two:
    """Two coins, the first moved by both controls in turn, the second by its own alone."""

    actions = gym.spaces.MultiDiscrete([2, 3])

    def __init__(self, pick: Callable[[Tensor], tuple[Tensor, Tensor]], learned: bool) -> None:
        self.pick = pick
        self.one = torch.rand(2, 2, 3, 2).softmax(-1)
        self.two = torch.zeros(2, 3, 2).requires_grad_(learned)

    def initial(self) -> tuple[Tensor, Tensor]:
        return coin("one"), coin("two")

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> None:
        first, second = self.pick(action)
        pyro.sample("one", dist.Categorical(self.one[state[0], first, second]))
        pyro.sample("two", dist.Categorical(logits=self.two[state[1], second]))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        pyro.sample("o", dist.Categorical(EYE[state[0]]))


@pytest.mark.parametrize("pick", PICKS)
def test_a_site_depends_on_the_controls_that_it_uses(pick: Any) -> None:
    program = Two(pick, learned=False)
    program.two = torch.rand(2, 3, 2)
    tables = compile_program(program)
    assert parents(tables.transition) == {
        "one": ["one", "action_0", "action_1"],
        "two": ["two", "action_1"],
    }
    expected = program.two.log_softmax(-1)
    torch.testing.assert_close(tables.transition[1].log_probs, expected, rtol=0, atol=1e-12)
    expected = (program.one / program.one.sum(-1, keepdim=True)).log()
    torch.testing.assert_close(tables.transition[0].log_probs, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("pick", PICKS)
def test_controls_that_are_alike_so_far_can_be_learned_apart(pick: Any) -> None:
    program = Two(pick, learned=True)  # as it begins, no control makes a difference to "two"
    table = compile_program(program).transition[1]
    assert "action_1" in [v.name for v in table.parents]
    table.log_probs.exp()[..., -1, 1].sum().backward()  # the last choice of the last control
    assert program.two.grad is not None
    assert (program.two.grad[:, :2] == 0).all()
    assert (program.two.grad[:, 2] != 0).all()


def test_stacked_controls_are_a_tensor_like_any_other() -> None:
    first, second = torch.arange(2).reshape(2, 1), torch.arange(3).reshape(3, 1, 1)
    stack = StackedControls.of([first, second])
    plain = torch.stack(torch.broadcast_tensors(first, second), -1)
    assert stack[..., 0] is first
    assert stack[..., -1] is second
    assert stack.unbind(-1) == (first, second)
    assert torch.equal(stack.unbind(1)[0], plain.unbind(1)[0])
    assert torch.equal(stack.unbind()[0], plain.unbind()[0])
    assert torch.equal(stack[0], plain[0])
    assert torch.equal(stack[..., :1], plain[..., :1])
    assert torch.equal(stack + 1, plain + 1)
    assert type(stack + 1) is Tensor


# Errors


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (Plain(initial=lambda: torch.tensor(0)), r"`initial`.*at least one state site"),
        (Plain(observe=lambda s: None), r"`observe`.*at least one observation site"),
        (
            Plain(transition=lambda s, u: coin("t")),
            r"`site 't' of transition`.*one of the sites \['s'\]",
        ),
        (
            Plain(transition=lambda s, u: s),
            r"`transition`.*the sites of initial, \['s'\].*no sample of \['s'\]",
        ),
        (
            Plain(transition=lambda s, u: pyro.sample("s", dist.Categorical(torch.ones(3) / 3))),
            r"`site 's' of transition`.*2 values \[0, 1\], as in initial.*3 values \[0, 1, 2\]",
        ),
        (
            Plain(transition=lambda s, u: pyro.sample("s", dist.OneHotCategorical(EYE[s]))),
            r"`site 's' of transition`.*2 values \[0, 1\], as in initial.*\[\[1.0, 0.0\]",
        ),
        (
            Plain(transition=lambda s, u: pyro.sample("s", dist.Normal(s * 1.0, 1.0))),
            r"`site 's' of transition`.*finite support.*Normal with batch shape \(2, 1\)",
        ),
        (
            Plain(observe=lambda s: pyro.sample("o", dist.Poisson(s + 1.0))),
            r"`site 'o' of observe`.*finite support.*Poisson with batch shape \(2, 1\)",
        ),
        (
            Plain(observe=lambda s: pyro.sample("o", dist.Bernoulli(0.5), obs=torch.tensor(1.0))),
            r"`site 'o' of observe`.*without obs=",
        ),
        (
            Plain(observe=lambda s: pyro.sample("s", dist.Categorical(EYE[s]))),
            r"`observe`.*other site names.*\['s'\] in both.*rename",
        ),
        (Plain(observe=lambda s: coin("a" if s == 0 else "b")), r"`observe`.*does not broadcast"),
    ],
)
def test_errors_tell_program_site_and_way_out(program: Any, message: str) -> None:
    with pytest.raises(ProgramError, match="(?s)" + message):
        compile_program(program)


# Nothing is left behind


def everything(program: Any) -> None:
    tables = compile_program(program)
    compile_preferences(program, tables.outcomes, 0)
    compile_habit(program, tables.controls)


def test_compiling_leaves_no_trace() -> None:
    program = RandomProgram(3)
    before = torch.get_rng_state()
    params = dict(pyro.get_param_store())
    with poutine.trace() as tracer:
        everything(program)
        outside = coin("outside")
    assert list(tracer.trace.nodes) == ["outside"]
    assert outside.dim() == 0
    torch.set_rng_state(before)
    everything(program)
    assert torch.equal(torch.get_rng_state(), before)
    assert dict(pyro.get_param_store()) == params


def test_compiling_within_a_plate_and_under_enumeration_is_the_same() -> None:
    program = RandomProgram(3)
    alone = compile_program(program)
    with pyro.plate("batch", 7), poutine.enum(first_available_dim=-2), poutine.trace():
        within = compile_program(program)
    for a, b in zip(alone.tensors, within.tensors, strict=True):
        assert torch.equal(a, b)


# prefer and habit


def outcomes(program: Any) -> Any:
    return compile_program(program).outcomes


def test_preferences_are_taken_as_given_and_may_depend_on_each_other() -> None:
    program = Plain(observe=lambda s: (coin("a"), pyro.sample("b", dist.Bernoulli(0.5))))
    values = torch.tensor([[0.0, 3.0], [-1.0, -np.inf]])

    def prefer() -> None:
        a = pyro.sample("a", LogPreferences(torch.tensor([1.0, 2.0])))
        pyro.sample("b", LogPreferences(values[a]))

    program.prefer = prefer  # type: ignore[attr-defined]
    first, second = compile_preferences(program, outcomes(program), 0)
    assert (first.variable.role, first.variable.name) == (Role.OUTCOME, "a")
    assert first.log_probs.tolist() == [1.0, 2.0]
    assert parents((second,)) == {"b": ["a"]}
    assert torch.equal(second.log_probs, values)


def test_preferences_as_probabilities_are_their_logarithms() -> None:
    program = Plain()
    program.prefer = lambda: pyro.sample(  # type: ignore[attr-defined]
        "o", dist.Categorical(torch.tensor([0.0, 1.0]))
    )
    (table,) = compile_preferences(program, outcomes(program), 0)
    assert table.log_probs.tolist() == [-np.inf, 0.0]


def test_preferences_of_a_step() -> None:
    program = Plain()
    program.prefer = lambda step: pyro.sample(  # type: ignore[attr-defined]
        "o", LogPreferences(torch.tensor([0.0, float(step) if step > 1 else -1.0]))
    )
    assert depends_on_step(program)
    sites = outcomes(program)
    found = [compile_preferences(program, sites, t)[0].log_probs[1].item() for t in range(4)]
    assert found == [-1, -1, 2, 3]


def test_without_preferences_and_habit_there_are_none() -> None:
    program = Plain()
    assert compile_preferences(program, outcomes(program), 0) == ()
    assert compile_habit(program, (2,)) == {}
    assert not depends_on_step(program)


@pytest.mark.parametrize(
    ("prefer", "message"),
    [
        (lambda: coin("x"), r"`site 'x' of prefer`.*one of the sites \['o'\]"),
        (
            lambda: pyro.sample("o", dist.Categorical(torch.ones(3) / 3)),
            r"`site 'o' of prefer`.*2 values \[0, 1\], as in observe.*3 values",
        ),
        (
            lambda: pyro.sample("o", dist.Normal(0.0, 1.0)),
            r"`site 'o' of prefer`.*finite support.*Normal",
        ),
        (
            lambda: pyro.sample("o", LogPreferences(torch.zeros(2, 2))),
            r"`site 'o' of prefer`.*batch shape \(2,\)",
        ),
    ],
)
def test_preferences_that_do_not_fit(prefer: Any, message: str) -> None:
    program = Plain()
    program.prefer = prefer  # type: ignore[attr-defined]
    with pytest.raises(ProgramError, match=message):
        compile_preferences(program, outcomes(program), 0)


def habit(**sites: list[float]) -> Any:
    program = Plain()

    def run() -> None:
        for name, probs in sites.items():
            pyro.sample(name, dist.Categorical(torch.tensor(probs)))

    program.habit = run  # type: ignore[attr-defined]
    return program


@pytest.mark.parametrize(
    ("sites", "controls"),
    [
        ({"action": [0.2, 0.8]}, (2,)),
        ({"action_0": [0.2, 0.8], "action_1": [0.3, 0.3, 0.4]}, (2, 3)),
        ({"action_1": [0.3, 0.3, 0.4]}, (2, 3)),
        ({"policy": [0.1] * 10}, (2, 3)),
        ({"policy": [0.1] * 10}, (2,)),
        ({"policy": [1.0]}, ()),
    ],
)
def test_habit(sites: dict[str, list[float]], controls: tuple[int, ...]) -> None:
    found = compile_habit(habit(**sites), controls)
    assert list(found) == list(sites)
    for name, probs in sites.items():
        np.testing.assert_allclose(found[name].exp().numpy(), probs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("sites", "controls", "message"),
    [
        ({"x": [1.0]}, (2,), r"`habit`.*\['policy', 'action'\].*\['x'\]"),
        ({"action": [0.5, 0.5]}, (2, 2), r"`habit`.*\['policy', 'action_0', 'action_1'\]"),
        ({"action_2": [0.5, 0.5]}, (2, 2), r"`habit`.*\['action_2'\]"),
        ({"action": [0.5, 0.5]}, (3,), r"`site 'action' of habit`.*each of 3.*shape \(2,\)"),
        ({"action_1": [0.5, 0.5]}, (2, 3), r"`site 'action_1' of habit`.*each of 3"),
    ],
)
def test_habit_of_other_sites_or_sizes(
    sites: dict[str, list[float]], controls: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compile_habit(habit(**sites), controls)


def test_habit_of_dependent_sites_is_refused() -> None:
    program = Plain()

    def run() -> None:
        pyro.sample("action_1", dist.Categorical(EYE[coin("action_0")]))

    program.habit = run  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"'action_1' of habit.*shape \(2, 2\).*do not depend"):
        compile_habit(program, (2, 2))


# Gradients


def test_tables_are_differentiable_where_probabilities_are_zero() -> None:
    weights = torch.tensor([[0.0, 1.0], [0.3, 0.7]], requires_grad=True)
    chance = torch.tensor([0.0, 1.0], requires_grad=True)

    def observe(s: Tensor) -> None:
        pyro.sample("a", dist.Categorical(weights[s]))
        pyro.sample("b", dist.Bernoulli(chance[s]))
        pyro.sample("c", dist.Binomial(2, chance[s]))
        pyro.sample("d", dist.OneHotCategorical(weights[s]))

    tables = compile_program(Plain(observe=observe))
    total = sum(table.log_probs.exp()[..., 0].sum() for table in tables.observe)
    gradients = torch.autograd.grad(total, (weights, chance))
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    # p(0) = w0 / (w0 + w1), of `a` and `d` alike
    expected = 2 * torch.tensor([[0.0, 0.0], [0.7, -0.3]])
    torch.testing.assert_close(gradients[0][1], expected[1], rtol=0, atol=1e-12)


def test_gradients_are_those_of_finite_differences() -> None:
    def evidence(logits: Tensor, chance: Tensor, count: Tensor) -> Tensor:
        def observe(s: Tensor) -> None:
            a = pyro.sample("a", dist.Categorical(logits=logits[s]))
            pyro.sample("b", dist.Bernoulli(chance[s, a]))
            pyro.sample("c", dist.Binomial(2, count[a]))

        tables: Tables = compile_program(Plain(observe=observe))
        return torch.cat([table.log_probs.flatten() for table in tables.observe])

    inputs = (torch.randn(2, 3), torch.rand(2, 3), torch.rand(3))
    assert torch.autograd.gradcheck(evidence, [x.requires_grad_() for x in inputs])
