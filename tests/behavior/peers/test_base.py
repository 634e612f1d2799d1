from __future__ import annotations

import pytest
import torch

from pyro_activeinf.behavior.peers import RescorlaWagner


def test_a_site_that_is_not_there_is_named() -> None:
    learner = RescorlaWagner(torch.tensor([0.5]), torch.tensor([1.0]), reward="points")
    with pytest.raises(ValueError, match=r"`reward`: expected a site 'points', got .*'outcome'"):
        learner.learn(learner.initial(), torch.tensor([0]), {"outcome": torch.tensor([1.0])})
