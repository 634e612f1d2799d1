"""Hypotheses about what stays, one filter for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from pyro_activeinf.filters import Bank, GaussianFilter, ParticleFilter
from pyro_activeinf.filters.bank_context import BankContext
from tests.filters.regimes import Regimes, systems

PRIOR = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
SEEN = {"o": torch.zeros(2, 2, dtype=torch.float64)}
PUSH = torch.zeros(2, 1, dtype=torch.float64)


def context(make: Callable[[Any], Any] = GaussianFilter) -> BankContext:
    return BankContext(Bank(Regimes(systems(3), PRIOR), make=make), ["regime"])


def test_evidence_is_that_of_each_filter_and_the_prior_comes_from_above() -> None:
    settings = context()
    message, own, each = settings.look(settings.start((2,)), SEEN)
    alone = [f.update(f.initial(), {"o": torch.zeros(2)}) for f in settings.filter.members]
    expected = torch.stack([-belief.free_energy for belief in alone]).expand(2, 3)
    torch.testing.assert_close(settings.evidence(message), expected)
    torch.testing.assert_close(settings.evidence(settings.see(message, own)), expected)
    accuracy = torch.stack([belief.terms.accuracy for belief in alone]).expand(2, 3)
    torch.testing.assert_close(each["o"], accuracy)
    prior = torch.tensor([0.1, 0.1, 0.8], dtype=torch.float64).log()
    belief = settings.belief(message, prior, 0)
    torch.testing.assert_close(belief.log_probs, (prior + expected).log_softmax(-1))


@pytest.mark.parametrize("make", [GaussianFilter, lambda m: ParticleFilter(m, num_particles=50)])
def test_each_member_of_a_batch_goes_on_or_begins_anew(make: Callable[[Any], Any]) -> None:
    torch.manual_seed(0)
    settings = context(make)
    new = settings.start((2,))
    old = settings.move(settings.look(new, SEEN)[0], PUSH)
    found = settings.choose(torch.tensor([True, False]), new, old)
    for row, source in enumerate((new, old)):
        torch.testing.assert_close(found.log_probs[row], source.log_probs[row])
        for member, expected in zip(found.members, source.members, strict=True):
            means = (each.marginals["s"].mean[row] for each in (member, expected))
            torch.testing.assert_close(*means)
    on = settings.look(settings.move(found, PUSH), SEEN)[0]
    assert bool(settings.evidence(on).isfinite().all())


def test_what_is_impossible_from_above_is_refused() -> None:
    settings = context()
    never = torch.full((3,), -torch.inf, dtype=torch.float64)
    with pytest.raises(ValueError, match="`observation`: expected one of positive probability"):
        settings.belief(settings.start(), never, 0)


def test_all_sites_of_the_bank_are_set_together() -> None:
    with pytest.raises(ValueError, match=r"`sites`: expected those of the bank, \['regime'\]"):
        BankContext(context().filter, ["s"])
