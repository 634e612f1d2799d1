from __future__ import annotations

import torch

from pyro_activeinf.behavior.peers import RandomChoice
from tests.behavior.peers.data import probs_of, trials_of
from tests.behavior.peers.loops import softmax


def test_nothing_moves_it() -> None:
    person = RandomChoice(torch.tensor([[0.5, -1.0, 0.0]]))
    expected = torch.tensor(softmax([0.5, -1.0, 0.0])).expand(40, 3)
    trials = trials_of(0, actions=3)
    torch.testing.assert_close(probs_of(person, trials), expected, atol=1e-12, rtol=0)
