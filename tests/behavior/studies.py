"""Functions that make a model and choices; workers import them."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist

from pyro_activeinf.behavior import ChoiceModel, Choices, RescorlaWagner, simulate
from pyro_activeinf.behavior.tasks import ReversalLearning


def rates() -> None:
    pyro.sample("rate", dist.Beta(2.0, 2.0))


def people(subjects: int = 2, trials: int = 12) -> tuple[ChoiceModel, Choices]:
    """Someone who follows rewards, by a function that no worker could import."""
    model = ChoiceModel(rates, lambda p: RescorlaWagner(p["rate"], 3.0 + 0 * p["rate"]))
    found = simulate(model, ReversalLearning(), subjects=subjects, trials=trials)
    return model, found.choices


def nobody() -> Any:
    """No model, no choices."""
    return 3
