"""Trials for one person, and what a chooser does with them."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from pyro_activeinf.behavior import Choices, Chooser
from pyro_activeinf.behavior.chooser import log_action_probs
from tests.behavior.peers.loops import Trials


def trials_of(seed: int, actions: int, losses: bool = False, count: int = 40) -> Trials:
    """Any actions and rewards, some of them missing."""
    draw = random.Random(seed)
    rewards = [-1.0, 1.0] if losses else [0.0, 1.0]
    return [
        (draw.randrange(actions), None if draw.random() < 0.1 else draw.choice(rewards))
        for _ in range(count)
    ]


def choices_of(trials: Trials) -> Choices:
    actions = torch.tensor([[action for action, _ in trials]])
    rewards = [torch.nan if reward is None else reward for _, reward in trials]
    return Choices(actions, outcomes={"outcome": torch.tensor([rewards])})


def probs_of(chooser: Chooser, trials: Trials) -> Tensor:
    """Probabilities of all actions at every trial, ``(trials, actions)``."""
    return log_action_probs(chooser, choices_of(trials))[0].exp()
