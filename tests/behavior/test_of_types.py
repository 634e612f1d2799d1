"""Persons of unknown type, trial by trial: as all trials at once."""

from dataclasses import replace

import pyro
import pytest
import torch

from pyro_activeinf.behavior import Choices, Mixture, simulate
from pyro_activeinf.behavior.chooser import log_action_probs
from pyro_activeinf.behavior.of_types import OfTypes, mixed, weighed
from pyro_activeinf.behavior.tasks import ReversalLearning
from tests.behavior.populations.programs import learner, model, some_choices

MODEL = model(Mixture(3))


def drawn(choices: Choices, particles: int) -> dict[str, torch.Tensor]:
    subjects = pyro.plate("subject", choices.num_subjects, dim=-2)
    with pyro.plate("particle", particles, dim=-3):
        return MODEL.population(learner, choices, subjects)


@pytest.mark.parametrize("cues", [{}, {"tone": torch.zeros(4, 6)}])
def test_trial_by_trial_is_all_at_once(cues: dict[str, torch.Tensor]) -> None:
    starts = torch.tensor(
        [[True, False, False, True, False, False]] * 2 + [[True] + [False] * 5] * 2
    )
    choices = replace(some_choices(), starts=starts, cues=cues)
    parameters = drawn(choices, particles=2)
    chooser = MODEL.chooser(parameters)
    assert isinstance(chooser, OfTypes)
    assert chooser.batch_shape == (2, 4)
    assert chooser.num_actions == 2
    found = log_action_probs(chooser, choices)
    torch.testing.assert_close(found, MODEL.log_probs(parameters, choices))
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(2, 4, 6))


def test_simulated_choices_have_these_probabilities() -> None:
    run = simulate(MODEL, ReversalLearning(), subjects=5, trials=8)
    torch.testing.assert_close(MODEL.log_probs(run.parameters, run.choices), run.log_probs)
    assert run.parameters["type_weights"].shape == (5, 3)


def test_weights_follow_bayes() -> None:
    """Against p(type | evidence so far), piece by piece."""
    log_weights = torch.randn(3, 4).log_softmax(0)
    evidence = torch.randn(3, 4, 5)
    found = weighed(log_weights, evidence)
    posterior = log_weights.exp()
    for t in range(6):
        torch.testing.assert_close(found[..., t].exp(), posterior)
        if t < 5:
            posterior = posterior * evidence[..., t].exp()
            posterior = posterior / posterior.sum(0)


def test_a_mixture_of_equals_is_each_of_them() -> None:
    log_probs = torch.randn(4, 5, 2).log_softmax(-1)
    types = torch.randn(3, 4, 5).log_softmax(0)
    torch.testing.assert_close(mixed(log_probs.expand(3, 4, 5, 2), types), log_probs)
