"""Observations and actions are laid out in time, and checked by name, shape and length."""

from __future__ import annotations

import math
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

from pyro_activeinf.compile import compile_program
from pyro_activeinf.models.series import (
    ObservationSite,
    is_plate,
    lay_out,
    observation_sites,
    one_batch,
    timed,
)
from tests.compile.programs import RandomProgram, random_programs

EMPTY = torch.Size([])
SITES = {
    "colour": ObservationSite(EMPTY, True, frozenset()),
    "shape": ObservationSite(torch.Size([3]), True, frozenset()),
    "height": ObservationSite(EMPTY, False, frozenset({"colour"})),
}
MOVE = gym.spaces.Discrete(2)
MOVES = gym.spaces.MultiDiscrete([2, 3])


class Mixed:
    """Discrete and continuous observation sites, which depend on each other."""

    actions = None

    def initial(self) -> Tensor:
        return pyro.sample("s", dist.Categorical(torch.ones(2) / 2))

    def transition(self, state: Tensor, action: Any) -> Tensor:
        return pyro.sample("s", dist.Categorical(torch.eye(2)[state]))

    def observe(self, state: Tensor) -> None:
        kind = pyro.sample("kind", dist.Categorical(torch.eye(2)[state]))
        at = pyro.sample("at", dist.Normal(kind.double(), 1.0))
        pyro.deterministic("twice", 2 * at)
        shape = dist.OneHotCategorical(torch.rand(2, 3)[kind])
        where = pyro.sample("shape", shape).argmax(-1)
        pyro.sample("both", dist.Bernoulli(torch.rand(2, 3)[kind, where]))
        pyro.sample("pair", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        pyro.sample("same", dist.Delta(kind))


def test_observation_sites() -> None:
    sites = observation_sites(Mixed())
    assert list(sites) == ["kind", "at", "shape", "both", "pair", "same"]
    assert {name: tuple(site.event_shape) for name, site in sites.items() if site.event_dim} == {
        "shape": (3,),
        "pair": (2,),
    }
    assert [name for name, site in sites.items() if not site.discrete] == ["at", "pair"]
    assert {name: set(site.parents) for name, site in sites.items()} == {
        "kind": set(),
        "at": {"kind"},
        "shape": {"kind"},
        "both": {"kind", "shape"},
        "pair": set(),
        "same": {"kind"},
    }


@given(random_programs())
@settings(max_examples=30)
def test_observation_sites_are_those_that_compile(program: RandomProgram) -> None:
    tables = compile_program(program)
    sites = observation_sites(program)
    assert list(sites) == [site.name for site in tables.outcomes]
    linked: dict[str, set[str]] = {}
    deltas = {spec.name for spec in program.outcomes if spec.kind == "delta"}
    for spec, site in zip(program.outcomes, tables.outcomes, strict=True):
        assert sites[site.name].event_shape == site.support.shape[1:]
        assert sites[site.name].discrete
        before = {name for name in spec.parents if name[0] == "o" and program.sizes[name] > 1}
        through = set().union(*(linked[name] for name in spec.parents if name in deltas))
        linked[spec.name] = (before - deltas) | through  # a Delta hands on what it depends on
        assert sites[site.name].parents == linked[spec.name]


def test_looking_for_sites_is_quiet() -> None:
    before = torch.get_rng_state()
    with poutine.trace() as tracer:
        observation_sites(Mixed())
    assert list(tracer.trace.nodes) == []
    assert torch.equal(torch.get_rng_state(), before)


def test_is_plate() -> None:
    with poutine.trace() as tracer, pyro.plate("plate", 2):
        pyro.sample("x", dist.Normal(0.0, 1.0))
    assert {n: is_plate(node) for n, node in tracer.trace.nodes.items()} == {
        "plate": True,
        "x": False,
    }


def test_series_in_time() -> None:
    colour = torch.tensor([[0, -1, 1], [1, 1, 0]])
    shape = torch.eye(3).expand(2, 3, 3).clone()
    shape[1, 2] = math.nan
    shape[0, 0] = -1
    height = np.array([[-1.0, math.nan, 0.5]])
    actions = torch.tensor([[0, 1, 7, 7], [1, 0, 7, 7]])  # longer than needed
    given = {"colour": colour, "shape": shape, "height": height}
    series = lay_out(given, actions, SITES, MOVE)
    assert (series.steps, series.batch) == (3, (2,))
    seen = series.observed(1)
    assert seen["colour"].values.tolist() == [-1, 1]
    assert seen["colour"].missing.tolist() == [True, False]
    assert seen["shape"].values.tolist() == [[0, 1, 0], [0, 1, 0]]
    assert (seen["shape"].event_dim, seen["colour"].event_dim) == (1, 0)
    assert [series.observed(t)["shape"].missing.tolist() for t in range(3)] == [
        [True, False],
        [False, False],
        [False, True],
    ]
    # -1 is a height like any other
    assert [series.observed(t)["height"].missing.item() for t in range(3)] == [False, True, False]
    assert [series.action(t).tolist() for t in range(2)] == [[0, 1], [1, 0]]  # type: ignore[union-attr]


def test_batch_dims_broadcast() -> None:
    given = {"colour": torch.zeros(5, 1, 3), "height": torch.zeros(3)}
    assert lay_out(given, torch.zeros(4, 2), SITES, MOVE).batch == (5, 4)
    assert lay_out(given, torch.zeros(2, 2), SITES, MOVES).batch == (5, 1)


def test_actions_of_several_controls() -> None:
    actions = torch.tensor([[[0, 2], [1, 0]]])
    series = lay_out({"colour": [0, 1, 1]}, actions, SITES, MOVES)
    assert series.batch == (1,)
    assert series.action(1).tolist() == [[1, 0]]  # type: ignore[union-attr]


def test_models_without_actions() -> None:
    assert lay_out({"colour": [0, 1, 1]}, None, SITES, None).action(1) is None
    series = lay_out(None, torch.zeros(2, 6), {}, None)
    assert (series.steps, series.batch, series.action(0)) == (7, (2,), None)
    assert lay_out(None, None, {}, None).steps == 1


def test_nothing_observed_is_not_the_same_as_generating() -> None:
    assert lay_out({}, torch.zeros(2), SITES, MOVE).observations == {}
    assert lay_out(None, torch.zeros(2), SITES, MOVE).observations is None


@pytest.mark.parametrize(
    ("observations", "actions", "space", "message"),
    [
        ({"smell": [0]}, None, None, r"`observations`.*\['colour', .*\['smell'\]"),
        (
            {"colour": [0, 1], "height": [0.0]},
            None,
            None,
            r"`observations`.*one length.*\{'colour': 2, 'height': 1\}",
        ),
        ({"colour": 0}, None, None, r"`colour`.*\(\*batch, time\).*got \(\)"),
        ({"colour": []}, None, None, r"`colour`.*at least one time step"),
        ({"shape": [0.0, 0.0, 1.0]}, None, None, r"`shape`.*\(\*batch, time, 3\).*got \(3,\)"),
        ({"shape": [[0.0, 1.0]]}, None, None, r"`shape`.*\(\*batch, time, 3\).*got \(1, 2\)"),
        ({"colour": [0, 1, 1]}, None, MOVE, r"`actions`.*at least 2 time steps.*0 of them"),
        ({"colour": [0, 1, 1]}, [0], MOVE, r"`actions`.*at least 2.*1 of them.*leads from each"),
        ({"colour": [0, 1]}, 0, MOVE, r"`actions`.*\(\*batch, time\).*got \(\)"),
        ({"colour": [0, 1]}, [1, 2], MOVES, r"`actions`.*\(\*batch, time, 2\).*got \(2,\)"),
        ({"colour": [0, 1]}, [[1, 2, 3]], MOVES, r"`actions`.*time, 2\).*got \(1, 3\)"),
        (
            {"colour": torch.zeros(2, 3), "height": torch.zeros(4, 3)},
            torch.zeros(2),
            MOVE,
            r"`batch dims`.*broadcast.*'colour': \(2,\), 'height': \(4,\), 'actions': \(\)",
        ),
    ],
)
def test_errors_name_argument_expected_and_got(
    observations: Any, actions: Any, space: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        lay_out(observations, actions, SITES, space)


def test_timed() -> None:
    value = torch.zeros(4, 5, 2)
    assert timed("x", value, (2,)) is value
    assert timed("x", value, ()) is value
    with pytest.raises(ValueError, match=r"`x`.*\(\*batch, time, 5, 3\), got \(4, 5, 2\)"):
        timed("x", value, (5, 3))


def test_one_batch() -> None:
    assert one_batch({}) == ()
    assert one_batch({"a": torch.Size([3, 1]), "b": torch.Size([2])}) == (3, 2)
