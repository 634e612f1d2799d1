"""Numbers that stay tensors, and only where they should."""

from __future__ import annotations

import torch

from pyro_activeinf.free_energy._items import KeptItems


def test_a_number_can_be_differentiated() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    with KeptItems():
        value = (2 * x).item() / 4 + 1
    assert isinstance(value, torch.Tensor)
    value.backward()
    assert x.grad is not None
    assert x.grad.item() == 0.5


def test_scales_are_compared_as_numbers() -> None:
    with KeptItems():
        assert {float(torch.ones((), requires_grad=True)), 1.0} == {1.0}


def test_outside_and_in_a_pause_numbers_are_numbers() -> None:
    kept = KeptItems()
    with kept:
        with kept.paused():
            assert isinstance(torch.ones(()).item(), float)
        assert isinstance(torch.ones(()).item(), torch.Tensor)
    assert isinstance(torch.ones(()).item(), float)
