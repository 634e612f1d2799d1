"""Guides begin in the middle, and at the better ones of random policies."""

import torch

from pyro_activeinf.planning.candidates import Objective
from pyro_activeinf.planning.priors import ModelHabit, Proposal
from pyro_activeinf.planning.starts import first_policies
from pyro_activeinf.records import ALL_TERMS
from tests.planning.regulator import LinearFilter
from tests.planning.test_cross_entropy import cart
from tests.planning.test_variational import Pair


def test_the_first_is_the_middle_and_the_others_are_chosen() -> None:
    filter = LinearFilter(cart(bound=3.0))
    belief = filter.initial((2,))
    objective = Objective(ALL_TERMS, 1.0, ModelHabit(), 2**30)
    found = first_policies(objective, filter, belief, 4, 201)
    assert found.shape == (201, 2, 4, 1)
    assert found[0].abs().max() == 0
    assert found.abs().max() <= filter.actions.high.item()
    cost = objective(filter, belief, found.movedim(0, 1)).cost
    random, chosen = cost[:, 1::2].mean(-1), cost[:, 2::2].mean(-1)  # of one try, of four
    assert (chosen < random - 5).all()


def test_a_proposal_is_drawn_from() -> None:
    filter = LinearFilter(cart(bound=3.0))
    mean = torch.tensor([[1.0], [-1.0]])
    prior = Pair(Proposal(mean, torch.full((2, 1), 0.01)))
    objective = Objective(ALL_TERMS, 1.0, prior, 2**30)
    found = first_policies(objective, filter, filter.initial(), 2, 5)
    assert torch.equal(found[0], mean)
    assert (found - mean).abs().max() < 0.1
