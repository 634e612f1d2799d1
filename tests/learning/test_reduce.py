import itertools
from typing import Any

import pytest
import torch

from pyro_activeinf.learning import Priors, Prune, log_evidence, reduce, reduction_gain
from pyro_activeinf.models import CategoricalTable
from tests.oracles import assert_close


def seen(prior: torch.Tensor, counts: list[list[float]]) -> CategoricalTable:
    table = CategoricalTable(prior)
    table.counts.add_(torch.tensor(counts))
    return table


def test_the_gain_is_a_ratio_of_evidences() -> None:
    prior, other = torch.rand(3, 4) + 0.5, torch.rand(3, 4) + 0.1
    n = 5 * torch.rand(3, 4)
    expected = log_evidence(other, n) - log_evidence(prior, n)
    assert_close(reduction_gain(prior, other, prior + n), expected, 1e-12)

    def log_beta(a: torch.Tensor) -> torch.Tensor:
        return torch.lgamma(a).sum(-1) - torch.lgamma(a.sum(-1))

    full = prior + n
    closed = log_beta(prior) - log_beta(full) + log_beta(full + other - prior) - log_beta(other)
    assert_close(reduction_gain(prior, other, full), closed, 1e-10)


@pytest.mark.parametrize("remainder", [0.0, 0.01, 0.2])
def test_pruning_finds_the_best_subset(remainder: float) -> None:
    prior = torch.full((5,), 0.7)
    for n in ([9.0, 0.0, 0.0, 3.0, 0.0], [4.0, 0.3, 0.0, 0.1, 2.0], [1.0, 1.0, 1.0, 1.0, 1.0]):
        table = seen(prior[None], [n])
        gains = []
        for kept in itertools.product([True, False], repeat=5):
            if any(kept):
                other = torch.where(torch.tensor(kept), prior, remainder * prior)
                gains.append(float(reduction_gain(prior, other, table.counts[0])))
        found = reduce(table, Prune(remainder), threshold=0.0)
        assert_close(found.gain, [max(gains)], 1e-10)


def test_rows_are_reduced_where_the_evidence_is_strong() -> None:
    table = seen(torch.ones(2, 4), [[30.0, 0.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0]])
    before = table.counts.clone()
    found = reduce(table)
    assert found.chosen.tolist() == [3, -1]
    assert bool(found.gain[0] > 3 > found.gain[1])
    assert_close(found.probs, 1 / (1 + found.gain.exp()), 1e-12)
    assert_close(table.prior, [[1.0, 0.01, 0.01, 0.01], [1.0, 1.0, 1.0, 1.0]])
    assert_close(table.counts[0], [31.0, 0.01, 0.01, 0.01], 1e-12)
    assert_close(table.counts[1], before[1])
    again = reduce(table)
    assert again.chosen[0] == -1  # nothing more to take away
    assert bool(again.gain[0] < 3)


def test_other_priors_may_be_given() -> None:
    table = seen(torch.ones(2, 2), [[8.0, 8.0], [12.0, 0.0]])
    found = reduce(table, Priors([torch.full((2, 2), 20.0), torch.tensor([20.0, 1.0])]), 0.5)
    assert found.chosen.tolist() == [0, 1]
    assert_close(table.prior, [[20.0, 20.0], [20.0, 1.0]])


def test_counts_below_the_prior_count_as_nothing_seen() -> None:
    table = CategoricalTable(torch.ones(1, 3))
    table.counts.mul_(0.5)
    assert reduce(table).chosen.tolist() == [-1]
    assert_close(table.counts, torch.full((1, 3), 0.5))
    single = CategoricalTable(torch.ones(2, 1))
    assert reduce(single).gain.tolist() == [0.0, 0.0]


def test_a_wrong_remainder_is_refused() -> None:
    with pytest.raises(ValueError, match="remainder"):
        Prune(1.0)


@pytest.mark.parametrize(
    "given", [[], [torch.tensor([-1.0, 1.0])], [torch.ones(7)], [torch.ones(2, 2, 2)]]
)
def test_wrong_priors_are_refused(given: list[torch.Tensor]) -> None:
    table = seen(torch.ones(2, 2), [[8.0, 0.0], [0.0, 8.0]])
    before = table.counts.clone()
    with pytest.raises(ValueError, match="`given`"):
        reduce(table, Priors(given))
    assert_close(table.counts, before)
    counts: Any = before
    with pytest.raises(TypeError, match="`table`: expected"):
        reduce(counts)


@pytest.mark.parametrize(
    ("argument", "wrong"), [("threshold", "x"), ("threshold", torch.nan), ("hypotheses", "x")]
)
def test_other_types_are_named(argument: str, wrong: Any) -> None:
    table = seen(torch.ones(2, 2), [[8.0, 0.0], [0.0, 8.0]])
    before = table.counts.clone()
    with pytest.raises(TypeError, match=f"`{argument}`: expected"):
        reduce(table, **{argument: wrong})
    assert_close(table.counts, before)
