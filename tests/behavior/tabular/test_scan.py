"""Filtering forward: against the recursion as it is written, with derivatives of two orders."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from pyro_activeinf import ops
from pyro_activeinf.behavior.tabular.matrices import Chain, log_matrices
from pyro_activeinf.behavior.tabular.scan import filtered


def written_out(chain: Chain) -> Tensor:
    found: list[Tensor] = []
    for matrix, start in zip(log_matrices(chain), chain.starts, strict=True):
        row = matrix[..., 0, :]
        on = row if not found else ops.log_vecmat(found[-1], matrix)
        found.append(torch.where(start.unsqueeze(-1), row, on))
    return torch.stack(found)


def with_numbers(chain: Chain, tensors: Sequence[Tensor]) -> Chain:
    first, moves, told = tensors
    return chain._replace(log_initial=first, log_transition=moves, log_evidence=told)


def example(length: int, holes: bool = False, actions: int = 2) -> Chain:
    starts = torch.rand(length, 2) < 0.3
    starts[0] = True
    shapes = [(2, 3), (2, actions, 3, 3), (length, 2, 3)]
    drawn = [torch.randn(shape) for shape in shapes]
    if holes:
        drawn = [each.masked_fill(torch.rand(each.shape) < 0.3, -torch.inf) for each in drawn]
    first, moves, told = drawn
    return Chain(first, moves, told, torch.randint(actions, (length, 2)), starts)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 8, 13])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("actions", [1, 2])
def test_both_ways_are_the_recursion(length: int, holes: bool, actions: int) -> None:
    chain = example(length, holes, actions)
    expected = written_out(chain)
    traced = make_fx(filtered)(chain)
    for found in (filtered(chain), traced(chain)):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_evidence_of_many_steps_does_not_underflow() -> None:
    still = torch.eye(2).log().expand(1, 2, 2)
    told = torch.tensor([0.0, -900.0]).expand(3, 2)
    back = torch.tensor([[-2000.0, 0.0]])
    starts = torch.tensor([True, False, False, False])
    nothing = torch.zeros(4, dtype=torch.long)
    chain = Chain(torch.zeros(2), still, torch.cat([told, back]), nothing, starts)
    assert filtered(chain)[-1].tolist() == [-2000.0, -2700.0]


@pytest.mark.parametrize("actions", [1, 2])
def test_derivatives(actions: int) -> None:
    chain = example(4, actions=actions)
    leaves = tuple(each.requires_grad_() for each in chain[:3])

    def found(*tensors: Tensor) -> Tensor:
        return filtered(with_numbers(chain, tensors))

    assert torch.autograd.gradcheck(found, leaves)
    assert torch.autograd.gradgradcheck(lambda *tensors: found(*tensors).tanh(), leaves)


@pytest.mark.parametrize("impossible", [1, 2])
def test_derivatives_where_something_is_impossible(impossible: int) -> None:
    chain = example(5, holes=True)
    chain.log_evidence[impossible, 0] = -torch.inf
    found = []
    for way in (filtered, written_out):
        leaves = [each.clone().requires_grad_() for each in chain[:3]]
        value = way(with_numbers(chain, leaves)).exp().sum()
        found.append(torch.autograd.grad(value, leaves))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
        assert bool(one.isfinite().all())


def test_under_vmap() -> None:
    chain = example(5)
    dims = Chain(0, 0, 1, 1, 1)  # type: ignore[arg-type]
    found = torch.func.vmap(filtered, in_dims=(dims,), out_dims=1)(chain)
    torch.testing.assert_close(found, filtered(chain), rtol=0, atol=1e-12)
