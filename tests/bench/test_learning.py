"""The experiment on learning tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from pyro_activeinf.bench import learning
from pyro_activeinf.bench.learning_worlds import (
    LEARNED,
    TERMS,
    Coverage,
    Life,
    Mapmaker,
    explore,
    live,
)
from pyro_activeinf.filters import ExactFilter
from tests.oracles import assert_close


def test_agents_that_learn_the_context_trust_it() -> None:
    trusting, wary = live("the context", seed=0, trials=16), live("nothing", seed=0, trials=6)
    assert trusting.cue[0]
    assert sum(trusting.cue[-4:]) <= 1
    assert sum(wary.cue) >= 5
    assert sum(trusting.reward[-4:]) > 4  # a reward at both moves of a trial


def test_curiosity_covers_the_grid() -> None:
    curious = explore("novelty", seed=0)
    assert curious.pairs == curious.covered[-1] == 80
    idle = explore("nothing to seek", seed=0, limit=2 * curious.steps)
    assert idle.covered[-1] < idle.pairs


def test_information_about_seen_places_is_novelty_and_noise() -> None:
    """I(s'; o') = I(theta; s') + E[H[s' | theta]], by quadrature of beta distributions."""
    model = Mapmaker(2)
    with torch.no_grad():
        model.move.counts.copy_(torch.tensor([0.5, 2.0]))
    filter = ExactFilter(model)
    terms = filter.expected_free_energy(
        filter.predict(filter.update(filter.initial(), {"position": 0}), 1)
    )
    a, b = 0.5, 2.0
    root = (torch.arange(20_000) + 0.5) / 20_000
    theta = root**4  # so that nothing is infinite
    weights = root**3 * theta ** (a - 1) * (1 - theta) ** (b - 1)
    entropy = torch.special.entr(theta) + torch.special.entr(1 - theta)
    noise = (weights * entropy).sum() / weights.sum()
    assert_close(terms.epistemic - terms.novelty, noise, 1e-7)


def test_results_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = {"nothing to seek": 6, "novelty": 2}

    def covered(sought: str, seed: int) -> Coverage:
        count = steps.get(sought, 3)
        return Coverage(sought, seed, count, count, list(range(1, count + 1)))

    monkeypatch.setattr(learning, "live", lambda name, seed: Life(name, seed, [seed < 1], [1.0]))
    monkeypatch.setattr(learning, "explore", covered)
    found = learning.run(tmp_path, seeds=1, progress=False)
    assert found.speedup == [3.0]
    assert found.faster("pragmatic value and information about states") == [1.0]
    content = json.loads((tmp_path / "learning.json").read_text())
    assert set(content["steps"]) == set(TERMS)
    assert set(content["cue_visits"]) == set(LEARNED)
    assert_close(content["cue_visits"]["nothing"], [1 / learning.LIVES])
    assert (tmp_path / "learning.png").stat().st_size > 5000
