"""Beliefs in single precision keep states that are all but ruled out, however long they live."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import POMDP

STATES, STEPS = 12, 40


def filtered(dtype: torch.dtype, leak: float, batch: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Log-probabilities and F after many steps in which one state is seen again and again."""
    seen = (1 - leak) * np.eye(STATES) + leak / STATES
    stay = (1 - leak) * np.eye(STATES) + leak / STATES
    model = POMDP(
        [torch.tensor(seen, dtype=dtype)],
        [torch.tensor(np.stack([stay, np.roll(stay, 1, 0)], -1), dtype=dtype)],
        C=[torch.zeros(STATES, dtype=dtype)],
        D=[torch.ones(STATES, dtype=dtype) / STATES],
    )
    exact = ExactFilter(model)
    belief = exact.initial(batch)
    total = torch.zeros((), dtype=torch.float64)
    for _ in range(STEPS):
        belief = exact.update(belief, {"o0": torch.zeros(batch, dtype=torch.long)})
        total = total + belief.free_energy.double()
        belief = exact.predict(belief, torch.zeros(batch, dtype=torch.long))
    return belief.log_probs.double(), total


@pytest.mark.parametrize("leak", [1e-2, 1e-12, 1e-25, 1e-38])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_single_precision_agrees_with_double(leak: float, batch: tuple[int, ...]) -> None:
    narrow, energy = filtered(torch.float32, leak, batch)
    wide, expected = filtered(torch.float64, leak, batch)
    assert bool((narrow > -math.inf).all())
    torch.testing.assert_close(narrow, wide, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(energy, expected, rtol=1e-5, atol=1e-4)
