"""Graphs compute what functions compute, and know when they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pyro_activeinf.learning.tracing import Untraceable, traced

x = torch.tensor


def test_leaves_become_inputs() -> None:
    leaf = torch.tensor([2.0], requires_grad=True)
    graph = traced(lambda a: [(a * leaf).sum().detach()], [torch.ones(1)], [leaf])
    valid, found = graph(x([3.0]), x([5.0]))
    assert (bool(valid), found.item()) == (True, 15.0)
    assert not [node for node in graph.graph.nodes if node.op == "get_attr"]


def test_a_leaf_that_is_not_used_is_an_input_all_the_same() -> None:
    leaf = torch.ones(2, requires_grad=True)
    assert traced(lambda a: [a + 1], [x(1.0)], [leaf])(x(2.0), leaf.detach())[1].item() == 3.0


def test_gradients_are_traced() -> None:
    leaf = torch.tensor(2.0, requires_grad=True)

    def function(a: Tensor) -> list[Tensor]:
        leaf.grad = None
        (a * leaf**3).backward()
        assert leaf.grad is not None
        return [leaf.grad]

    assert traced(function, [x(1.0)], [leaf])(x(2.0), x(3.0))[1].item() == 54.0


def test_one_tensor_can_be_given_twice() -> None:
    both = x([1.0, 2.0])
    graph = traced(lambda a, b: [a - 2 * b], [both, both], [])
    assert graph(x([1.0, 1.0]), x([3.0, 0.0]))[1].tolist() == [-5.0, 1.0]


def test_an_item_stays_a_tensor() -> None:
    graph = traced(lambda a: [a + a.sum().item()], [x([1.0, 2.0])], [])
    assert graph(x([4.0, 5.0]))[1].tolist() == [13.0, 14.0]


DECIDING: list[tuple[Callable[[Tensor], Any], Tensor, Tensor, Tensor]] = [
    # a function, an example, a tensor that goes the same way, and one that does not
    (lambda a: a + 1 if a > 0 else a - 1, x(1.0), x(2.0), x(-2.0)),
    (lambda a: a + 1 if a.item() > 0 else a - 1, x(1.0), x(2.0), x(-2.0)),
    (lambda a: a * int(a), x(2.5), x(2.7), x(3.5)),
    (lambda a: a * int(a), x(-2.5), x(-2.7), x(-1.5)),
    (lambda a: sum([a] * a.long()), x(2.0), x(2.4), x(3.0)),
    (lambda a: a if torch.isnan(a).any() else 2 * a, x(2.0), x(3.0), x(float("nan"))),
]


@pytest.mark.parametrize(("function", "example", "same", "other"), DECIDING)
def test_decisions_are_held(
    function: Callable[[Tensor], Tensor], example: Tensor, same: Tensor, other: Tensor
) -> None:
    graph = traced(lambda a: [function(a)], [example], [])
    valid, found = graph(same)
    assert bool(valid)
    assert torch.equal(found, function(same))
    assert not graph(other)[0]


def test_decisions_in_hooks_of_the_backward_pass_are_held() -> None:
    leaf = torch.tensor(1.0, requires_grad=True)

    def function(a: Tensor) -> list[Tensor]:
        product = a * leaf
        product.register_hook(lambda grad: 2 * grad if grad > 0 else grad)
        return list(torch.autograd.grad(product * a, [leaf]))

    graph = traced(function, [x(3.0)], [leaf])
    assert [t.item() for t in graph(x(2.0), leaf.detach())] == [1.0, 8.0]
    assert not graph(x(-2.0), leaf.detach())[0]


@pytest.mark.parametrize(
    "function",
    [
        float,
        Tensor.tolist,
        lambda a: a.numpy().sum(),
    ],
)
def test_numbers_that_are_taken_out_end_the_tracing(function: Callable[[Tensor], float]) -> None:
    with pytest.raises(Untraceable, match="it takes numbers out of a tensor with"):
        traced(lambda a: [a * function(a)], [x(1.0)], [])
