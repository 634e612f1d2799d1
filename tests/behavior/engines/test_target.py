"""Programs as densities over coordinates without bounds."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import Tensor

from pyro_activeinf.behavior import Hierarchical
from pyro_activeinf.behavior.engines import Target
from tests.behavior.coin import A, B, coins, tosses


def mixed(y: Tensor) -> None:
    shares = pyro.sample("shares", dist.Dirichlet(torch.ones(3)))
    with pyro.plate("rows", len(y), dim=-1):
        pair = pyro.sample("pair", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        scale = pyro.sample("scale", dist.LogNormal(0.0, 1.0))
        loc = pair.sum(-1) + shares[..., 0]
        pyro.sample("y", dist.Normal(loc, scale), obs=y)


def test_a_density_in_closed_form() -> None:
    choices = tosses()
    target = Target(coins(), choices)
    z = torch.randn(5, 3)
    heads = z.sigmoid()
    ones, count = (choices.actions == 1).sum(-1), choices.counted.sum(-1)
    jacobian = heads.log() + (-heads).log1p()
    likelihood = ones * heads.log() + (count - ones) * (-heads).log1p()

    expected = dist.Beta(A, B).log_prob(heads) + jacobian + likelihood

    torch.testing.assert_close(target.log_probs(z), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(target.log_prob(z), expected.sum(-1), rtol=1e-12, atol=1e-12)


def test_points_are_scored_as_the_trace_of_the_program_is() -> None:
    y = torch.randn(4)
    target = Target(mixed, y)
    z = torch.randn(3, target.dim)
    values, dets = target.transformed(z)

    for n in range(3):
        one = {k: v[n].squeeze(0) if k == "shares" else v[n] for k, v in values.items()}
        trace = poutine.trace(poutine.condition(mixed, one)).get_trace(y)
        expected = trace.log_prob_sum() + sum(det[n].sum() for det in dets.values())
        torch.testing.assert_close(target.log_prob(z[n]), expected, rtol=1e-12, atol=1e-12)


def test_draws_have_the_dims_of_plates_and_events() -> None:
    target = Target(mixed, torch.randn(4))
    z = torch.randn(2, 7, target.dim)

    draws = target.draws(z)

    assert target.dim == 2 + 4 * 2 + 4
    assert {name: tuple(value.shape) for name, value in draws.items()} == {
        "shares": (2, 7, 3),
        "pair": (2, 7, 4, 2),
        "scale": (2, 7, 4),
    }
    flat = {name: value.flatten(0, 1) for name, value in draws.items()}
    torch.testing.assert_close(target.coordinates(flat), z.flatten(0, 1))


def test_subjects_that_tell_nothing_about_each_other_are_cells() -> None:
    target = Target(coins(), tosses())
    z = torch.randn(2, 3)
    moved = z.clone()
    moved[:, target.cells[1]] += 1.0

    changed = target.log_probs(z) != target.log_probs(moved)

    assert target.cells.tolist() == [[0], [1], [2]]
    assert changed.tolist() == [[False, True, False]] * 2


def test_a_population_and_rows_that_share_something_are_one_cell() -> None:
    hierarchical = Target(coins(Hierarchical()), tosses())
    shared = Target(mixed, torch.randn(4))

    for target in (hierarchical, shared):
        assert target.cells.tolist() == [list(range(target.dim))]


def test_cells_of_vectors_hold_their_own_coordinates() -> None:
    def program(y: Tensor) -> None:
        with pyro.plate("rows", len(y), dim=-1):
            pair = pyro.sample("pair", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            scale = pyro.sample("scale", dist.LogNormal(0.0, 1.0))
            pyro.sample("y", dist.Normal(pair.sum(-1), scale), obs=y)

    assert Target(program, torch.randn(2)).cells.tolist() == [[0, 1, 4], [2, 3, 5]]


def test_the_prior_is_drawn_from() -> None:
    target = Target(coins(), tosses())

    heads = target.draws(target.prior(4000))["heads"]

    assert heads.shape == (4000, 3)
    torch.testing.assert_close(heads.mean(0), torch.full((3,), 0.4), rtol=0.0, atol=0.015)


def test_discrete_sites_are_refused() -> None:
    def program() -> None:
        pyro.sample("kind", dist.Bernoulli(0.5))

    with pytest.raises(ValueError, match="'kind', which is discrete"):
        Target(program)
