"""Wishes that are given from outside."""

import copy

import pytest
import torch

from pyro_activeinf.compile import Wishes
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import POMDP
from pyro_activeinf.planning import OpenLoop

A = torch.tensor([[0.9, 0.2], [0.1, 0.8]])
B = torch.stack(
    [torch.tensor([[0.9, 0.1], [0.1, 0.9]]), torch.tensor([[0.3, 0.6], [0.7, 0.4]])], -1
)


def model(C: list[float], E: list[float]) -> POMDP:
    return POMDP(A=[A], B=[B], C=[torch.tensor(C)], E=torch.tensor(E))


def test_other_wishes_are_those_of_the_model_that_has_them() -> None:
    wishes = Wishes({"o0": torch.tensor([0.0, 2.0])}, {"action": torch.tensor([0.7, 0.3]).log()})
    other = ExactFilter(model([1.0, 0.0], [0.5, 0.5])).wishing(wishes)
    wanted = ExactFilter(model([0.0, 2.0], [0.7, 0.3]))
    for filter in (other, copy.deepcopy(other)):
        found = OpenLoop(2)(filter, filter.update(filter.initial(), {"o0": 1}))
        expected = OpenLoop(2)(wanted, wanted.update(wanted.initial(), {"o0": 1}))
        torch.testing.assert_close(found.probs, expected.probs)
        torch.testing.assert_close(found.terms.values, expected.terms.values)


def test_the_filter_itself_keeps_its_wishes() -> None:
    filter = ExactFilter(model([1.0, 0.0], [0.5, 0.5]))
    before = filter.expected_free_energy(filter.initial()).total
    filter.wishing(Wishes({"o0": torch.tensor([0.0, 2.0])}, {}))
    assert torch.equal(filter.expected_free_energy(filter.initial()).total, before)


@pytest.mark.parametrize(
    "wishes",
    [
        Wishes({"door": torch.zeros(2)}, {}),
        Wishes({"o0": torch.zeros(3)}, {}),
        Wishes({}, {"door": torch.zeros(2)}),
    ],
)
def test_wishes_that_do_not_fit_are_refused(wishes: Wishes) -> None:
    with pytest.raises(ValueError, match=r"`preferences`|`habit`|`o0`"):
        ExactFilter(model([1.0, 0.0], [0.5, 0.5])).wishing(wishes)
