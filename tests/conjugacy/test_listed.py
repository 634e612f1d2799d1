"""Distributions over lists."""

from typing import Any

import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.conjugacy import Listed
from pyro_activeinf.conjugacy.listed import OfList
from pyro_activeinf.conjugacy.lists import listed_of, wider


def test_a_list_of_choices_is_a_categorical() -> None:
    logits = torch.randn(2, 4)
    found, wanted = OfList(torch.arange(4.0), logits), dist.Categorical(logits=logits)
    values = torch.tensor([[0.0, 3.0], [1.0, 1.0], [2.0, 0.0]])
    torch.testing.assert_close(found.log_prob(values), wanted.log_prob(values))
    assert found.log_prob(torch.tensor(0.5)).tolist() == [-torch.inf] * 2
    assert found.expand((3, 2)).sample((5,)).shape == (5, 3, 2)
    torch.testing.assert_close(found.mean, (wanted.probs * torch.arange(4.0)).sum(-1))
    drawn = found.sample((20000,))
    torch.testing.assert_close(drawn.mean(0), found.mean, rtol=0, atol=0.05)
    torch.testing.assert_close(drawn.var(0), found.variance, rtol=0, atol=0.1)
    assert found.enumerate_support().shape == (4, 2)


def test_vectors_are_compared_whole() -> None:
    found = OfList(torch.tensor([[0.0, 1.0], [1.0, 1.0]]), torch.tensor([0.25, 0.75]).log())
    probs = found.log_prob(torch.tensor([[1.0, 1.0], [1.0, 0.0]])).exp()
    torch.testing.assert_close(probs, torch.tensor([0.75, 0.0]))
    torch.testing.assert_close(found.mean, torch.tensor([0.75, 1.0]))


def test_windows_hold_what_is_likely() -> None:
    found = listed_of("n", dist.Poisson(torch.tensor(2000.0)), torch.tensor(2010.0))
    assert found.values[0] > 1000
    assert found.values[-1] < 3500
    assert dist.Poisson(torch.tensor(2000.0)).log_prob(found.values).logsumexp(0) > -1e-12
    longer = wider(found)
    assert longer.dim == 2 * found.dim + found.values[0]  # down to zero
    old = torch.randn(found.dim)
    new = found.carried(old, longer)
    torch.testing.assert_close(new.softmax(0).max(), old.softmax(0).max())
    whole = listed_of("n", dist.Binomial(5, torch.tensor(0.5)), torch.tensor(2.0))
    assert not whole.open
    assert whole == Listed(torch.arange(6.0))
    assert wider(whole) is whole


def test_what_cannot_be_listed_is_named() -> None:
    fn = dist.Multinomial(500, torch.ones(5) / 5)
    with pytest.raises(ValueError, match="`n`: expected at most 4,096 values, got all ways"):
        listed_of("n", fn, fn.sample())


@pytest.mark.parametrize(
    ("values", "options", "text"),
    [
        ("x", {}, "`values`: expected a tensor"),
        ([0.0, 1.0], {}, "`values`"),
        (torch.zeros(0), {}, "`values`"),
        (torch.tensor(1.0), {}, "`values`"),
        (torch.ones(2), {}, "a value twice"),
        (torch.tensor([1.0, torch.nan]), {}, "NaN"),
        (torch.arange(3.0), {"guess": torch.zeros(2)}, "`guess`: expected a tensor of the logits"),
        (torch.arange(3.0), {"guess": "x"}, "`guess`"),
        (torch.arange(3.0), {"below": -1.0}, "`below`"),
        (torch.arange(3.0), {"above": "x"}, "`above`"),
    ],
)
def test_lists_are_of_distinct_values(values: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        Listed(values, **options)
