"""Draws that a program takes back are not in its graph."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pyro_activeinf.learning.tracing import Untraceable, traced

x = torch.tensor


def forked(a: Tensor) -> Tensor:
    """A draw, another one that is taken back, and a third one."""
    first = torch.randn(())
    with torch.random.fork_rng(devices=[]):
        size = torch.randn(3).normal_().shape[0]
    return a + first + size * torch.randn(())


def test_draws_that_are_taken_back_leave_the_graph() -> None:
    graph = traced(lambda a: [forked(a)], [x(1.0)], [])
    torch.manual_seed(4)
    expected = forked(x(2.0)), torch.rand(())
    torch.manual_seed(4)
    assert torch.equal(graph(x(2.0))[1], expected[0])
    assert torch.equal(torch.rand(()), expected[1])


def test_draws_that_are_not_used_stay() -> None:
    def wasteful(a: Tensor) -> Tensor:
        torch.rand(2)
        return a + torch.rand(())

    graph = traced(lambda a: [wasteful(a)], [x(1.0)], [])
    torch.manual_seed(4)
    expected = wasteful(x(2.0))
    torch.manual_seed(4)
    assert torch.equal(graph(x(2.0))[1], expected)


def test_draws_that_are_taken_back_but_used_end_the_tracing() -> None:
    def function(a: Tensor) -> list[Tensor]:
        with torch.random.fork_rng(devices=[]):
            noise = torch.randn(())
        return [a + noise + torch.rand(())]

    with pytest.raises(Untraceable, match="draws and takes back"):
        traced(function, [x(1.0)], [])
