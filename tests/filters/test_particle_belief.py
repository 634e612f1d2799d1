"""Beliefs of particles: marginals, draws, and what a batch of them goes through."""

import pytest
import torch

from pyro_activeinf.compile import Site
from pyro_activeinf.filters.particle_belief import Kind, Lineage, ParticleBelief, gathered, moved
from pyro_activeinf.records import Reshaped, Taken

KINDS = {
    "s": Kind(1),
    "kind": Kind(0, Site("kind", torch.tensor([-1.0, 0.0, 2.0]))),
    "theta": Kind(2),
}


def belief(*batch: int) -> ParticleBelief:
    shape = (6, *batch)
    kind = torch.tensor([-1.0, 0.0, 2.0])[torch.randint(3, shape)]
    return ParticleBelief(
        2,
        torch.Size(batch),
        KINDS,
        {"s": torch.randn(*shape, 2), "kind": kind},
        torch.randn(shape).log_softmax(0),
        {"theta": torch.randn(6, *[1] * len(batch), 3, 4)},
    )


def test_marginals_are_weighted() -> None:
    each = belief(4)
    mean = (each.weights.unsqueeze(-1) * each.states["s"]).sum(0)
    torch.testing.assert_close(each.marginals["s"].mean, mean)
    square = (each.weights.unsqueeze(-1) * (each.states["s"] - mean).square()).sum(0)
    torch.testing.assert_close(each.marginals["s"].variance, square)
    probs = each.marginals["kind"].probs
    for i, value in enumerate((-1.0, 0.0, 2.0)):
        expected = (each.weights * (each.states["kind"] == value)).sum(0)
        torch.testing.assert_close(probs[:, i], expected)


def test_draws_are_joint_and_as_likely_as_their_weights() -> None:
    each = belief(2)
    draws = each.sample((5000, 2))
    assert draws["s"].shape == (5000, 2, 2, 2)
    assert draws["kind"].shape == (5000, 2, 2)
    same = (draws["s"].unsqueeze(0) == each.states["s"][:, None, None]).all(-1)
    kinds = draws["kind"].unsqueeze(0) == each.states["kind"][:, None, None]
    assert bool((same & kinds).any(0).all())
    share = same.double().mean((1, 2))
    torch.testing.assert_close(share, each.weights, atol=0.03, rtol=0.0)
    assert each.sample()["s"].shape == (2, 2)


def test_effective_sample_size_is_between_one_and_all() -> None:
    each = belief(3)
    assert bool(((each.effective_sample_size >= 1) & (each.effective_sample_size <= 6)).all())
    equal = ParticleBelief(0, torch.Size(), KINDS, {}, torch.full((6,), 1 / 6).log())
    assert float(equal.effective_sample_size) == pytest.approx(6.0)


def test_what_stands_for_a_batch_is_not_copied() -> None:
    each = belief(1)
    fan = each.take(torch.zeros(7, dtype=torch.long))
    assert fan.batch_shape == (7,)
    assert fan.states["s"].data_ptr() == each.states["s"].data_ptr()
    square = belief(2, 3).reshape(2, 3, 1)
    assert square.batch_shape == (2, 3, 1)
    theta = square.reshape(6).parameters["theta"]
    assert theta.shape == (6, 1, 3, 4)
    torch.testing.assert_close(fan.marginals["s"].mean, each.marginals["s"].mean.expand(7, 2))


@pytest.mark.parametrize("lead", [0, 1])
def test_batch_dims_move_as_those_of_a_full_tensor(lead: int) -> None:
    full = torch.randn(*[5] * lead, 2, 3, 4)
    old = torch.Size((2, 3))
    reshaped = moved(full, lead, 1, Reshaped((6,)), old, torch.Size((6,)))
    torch.testing.assert_close(reshaped, full.reshape(*[5] * lead, 6, 4))
    index = torch.tensor([2, 0])
    taken = moved(full, lead, 1, Taken(index), old, torch.Size((2, 2)))
    torch.testing.assert_close(taken, full.index_select(lead + 1, index))
    part = full.narrow(lead + 1, 0, 1)  # stands for the last batch dim
    reshaped = moved(part, lead, 1, Reshaped((6,)), old, torch.Size((6,)))
    torch.testing.assert_close(reshaped, part.expand_as(full).reshape(*[5] * lead, 6, 4))
    few = full.select(lead, 0)  # fewer dims than the batch
    reshaped = moved(few, lead, 1, Reshaped((2, 3, 1)), old, torch.Size((2, 3, 1)))
    torch.testing.assert_close(reshaped, few.reshape(*[5] * lead, 1, 3, 1, 4))


def test_particles_are_gathered_for_each_member() -> None:
    values, index = torch.randn(5, 3, 2), torch.randint(5, (4, 3))
    found = gathered(values, index)
    for b in range(3):
        torch.testing.assert_close(found[:, b], values[index[:, b], b])


def test_lineages_add_up_the_weights_of_families() -> None:
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4])
    assert float(Lineage().spread(weights)) == pytest.approx(0.30)
    related = Lineage(torch.tensor([0, 0, 2, 2]))
    assert float(related.spread(weights)) == pytest.approx(0.09 + 0.49)
    assert float(Lineage().excess(torch.full((4,), 0.25))) == pytest.approx(0.0)
