"""Graphs that are built by hand, and mistakes in building them."""

from typing import Any, cast

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import messages
from pyro_activeinf.conjugacy.precision import GammaMoments
from pyro_activeinf.messages import (
    Categorical,
    FactorGraph,
    Gamma,
    Gaussian,
    VariationalMessagePassing,
    library,
)


@pytest.fixture
def graph() -> FactorGraph:
    found = FactorGraph()
    found.variable("x", Gaussian())
    found.factor(library.gaussian, x="x", mean=0.0, precision=1.0)
    return found


def test_factors_are_named_by_their_functions(graph: FactorGraph) -> None:
    graph.factor(library.gaussian, x=1.0, mean="x", precision=1.0)
    graph.factor(library.gaussian, name="mine", x=1.0, mean="x", precision=1.0)
    assert list(graph.factors) == ["gaussian", "gaussian_1", "mine"]


def test_known_values_become_moments_where_they_are_asked_for() -> None:
    def waiting(x: Tensor, rate: GammaMoments) -> Tensor:
        return rate.log - rate.mean * x

    graph = FactorGraph()
    graph.variable("z", Gamma())
    graph.factor(library.gamma, x="z", shape=1.0, rate=1.0)
    graph.factor(waiting, name="known", x=torch.tensor(2.0), rate=3.0)
    passing = VariationalMessagePassing(graph)
    passing.update_beliefs()
    wanted = -(torch.tensor(3.0).log() - 6.0)
    torch.testing.assert_close(passing.free_energy[-1], wanted)


def test_beliefs_begin_where_they_are_told_to() -> None:
    graph = FactorGraph()
    start = torch.tensor([[1.0, 2.0], [0.0, -3.0]])
    graph.variable("z", Categorical(2), (2,), initial=start)
    graph.factor(library.categorical, x="z", probs=torch.tensor([0.5, 0.5]))
    assert torch.equal(graph.beliefs().natural["z"], start)


def test_symmetries_are_broken_by_the_generator_of_torch() -> None:
    graph = FactorGraph()
    graph.variable("z", Categorical(2), (2,))
    graph.factor(library.categorical, x="z", probs=torch.tensor([0.5, 0.5]))
    torch.manual_seed(1)
    one, other = graph.beliefs().natural["z"], graph.beliefs().natural["z"]
    torch.manual_seed(1)
    assert torch.equal(graph.beliefs().natural["z"], one)
    assert not torch.equal(one, other)


def test_a_name_is_used_once(graph: FactorGraph) -> None:
    with pytest.raises(ValueError, match="`name`: expected a new name, got 'x'"):
        graph.observe("x", Gaussian(), torch.ones(3))
    with pytest.raises(ValueError, match="a new name"):
        graph.factor(library.gaussian, name="gaussian", x="x", mean=0.0, precision=1.0)


def test_names_have_to_be_there(graph: FactorGraph) -> None:
    with pytest.raises(ValueError, match="`mean`: expected names among"):
        graph.factor(library.gaussian, x="x", mean="y", precision=1.0)
    assert list(graph.factors) == ["gaussian"]


def test_what_is_observed_is_a_number(graph: FactorGraph) -> None:
    with pytest.raises(ValueError, match="Leave out what is missing"):
        graph.observe("y", Gaussian(), torch.tensor([1.0, torch.nan]))


@pytest.mark.parametrize("start", [torch.zeros(3), torch.tensor([0.0, 1.0])])
def test_a_start_is_a_belief(graph: FactorGraph, start: Tensor) -> None:
    with pytest.raises(ValueError, match="`initial`: expected natural coordinates"):
        graph.variable("y", Gaussian(), initial=start)
    assert list(graph.variables) == ["x"]


def test_every_variable_is_in_a_factor(graph: FactorGraph) -> None:
    graph.variable("alone", Gaussian())
    with pytest.raises(ValueError, match="a variable in at least one factor"):
        VariationalMessagePassing(graph)


@pytest.mark.parametrize(
    ("wrong", "arguments"),
    [
        ("gaussian_1", {"x": "level", "mean": 0.0}),
        ("gaussian_1", {"y": "level", "mean": 0.0, "precision": 1.0}),
        ("mean", {"x": "level", "mean": "noise", "precision": 1.0}),
    ],
)
def test_arguments_fit_their_factor(wrong: str, arguments: dict[str, Any]) -> None:
    graph = FactorGraph()
    graph.variable("level", messages.Gaussian())
    graph.variable("noise", messages.Gamma())
    graph.factor(library.gaussian, x="level", mean=0.0, precision=1.0)
    with pytest.raises(ValueError, match=f"`{wrong}`: expected"):
        graph.factor(library.gaussian, **arguments)
    assert list(graph.factors) == ["gaussian"]


def test_families_are_those_of_beliefs() -> None:
    graph, family = FactorGraph(), cast(Any, torch.distributions.Normal)
    with pytest.raises(TypeError, match="`family`: expected a family of beliefs"):
        graph.variable("level", family)
    with pytest.raises(TypeError, match="`family`"):
        graph.observe("level", family, torch.ones(2))
    with pytest.raises(ValueError, match="values of shape"):
        graph.observe("level", messages.MultivariateGaussian(2), torch.ones(3))
    with pytest.raises(ValueError, match="values that Gamma may have"):
        graph.observe("level", messages.Gamma(), torch.tensor(-1.0))
    assert not graph.variables
    assert not graph.observed


def test_a_graph_and_a_schedule_are_asked_for() -> None:
    wrong: Any = "parallel"
    with pytest.raises(TypeError, match="`graph`: expected a FactorGraph"):
        messages.VariationalMessagePassing(wrong)
    with pytest.raises(TypeError, match="`schedule`"):
        messages.VariationalMessagePassing(FactorGraph(), schedule=wrong)


def level() -> None:
    at = pyro.sample("level", dist.Normal(0.0, 1.0))
    pyro.sample("seen", dist.Normal(at, 1.0), obs=torch.tensor(0.5))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda graph: graph.variable(3, Gaussian()), "`name`: expected a string"),
        (lambda graph: graph.observe("y", Gaussian(), "x"), "`y`"),
        (lambda graph: graph.variable("y", Gaussian(), (), "x"), "`initial`"),
        (lambda graph: graph.factor(3, x="x"), "`function`: expected a function of moments"),
        (lambda graph: FactorGraph.from_program(3), "`model`: expected a Pyro program"),
        (lambda graph: FactorGraph.from_program(print, approximation="x"), "`approximation`"),
        (lambda graph: FactorGraph.from_program(print, joint=3), "`joint`: expected a tuple of"),
        (lambda graph: FactorGraph.from_program(level, joint="level"), "`joint`"),
        (lambda graph: FactorGraph.from_program(level, joint=["seen"]), "`joint`: expected names"),
        (lambda graph: FactorGraph.from_program(level, apart=["z"]), "`apart`: expected names"),
        (lambda graph: FactorGraph.from_program(level, others=3), "unexpected keyword"),
        (lambda graph: graph.free_energy(3), "`beliefs`"),
        (lambda graph: messages.Sequential(3), "`order`: expected a tuple of names"),
        (lambda graph: messages.Sequential("x"), "`order`"),
        (lambda graph: messages.SumProduct(3), "`graph`: expected a FactorGraph"),
    ],
)
def test_other_types_are_named(graph: FactorGraph, wrong: Any, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        wrong(graph)
    assert list(graph.variables) == ["x"]


def test_damping_is_a_number() -> None:
    with pytest.raises(ValueError, match="`damping`"):
        messages.Parallel(cast("float", "x"))
