"""Distributions over the values of a site, against those of Pyro."""

from __future__ import annotations

import math

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.compile import Site
from pyro_activeinf.guides import Finite, Settled
from pyro_activeinf.guides.finite import discrete

LOGITS = torch.tensor([[0.3, -1.0, 2.0], [0.0, 1.0, -0.5]], dtype=torch.float64)
COUNT = Site("count", torch.arange(3))
HOT = Site("hot", torch.eye(3, dtype=torch.float64))


def test_density_is_that_of_a_categorical() -> None:
    values = torch.tensor([[0, 2], [1, 1], [2, 0]])
    expected = dist.Categorical(logits=LOGITS).log_prob(values)
    assert torch.allclose(Finite(LOGITS, COUNT).log_prob(values), expected)
    assert torch.allclose(Finite(LOGITS, HOT).log_prob(torch.eye(3)[values]), expected)


@pytest.mark.parametrize(("site", "event"), [(COUNT, ()), (HOT, (3,))])
def test_shapes(site: Site, event: tuple[int, ...]) -> None:
    fn = Finite(LOGITS, site)
    assert fn.batch_shape == (2,)
    assert fn.event_shape == event
    assert fn.expand((4, 2)).sample().shape == (4, 2, *event)
    assert fn.sample((5,)).shape == (5, 2, *event)
    assert fn.enumerate_support(expand=False).shape == (3, 1, *event)
    assert fn.enumerate_support().shape == (3, 2, *event)
    assert fn.log_prob(fn.enumerate_support()).exp().sum(0).tolist() == pytest.approx([1.0, 1.0])


def test_samples_are_as_frequent_as_they_are_likely() -> None:
    draws = Finite(LOGITS, HOT).sample((20000,)).mean(0)
    assert torch.allclose(draws, LOGITS.softmax(-1), atol=0.02)


def test_impossible_values_and_rows() -> None:
    logits = torch.tensor([[0.0, -math.inf], [-math.inf, -math.inf]], requires_grad=True)
    log_probs = Finite(logits, Site("s", torch.arange(2))).log_prob(torch.tensor(0))
    assert log_probs.tolist() == pytest.approx([0.0, -math.log(2)])
    log_probs.sum().backward()
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())


def test_values_outside_are_named() -> None:
    with pytest.raises(ValueError, match="`count`: expected values among"):
        Finite(LOGITS, COUNT).log_prob(torch.tensor(7))


def test_a_settled_score_is_a_weight_without_gradient() -> None:
    logits = LOGITS.clone().requires_grad_()
    fn = Settled(logits, COUNT)
    log_prob, score, entropy = fn.expand((2,)).score_parts(torch.tensor([1, 2]))
    assert torch.equal(score, log_prob)
    assert not score.requires_grad
    assert torch.equal(entropy, log_prob)
    assert entropy.requires_grad


@pytest.mark.parametrize(
    ("support", "family"),
    [
        (torch.arange(3), dist.Categorical),
        (torch.tensor([0.0, 1.0]), dist.Bernoulli),
        (torch.arange(3.0), Finite),
        (torch.eye(2), Finite),
        (torch.tensor([-1.0, 1.0]), Finite),
    ],
)
def test_the_usual_family_where_there_is_one(support: Tensor, family: type) -> None:
    logits = LOGITS[:, : len(support)]
    fn = discrete(logits, Site("s", support))
    assert isinstance(fn, family)
    expected = logits.log_softmax(-1).T
    assert torch.allclose(fn.log_prob(fn.enumerate_support()), expected)
