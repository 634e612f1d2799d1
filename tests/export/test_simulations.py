"""Simulated behavior as ArviZ data."""

from __future__ import annotations

import numpy as np
import torch

from pyro_activeinf import to_arviz
from pyro_activeinf.behavior import simulate
from pyro_activeinf.behavior.tasks import ReversalLearning
from tests.behavior.coin import coins


def test_choices_and_who_made_them() -> None:
    found = simulate(coins(), ReversalLearning(), {"heads": torch.tensor([0.2, 0.9])}, trials=6)

    data = to_arviz(found)

    assert data["true_parameters"]["heads"].dims == ("subject",)
    np.testing.assert_array_equal(data["observed_data"]["choice"].values, found.choices.actions)
    assert data["log_probs"]["choice"].dims == ("subject", "trial", "action")
    assert "outcome_outcome" in data["constant_data"]
