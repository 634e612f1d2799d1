"""Gradients beside torch's own clipping."""

from __future__ import annotations

import pyro
import pytest
import torch
from pyro.infer import Trace_ELBO

from pyro_activeinf.learning.batches import Whole
from pyro_activeinf.learning.gradients import Eager, clipped, hand_over
from pyro_activeinf.learning.program import Program

from .programs import line, stored_guide, stored_model


@pytest.mark.parametrize("most", [0.5, 3.0, 100.0])
def test_clipping_is_that_of_torch(most: float) -> None:
    leaves = [torch.zeros(n, requires_grad=True) for n in (1, 3, 5)]
    grads = [torch.randn(leaf.shape) for leaf in leaves]
    for leaf, grad in zip(leaves, grads, strict=True):
        leaf.grad = grad.clone()
    expected = torch.nn.utils.clip_grad_norm_(leaves, most)
    norm, found = clipped(grads, most)
    assert norm.item() == pytest.approx(expected.item(), abs=1e-12)
    for leaf, grad in zip(leaves, found, strict=True):
        assert torch.allclose(leaf.grad, grad, rtol=0, atol=1e-12)


def test_without_a_limit_gradients_stay_the_same_objects() -> None:
    grads = [torch.ones(2)]
    assert clipped(grads, None)[1] is grads
    assert clipped([], 1.0)[0].item() == 0.0


def test_loss_and_gradients_are_those_of_pyro() -> None:
    args, loss = line(), Trace_ELBO()
    program = Program(stored_model, stored_guide, loss, Whole(args))
    with program.local():
        program.first(args)
        program.clear()
        pyro.set_rng_seed(5)
        value, norm = Eager(program)(args)
        found = [leaf.grad.clone() for leaf in program.leaves.values()]
        program.clear()
        pyro.set_rng_seed(5)
        assert loss.loss_and_grads(stored_model, stored_guide, *args) == value
    expected = [leaf.grad for leaf in program.leaves.values()]
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert float(norm) == pytest.approx(torch.cat([g.reshape(-1) for g in found]).norm().item())


@pytest.mark.parametrize("layout", ["rows", "columns", "one number"])
def test_gradients_are_laid_out_as_parameters_are(layout: str) -> None:
    rows = torch.arange(12.0).reshape(3, 4)
    columns, one = rows.t().contiguous().t(), torch.tensor(0.5).expand(3, 4)
    grad = {"rows": rows, "columns": columns, "one number": one}[layout]
    leaves = [torch.nn.Parameter(like.clone()) for like in (rows, columns)]
    hand_over(leaves, [grad, grad])
    for leaf in leaves:
        assert leaf.grad is not None
        assert leaf.grad.stride() == leaf.stride()
        assert torch.equal(leaf.grad, grad)
    assert (leaves[0].grad is grad) is (layout == "rows")
