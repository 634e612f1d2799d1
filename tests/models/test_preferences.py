"""Log-preferences are taken as given, and drawn from as a distribution."""

from __future__ import annotations

import math

import pyro
import pytest
import torch
from pyro import poutine

from pyro_activeinf.models import LogPreferences


def test_log_prob_is_the_value_as_given() -> None:
    preferences = LogPreferences(torch.tensor([1.0, 3.0, -math.inf]))
    assert preferences.log_prob(torch.tensor([0, 1, 2, 1])).tolist() == [1, 3, -math.inf, 3]
    assert preferences.log_prob(torch.tensor(1.0)).item() == 3  # as a Categorical does
    assert preferences.batch_shape == preferences.event_shape == ()


def test_log_prob_of_batches() -> None:
    values = torch.arange(6.0).reshape(2, 1, 3)
    preferences = LogPreferences(values)
    assert preferences.batch_shape == (2, 1)
    found = preferences.log_prob(torch.tensor([[0, 1, 2, 0]]))
    assert found.tolist() == [[0, 1, 2, 0], [3, 4, 5, 3]]
    wide = preferences.expand(torch.Size([4, 2, 5]))
    assert wide.batch_shape == (4, 2, 5)
    assert wide.log_prob(torch.tensor(2)).shape == (4, 2, 5)
    assert wide.log_prob(torch.tensor(2))[3, 1].tolist() == [5] * 5


def test_support() -> None:
    preferences = LogPreferences(torch.zeros(2, 3))
    assert preferences.has_enumerate_support
    assert preferences.enumerate_support().tolist() == [[0, 0], [1, 1], [2, 2]]
    assert preferences.enumerate_support(expand=False).tolist() == [[0], [1], [2]]
    assert preferences.support.check(torch.tensor([0, 2])).all()
    assert not preferences.support.check(torch.tensor([-1, 3])).any()


def test_samples_are_of_the_normalized_distribution() -> None:
    preferences = LogPreferences(torch.tensor([1.0, 1.0 + math.log(3), -math.inf]))
    draws = preferences.sample(torch.Size([4000]))
    counts = torch.bincount(draws, minlength=3) / 4000
    assert counts.tolist() == pytest.approx([0.25, 0.75, 0.0], abs=5 * math.sqrt(0.19 / 4000))
    assert LogPreferences(torch.zeros(2, 3)).sample(torch.Size([5])).shape == (5, 2)


def test_values_are_differentiable() -> None:
    values = torch.randn(2, 3, requires_grad=True)
    LogPreferences(values).log_prob(torch.tensor([2, 0])).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_it_is_a_distribution_of_pyro() -> None:
    def program() -> None:
        with pyro.plate("rows", 2):
            pyro.sample("o", LogPreferences(torch.tensor([0.0, 2.0])), obs=torch.tensor([1, 0]))

    trace = poutine.trace(program).get_trace()
    assert trace.log_prob_sum().item() == 2.0


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="values"):
        LogPreferences(torch.tensor([0.0, math.nan]))
