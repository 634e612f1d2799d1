"""What every filter does as a level: the same as the filter does by itself."""

from __future__ import annotations

import math
from typing import Any

import pyro
import pytest
import torch

from pyro_activeinf.filters import (
    ExactFilter,
    FactorizedFilter,
    Filter,
    GaussianFilter,
    HiddenMarkovFilter,
    ParticleFilter,
)
from pyro_activeinf.filters.context import Context, Port, per_value
from pyro_activeinf.filters.faces import context_of, link_of, settable, shown
from pyro_activeinf.models import LinearGaussian, ReadingSentence
from tests.agents.test_filters_of_levels import Twins

KINDS: list[Any] = [ExactFilter, FactorizedFilter, HiddenMarkovFilter]
STEPS = [{"oa": 0, "ob": 2}, {"oa": 1}, {"oa": 2, "ob": 1}]


def alone(kind: Any) -> Filter:
    filter: Filter = kind(Twins(1, ("oa", "ob"), 0, True))
    return filter


def lived(context: Context[Any, Any], batch: tuple[int, ...] = ()) -> Any:
    """The message after all steps."""
    message = context.start(batch)
    for t, seen in enumerate(STEPS):
        message = context.move(message) if t else message
        message, own, _ = context.look(message, seen)
        message = context.see(message, own)
    return message


@pytest.mark.parametrize("kind", [*KINDS, ParticleFilter])
def test_a_level_that_nothing_sets_is_the_filter_itself(kind: Any) -> None:
    pyro.set_rng_seed(0)
    exact = alone(ExactFilter)
    belief, energy = exact.initial(), 0.0
    for t, seen in enumerate(STEPS):
        belief = exact.update(exact.predict(belief, None) if t else belief, seen)
        energy += float(belief.free_energy)
    filter = alone(kind)
    if kind is ParticleFilter:
        filter = ParticleFilter(Twins(1, ("oa", "ob"), 0, True), num_particles=20_000)
    context = context_of(filter, (), ())
    message = lived(context, (2,))
    close = 0.05 if kind is ParticleFilter else 1e-9
    found = context.evidence(message)
    assert found.shape == (2, 1)
    torch.testing.assert_close(found, torch.full((2, 1), -energy), atol=close, rtol=0.0)
    after = context.belief(message, context.unset((2,)), 2)
    for name, marginal in belief.marginals.items():
        expected = marginal.probs.expand(2, -1)
        torch.testing.assert_close(after.marginals[name].probs, expected, atol=close, rtol=0.0)
    assert float(context.evidence(context.forget(message)).abs().max()) < 1e-9
    assert context.size == 1


@pytest.mark.parametrize("kind", [*KINDS, ParticleFilter])
def test_each_member_of_a_batch_is_chosen_by_itself(kind: Any) -> None:
    pyro.set_rng_seed(0)
    filter = kind(Twins(1, ("oa", "ob"), 0, False))
    context = context_of(filter, ("c1a", "c1b"), ())
    assert context.size == 9
    new, old = context.start((2,)), lived(context, (2,))
    both = context.choose(torch.tensor([True, False]), new, old)
    for row, source in enumerate((new, old)):
        torch.testing.assert_close(context.evidence(both)[row], context.evidence(source)[row])
    moved = context.evidence(context.move(both))
    torch.testing.assert_close(moved, context.evidence(both))


@pytest.mark.parametrize("kind", KINDS)
def test_up_and_down_are_transposes(kind: Any) -> None:
    filter = alone(kind)
    link, context = link_of(filter, ("oa", "ob")), context_of(filter, (), ("oa", "ob"))
    told = torch.rand(9).log()
    message = context.start()
    prior = context.belief(message, context.unset(), 0)
    forth = (link.down(prior) + told).logsumexp(-1)
    back = context.evidence(context.see(message, link.up(told, message)))[0]
    # the sites of these models are independent, which what is told about them together is not
    close = 0.05 if kind is FactorizedFilter else 1e-9
    assert float(back) == pytest.approx(float(forth), abs=close)
    assert float(back) <= float(forth) + 1e-9


def test_a_gaussian_level_that_nothing_sets_is_the_filter_itself() -> None:
    torch.manual_seed(0)
    model = LinearGaussian(0.5 * torch.randn(3, 3), C=torch.randn(2, 3), R=0.4 * torch.eye(2))
    filter = GaussianFilter(model)
    context = context_of(filter, (), ())
    message, belief, energy = context.start(), filter.initial(), 0.0
    rows = torch.randn(4, 2)
    rows[2, 0] = math.nan
    for t, row in enumerate(rows):
        belief = filter.update(filter.predict(belief) if t else belief, {"o": row})
        energy += float(belief.free_energy)
        message = context.move(message) if t else message
        message, own, each = context.look(message, {"o": row})
        message = context.see(message, own)
        after = context.belief(message, context.unset(), t)
        torch.testing.assert_close(after.mean, belief.mean)
        torch.testing.assert_close(after.cov, belief.cov)
        accuracy = context.expected(after, each["o"])
        torch.testing.assert_close(accuracy, belief.terms.accuracy)
        assert float(context.evidence(message)[0]) == pytest.approx(-energy, abs=1e-9)


def test_ports_of_filters() -> None:
    assert list(settable(ExactFilter(ReadingSentence()))) == ["sentence", "leaf", "verdict"]
    assert list(shown(ParticleFilter(ReadingSentence()))) == ["word", "page", "feedback"]
    real = shown(GaussianFilter(LinearGaussian(torch.eye(2))))["o"]
    assert real == Port("o", None, torch.Size([2]))
    assert str(real) == "real numbers (2,)"
    word = shown(ExactFilter(ReadingSentence()))["word"]
    assert str(word) == "3 values"
    assert word.fits(shown(FactorizedFilter(ReadingSentence()))["word"])
    assert not word.fits(real)


def test_actions_are_given_to_each_value() -> None:
    assert per_value(None, 1) is None
    assert per_value(torch.zeros(4, 2), 2).shape == (4, 1, 2)
    assert per_value(torch.zeros(4, 3), 0, 1).shape == (4, 1, 3)


def test_other_filters_are_no_levels() -> None:
    class Other:
        """No filter that is known."""

    other: Any = Other()
    assert settable(other) == shown(other) == {}
    for make in (lambda: context_of(other, (), ()), lambda: link_of(other, ())):
        with pytest.raises(ValueError, match="`filter`: expected one that can be"):
            make()
