from __future__ import annotations

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.behavior import (
    ChoiceModel,
    Evidence,
    LeaveOneOut,
    ModelRecovery,
    fit,
    recover_models,
    simulate,
)
from pyro_activeinf.behavior.engines import AdaptiveImportance
from pyro_activeinf.behavior.peers import RandomChoice
from pyro_activeinf.behavior.tasks import ReversalLearning
from tests.behavior.persons import Guessing, followers

ENGINE = AdaptiveImportance(draws=400, proposals=100, rounds=4)


def biases() -> None:
    pyro.sample("bias", dist.Normal(torch.zeros(2), 1.0).to_event(1))


MODELS = {"follower": followers(), "random": ChoiceModel(biases, lambda p: RandomChoice(p["bias"]))}


@pytest.mark.parametrize("score", [Evidence(), LeaveOneOut()])
def test_models_that_differ_are_told_apart(score: Evidence | LeaveOneOut) -> None:
    found = recover_models(
        MODELS,
        ReversalLearning(),
        subjects=20,
        trials=60,
        engine=ENGINE,
        score=score,
        group=2,
        progress=False,
    )
    assert found.scores.shape == (2, 10, 2)
    assert float(found.confusion.diagonal().min()) >= 0.8


def test_leaving_out_is_fitting_the_rest() -> None:
    """Against beta posteriors without each of the trials in turn."""
    choices = simulate(followers(), ReversalLearning(), subjects=1, trials=25).choices
    engine = AdaptiveImportance(draws=8000, proposals=1000, rounds=4)
    found = LeaveOneOut()(fit(followers(), choices, engine, progress=False))
    won = (choices.outcomes["outcome"][0, :-1] == 1).tolist()
    stayed = (choices.actions[0, 1:] == choices.actions[0, :-1]).tolist()
    total = torch.tensor(0.5).log()
    for i, (win, stay) in enumerate(zip(won, stayed, strict=True)):
        rest = [s for j, (w, s) in enumerate(zip(won, stayed, strict=True)) if j != i and w == win]
        yes, no = sum(rest), len(rest) - sum(rest)
        prior_yes, prior_no = (2.0, 1.0) if win else (1.0, 1.0)
        chance = (prior_yes + yes) / (prior_yes + prior_no + len(rest))
        assert yes + no == len(rest)
        total = total + torch.tensor(chance if stay else 1 - chance).log()
    assert float(found) == pytest.approx(float(total), abs=0.05)


def test_confusion_counts_what_was_chosen() -> None:
    scores = torch.tensor([[[2.0, 1.0], [0.0, 1.0], [5.0, 1.0], [3.0, 0.0]], [[0.0, 1.0]] * 4])
    found = ModelRecovery(("a", "b"), scores)
    assert found.confusion.tolist() == [[0.75, 0.25], [0.0, 1.0]]
    assert found.inversion[0].tolist() == pytest.approx([1.0, 0.2])
    table = found.to_dataframe()
    assert table.loc["a", "b"] == 0.25
    assert table.index.name == "made the data"


def test_what_cannot_be_done_is_said() -> None:
    task = ReversalLearning()
    with pytest.raises(ValueError, match=r"`models`: expected two or more, got \['follower'\]"):
        recover_models({"follower": followers()}, task)
    with pytest.raises(ValueError, match="`subjects`: expected a multiple of 3, got 10"):
        recover_models(MODELS, task, subjects=10, group=3)
    with pytest.raises(ValueError, match="`engine`: expected an engine that gives the evidence"):
        recover_models(MODELS, task, subjects=2, trials=2, engine=Guessing(), progress=False)
