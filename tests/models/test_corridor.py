"""The corridor with a beacon."""

import gymnasium as gym
import pytest
import torch
from pyro import poutine

from pyro_activeinf.models import Corridor


def test_the_cue_is_sharp_at_the_beacon_alone() -> None:
    model = Corridor(beacon=1.0, blur=0.5)
    places = torch.tensor([1.0, 3.0, -1.0])
    gaps = torch.zeros(3)
    trace = poutine.trace(model.observe).get_trace((places, gaps))
    torch.testing.assert_close(trace.nodes["cue"]["fn"].scale, torch.tensor([0.1, 2.1, 2.1]))


@pytest.mark.parametrize("pushes", [None, (-1.0, 1.0)])
def test_actions_push_place_and_gap_alike(pushes: tuple[float, ...] | None) -> None:
    model = Corridor(pushes)
    push = torch.tensor(0.7) if pushes is None else torch.tensor(1)
    moved = 0.7 if pushes is None else 1.0
    state = (torch.zeros(3), torch.full((3,), -3.0))
    trace = poutine.trace(model.transition).get_trace(state, push)
    assert trace.nodes["place"]["fn"].loc.tolist() == pytest.approx([moved] * 3)
    assert trace.nodes["gap"]["fn"].loc.tolist() == pytest.approx([moved - 3] * 3)


def test_its_spaces() -> None:
    assert Corridor().actions == gym.spaces.Discrete(5)
    box = Corridor(None, reach=1.5).actions
    assert isinstance(box, gym.spaces.Box)
    assert (box.shape, float(box.high)) == ((), 1.5)


def test_wrong_widths_are_named() -> None:
    with pytest.raises(ValueError, match="`width`"):
        Corridor(width=0.0)
