"""Deep latent models against the linear-Gaussian case, which has closed forms."""

import copy
from typing import Any

import numpy as np
import pyro
import pytest
import torch

from pyro_activeinf import VariationalFreeEnergy
from pyro_activeinf.learning import fit
from pyro_activeinf.models import HierarchicalVariational, PredictiveCoding
from tests.chain import Balanced, free_energies, make_exact, posterior


@pytest.fixture
def chain() -> HierarchicalVariational:
    """Three levels with linear links."""
    pyro.set_rng_seed(0)
    return HierarchicalVariational([4, 3, 2, 2], hidden_dim=0, flow_length=0)


def balanced(model: HierarchicalVariational) -> Any:
    """F of each level, its expectation over draws of the guide without any noise."""
    points = Balanced(sum(model.dims[1:]))
    elbo = VariationalFreeEnergy(
        num_particles=len(points.points), vectorize_particles=True, max_plate_nesting=1
    )
    return lambda x: elbo.decompose(model, points(model.guide), x)


@pytest.mark.parametrize("seed", range(3))
def test_free_energy_of_each_level_against_its_closed_form(seed: int) -> None:
    pyro.set_rng_seed(seed)
    model = HierarchicalVariational([4, 3, 2, 2], hidden_dim=0, flow_length=0)
    for parameter in model.guide.parameters():
        torch.nn.init.normal_(parameter)
    x = model(size=3).detach()
    terms = balanced(model)(x)
    found = {level: float(part.total) for level, part in terms.per_level.items()}
    assert found == pytest.approx(free_energies(model, x), abs=1e-8)
    assert float(terms.total) == pytest.approx(sum(found.values()), abs=1e-8)


def test_levels_of_the_exact_posterior_add_up_to_the_evidence() -> None:
    pyro.set_rng_seed(0)
    model = HierarchicalVariational([4, 1, 1, 1], hidden_dim=0, flow_length=0)
    x = model(size=5).detach()
    make_exact(model)
    _, _, evidence = posterior(model, x)
    assert sum(free_energies(model, x).values()) == pytest.approx(-float(evidence.sum()), abs=1e-8)
    assert float(balanced(model)(x).total) == pytest.approx(-float(evidence.sum()), abs=1e-8)
    torch.testing.assert_close(model.bound(x, 1), evidence, atol=1e-8, rtol=0.0)


def test_the_importance_weighted_bound_is_below_the_evidence_and_comes_close(
    chain: HierarchicalVariational,
) -> None:
    x = chain(size=4).detach()
    _, _, evidence = posterior(chain, x)
    for read in chain.guide.read:  # wide, so that no weight is far above the others
        torch.nn.init.constant_(read.constant, 5.0)
    with torch.no_grad():
        few, many = chain.bound(x.repeat(500, 1), 2), chain.bound(x, 20_000)
    assert float(few.mean()) < float(evidence.mean()) - 0.1
    torch.testing.assert_close(many, evidence, atol=0.05, rtol=0.0)


@pytest.mark.parametrize("flow_length", [0, 2])
def test_it_learns(flow_length: int) -> None:
    pyro.set_rng_seed(1)
    x = (torch.rand(60, 6) < torch.tensor([0.1, 0.9, 0.5, 0.2, 0.8, 0.5])).double()
    model = HierarchicalVariational([6, 3, 2], 8, flow_length, binary=True)
    run = fit(model, model.guide, x, steps=100, batch_size=30, progress=False, seed=0)
    assert run.losses[-30:].mean() < run.losses[:30].mean() - 15
    assert model.reconstruct(x, level=2).shape == x.shape
    assert {level: tuple(z.shape) for level, z in model.recognize(x, 5).items()} == {
        1: (5, 60, 3),
        2: (5, 60, 2),
    }


def test_a_copy_has_parameters_of_its_own(chain: HierarchicalVariational) -> None:
    other = copy.deepcopy(chain)
    with torch.no_grad():
        other.show.loc.bias.add_(1.0)
    assert other.guide.model is other
    assert not torch.equal(other.decode(torch.zeros(1, 3)), chain.decode(torch.zeros(1, 3)))


@pytest.mark.parametrize("dims", [[4], 4, [4, 0]])
def test_lengths_that_are_none_are_refused(dims: object) -> None:
    with pytest.raises(ValueError, match="`dims`"):
        HierarchicalVariational(dims, 8)  # type: ignore[arg-type]


def test_vectors_of_another_length_are_refused(chain: HierarchicalVariational) -> None:
    with pytest.raises(ValueError, match=r"`x`: expected rows of shape \(n, 4\), got shape"):
        chain(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="`level`: expected a level from 1 to 3"):
        chain.decode(torch.zeros(2, 3), level=4)


WRONG: list[tuple[Any, str]] = [
    (torch.zeros(4), r"`x`: expected rows of shape \(n, 4\), got shape \(4,\)"),
    (torch.zeros(2, 3, 4), r"got shape \(2, 3, 4\)"),
    (torch.zeros(0, 4), r"got shape \(0, 4\)"),
    ("pixels", "`x`: expected numbers"),
    (torch.full((2, 4), torch.nan), "`x`: expected finite numbers"),
]


@pytest.mark.parametrize(("x", "told"), WRONG)
def test_what_cannot_have_been_seen_is_refused(
    chain: HierarchicalVariational, x: Any, told: str
) -> None:
    for ask in (chain.bound, chain.recognize, chain.reconstruct, PredictiveCoding(chain).infer):
        with pytest.raises(ValueError, match=told):
            ask(x)


def test_shares_of_ink_are_from_none_to_all() -> None:
    model = HierarchicalVariational([4, 2], hidden_dim=3, flow_length=1, binary=True)
    assert model.bound(torch.full((2, 4), 0.5), draws=3).shape == (2,)
    with pytest.raises(ValueError, match="`x`: expected zeros and ones, or shares of them"):
        model.bound(torch.full((2, 4), 2.0))


@pytest.mark.parametrize("x", [np.ones((3, 4)), torch.ones(3, 4, dtype=torch.long)])
def test_numbers_of_any_kind_are_taken(chain: HierarchicalVariational, x: Any) -> None:
    pyro.set_rng_seed(0)
    found = chain.bound(x, draws=5)
    pyro.set_rng_seed(0)
    assert torch.equal(found, chain.bound(torch.ones(3, 4), draws=5))
    assert chain(x).shape == (3, 4)


def test_what_levels_generate_varies_as_much_as_they_and_those_above_say(
    chain: HierarchicalVariational,
) -> None:
    pyro.set_rng_seed(0)
    cov = torch.eye(2)
    weights = [chain.show.loc.weight, *(link.loc.weight for link in chain.links)]
    for level in range(3, 0, -1):
        slope = torch.linalg.multi_dot([*weights[:level], torch.eye(weights[level - 1].shape[1])])
        expected = slope @ cov @ slope.mT
        found = chain.generate(60_000, level).detach()
        torch.testing.assert_close(found.T.cov(), expected.detach(), atol=0.02, rtol=0.05)
        if level > 1:
            link = chain.links[level - 2]
            noise = chain.prior(level - 1, torch.zeros(2))[1].square().diag()
            cov = link.loc.weight @ cov @ link.loc.weight.mT + noise
    with pytest.raises(ValueError, match="`level`: expected a level from 1 to 3, got 0"):
        chain.generate(level=0)
    with pytest.raises(ValueError, match="`size`: expected an integer of at least 1"):
        chain.generate(0)


def test_sizes_draws_and_levels_are_checked(chain: HierarchicalVariational) -> None:
    with pytest.raises(ValueError, match="`size`: expected an integer of at least 1"):
        chain(size=0)
    with pytest.raises(ValueError, match="`draws`: expected an integer of at least 1"):
        chain.recognize(torch.ones(3, 4), draws=0)
    with pytest.raises(ValueError, match="`level`: expected a level from 1 to 3, got 9"):
        chain.reconstruct(torch.ones(3, 4), level=9)


def test_a_guide_of_another_type_is_told(chain: HierarchicalVariational) -> None:
    chain.float()
    with pytest.raises(ValueError, match=r"`guide`: expected .*float32.* Move or convert both"):
        chain.bound(torch.ones(3, 4))
    chain.guide.float()
    assert chain.bound(torch.ones(3, 4)).dtype == torch.float32
