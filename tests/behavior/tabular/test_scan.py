"""Filtering forward: against the recursion as it is written, with derivatives of two orders."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from pyro_activeinf import ops
from pyro_activeinf.behavior.tabular.scan import filtered


def written_out(log_matrices: Tensor, starts: Tensor) -> Tensor:
    found: list[Tensor] = []
    for matrix, start in zip(log_matrices, starts, strict=True):
        row = matrix[..., 0, :]
        on = row if not found else ops.log_vecmat(found[-1], matrix)
        found.append(torch.where(start.unsqueeze(-1), row, on))
    return torch.stack(found)


def example(length: int, holes: bool = False) -> tuple[Tensor, Tensor]:
    log_matrices = torch.randn(length, 2, 3, 3)
    starts = torch.rand(length, 2) < 0.3
    starts[0] = True
    if holes:
        log_matrices[torch.rand(length, 2, 3, 3) < 0.4] = -torch.inf
    return log_matrices, starts


@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 8, 13])
@pytest.mark.parametrize("holes", [False, True])
def test_both_ways_are_the_recursion(length: int, holes: bool) -> None:
    log_matrices, starts = example(length, holes)
    expected = written_out(log_matrices, starts)
    traced = make_fx(filtered)(log_matrices, starts)
    for found in (filtered(log_matrices, starts), traced(log_matrices, starts)):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_derivatives() -> None:
    log_matrices, starts = example(4)
    leaf = log_matrices.requires_grad_()
    assert torch.autograd.gradcheck(lambda m: filtered(m, starts), (leaf,))
    assert torch.autograd.gradgradcheck(lambda m: filtered(m, starts).tanh(), (leaf,))


def test_derivatives_where_something_is_impossible() -> None:
    log_matrices, starts = example(5, holes=True)
    log_matrices[2, 0] = -torch.inf
    grads = []
    for way in (filtered, written_out):
        leaf = log_matrices.clone().requires_grad_()
        grads.append(torch.autograd.grad(way(leaf, starts).exp().sum(), leaf)[0])
    torch.testing.assert_close(grads[0], grads[1])
    assert bool(grads[0].isfinite().all())


def test_under_vmap() -> None:
    log_matrices, starts = example(5)
    found = torch.func.vmap(filtered, in_dims=1, out_dims=1)(log_matrices, starts)
    torch.testing.assert_close(found, filtered(log_matrices, starts))
