from __future__ import annotations

import torch

from pyro_activeinf.behavior.peers import WinStayLoseShift
from tests.behavior.peers import loops
from tests.behavior.peers.data import probs_of, trials_of


def test_it_is_the_plain_loop() -> None:
    person = WinStayLoseShift(torch.tensor([0.9]), torch.tensor([0.3]), actions=3)
    trials = trials_of(0, actions=3)
    expected = torch.tensor(loops.win_stay(trials, 3, stay=0.9, shift=0.3))
    torch.testing.assert_close(probs_of(person, trials), expected, atol=1e-12, rtol=0)
