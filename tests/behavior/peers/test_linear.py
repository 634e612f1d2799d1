from __future__ import annotations

import pytest
import torch

from pyro_activeinf.behavior.peers.linear import recursion


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 29])
def test_it_is_the_recursion(count: int) -> None:
    factor, term = torch.rand(2, count, 3)
    now, expected = torch.zeros(3), []
    for a, b in zip(factor, term, strict=True):
        now = a * now + b
        expected.append(now)
    torch.testing.assert_close(recursion(factor, term), torch.stack(expected), atol=1e-14, rtol=0)
