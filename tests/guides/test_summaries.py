"""Summaries over time: shapes, and what they are told of what is missing."""

from __future__ import annotations

import pytest
import torch

from pyro_activeinf.guides import Amortized, Past, Whole
from pyro_activeinf.models import Tiger


@pytest.mark.parametrize(("kind", "width"), [(Past, 5), (Whole, 10)])
@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_one_vector_for_each_step(kind: type[Past], width: int, batch: tuple[int, ...]) -> None:
    model = Tiger()
    summary = kind(model, 5)
    guide = Amortized(model, [4])
    growl = torch.randint(2, (*batch, 3))
    found = summary(guide.series({"growl": growl}, torch.tensor([0, 0])))
    assert summary.width == width
    assert found.shape == (*batch, 3, width)


def test_a_missing_value_is_no_value() -> None:
    model = Tiger()
    summary, guide = Past(model, 5), Amortized(model, [4])
    actions = torch.tensor([0])
    found = [
        summary(guide.series({"growl": torch.tensor([0, last])}, actions)) for last in (-1, 0, 1)
    ]
    assert torch.equal(found[0][0], found[1][0])
    assert not torch.allclose(found[0][1], found[1][1])
    assert not torch.allclose(found[1][1], found[2][1])


def test_a_batch_is_each_of_its_members() -> None:
    model = Tiger()
    summary, guide = Whole(model, 5), Amortized(model, [4])
    growl, actions = torch.randint(2, (3, 4)), torch.tensor([0, 2, 0])
    together = summary(guide.series({"growl": growl}, actions))
    for i in range(3):
        alone = summary(guide.series({"growl": growl[i]}, actions))
        assert torch.allclose(together[i], alone)
