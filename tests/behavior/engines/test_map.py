"""The most probable parameters."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.behavior import MAP
from pyro_activeinf.behavior.engines import Target


def two_hills() -> None:
    x = pyro.sample("x", dist.Normal(0.0, 10.0))
    hills = torch.stack([-0.5 * (x + 3) ** 2, 1.0 - 0.5 * (x - 3) ** 2]).logsumexp(0)
    pyro.factor("hills", hills)


def test_of_several_hills_the_highest_is_taken() -> None:
    target = Target(two_hills)
    start = torch.tensor([[-3.5], [3.5]])

    mode = MAP(starts=8).mode(target, start)

    assert mode.item() == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("wrong", [{"starts": 0}, {"steps": 0}, {"tolerance": 0.0}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MAP(**wrong)  # type: ignore[arg-type]
