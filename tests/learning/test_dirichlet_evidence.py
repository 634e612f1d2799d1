import itertools

import numpy as np
import torch
from torch import Tensor

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.learning import evidence_bound, learn_dirichlet, log_evidence
from pyro_activeinf.models import POMDP, CategoricalTable
from tests.oracles import assert_close


def test_evidence_is_the_product_of_predictions() -> None:
    prior = torch.tensor([[0.5, 1.0, 2.0], [1.0, 1.0, 1.0]])
    outcomes, expected, counts = [2, 0, 2, 1], torch.zeros(2), prior.clone()
    for outcome in outcomes:
        expected += (counts[:, outcome] / counts.sum(-1)).log()
        counts[:, outcome] += 1
    assert_close(log_evidence(prior, counts - prior), expected, 1e-12)


def test_impossible_outcomes() -> None:
    prior = torch.tensor([1.0, 0.0, 1.0])
    assert log_evidence(prior, torch.tensor([1.0, 0.0, 0.0])).exp() == 0.5
    assert log_evidence(prior, torch.tensor([1.0, 1e-9, 0.0])) == -torch.inf
    assert log_evidence(prior, torch.zeros(3)) == 0


def paths(model: POMDP, seen: list[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of every path of states: log p(start), entries of the tables used, and log q(path)."""
    log_start, shown, moved = [], [], []
    for path in itertools.product(range(2), repeat=len(seen)):
        look, move = torch.zeros(2, 3), torch.zeros(2, 1, 2)
        for state, outcome in zip(path, seen, strict=True):
            look[state, outcome] += 1
        for before, after in itertools.pairwise(path):
            move[before, 0, after] += 1
        log_start.append(torch.tensor([0.4, 0.6])[path[0]].log())
        shown.append(look)
        moved.append(move)
    start, look, move = torch.stack(log_start), torch.stack(shown), torch.stack(moved)
    log_joint = start + (look * model.A0.expected.log()).sum((1, 2))
    log_joint = log_joint + (move * model.B0.expected.log()).sum((1, 2, 3))
    return start, look, move, log_joint - log_joint.logsumexp(0)


def test_the_bound_is_what_it_says_and_lies_below_the_evidence() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        look = CategoricalTable(rng.gamma(2.0, size=(2, 3)))
        move = CategoricalTable(rng.gamma(2.0, size=(2, 1, 2)))
        seen = rng.integers(3, size=5).tolist()
        model = POMDP([look], [move], D=[torch.tensor([0.4, 0.6])])
        bound = evidence_bound(ExactFilter(model), {"o0": torch.tensor(seen)}).bound
        start, shown, moved, log_q = paths(model, seen)
        q = log_q.exp()
        by_hand = q @ (start - log_q)
        by_hand += log_evidence(look.prior, torch.einsum("p,pij->ij", q, shown)).sum()
        by_hand += log_evidence(move.prior, torch.einsum("p,piuj->iuj", q, moved)).sum()
        assert_close(bound, float(by_hand), 1e-10)
        each = start + log_evidence(look.prior, shown).sum(-1)
        exact = (each + log_evidence(move.prior, moved).sum((-1, -2))).logsumexp(0)
        assert bound < float(exact)


def test_the_bound_is_exact_where_states_are_seen() -> None:
    look = CategoricalTable(torch.tensor([[1.0, 2.0, 0.5]]))
    model = POMDP([look], [torch.ones(1, 1, 1)])
    seen = torch.tensor([0, 2, 1, 1])
    for _ in range(2):  # whatever the tables are now: their priors count
        bound = evidence_bound(ExactFilter(model), {"o0": seen}).bound
        expected = log_evidence(look.prior, torch.bincount(seen).double())
        assert_close(bound, float(expected), 1e-12)
        learn_dirichlet(model, {"o0": seen})
