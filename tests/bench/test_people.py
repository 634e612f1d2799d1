"""People beside models: what is read, and what was kept."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from pyro_activeinf.behavior import NUTS, ChoiceModel, Choices, compare
from pyro_activeinf.bench import people

STORED = Path(__file__).parents[2] / "docs" / "results" / "people.json"


@pytest.fixture
def choices() -> Choices:
    rows = [(s, t, 1 + (s + t) % 2, 1 - 2 * (t % 2)) for s in (7, 8, 9) for t in range(1, 7)]
    return people.read(pd.DataFrame(rows, columns=["subjID", "trial", "choice", "outcome"]))


def test_losses_are_read_as_no_reward(choices: Choices) -> None:
    assert choices.subjects == (7, 8, 9)
    assert choices.actions[0].tolist() == [0, 1, 0, 1, 0, 1]
    assert choices.outcomes["outcome"][0].tolist() == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("name", list(people.MODELS))
def test_each_model_has_an_opinion_on_each_choice(name: str, choices: Choices) -> None:
    model = ChoiceModel(*people.MODELS[name])
    values = {site: torch.full((3,), 0.4) for site in model.events}
    found = model.log_likelihood(values, choices)
    assert found.shape == (3, 6)
    assert bool((found < 0).all())


def test_fits_are_compared(choices: Choices) -> None:
    names = ("random", "win-stay lose-shift")
    fits = {n: people.fitted(n, choices, NUTS(draws=40, warmup=20, chains=2), 3) for n in names}
    found = compare(fits)
    assert people.figure(found).axes[0].get_xlabel()
    assert set(found.models) == set(names)


def test_the_stored_run_has_converged() -> None:
    stored = json.loads(STORED.read_text("utf-8"))
    assert set(stored["models"]) == set(people.MODELS)
    assert all(model["r_hat"] < 1.01 for model in stored["models"].values())
    beside = stored["active inference less Rescorla-Wagner"]
    assert beside["standard_error"] > 0
