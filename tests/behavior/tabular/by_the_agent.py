"""The real agent on recorded data, one person at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pyro_activeinf import Agent
from pyro_activeinf.behavior import Choices
from pyro_activeinf.behavior.chooser import log_action_probs
from pyro_activeinf.behavior.foretold import picked
from pyro_activeinf.behavior.persons import persons


def by_the_agent(agent: Agent, choices: Choices, subject: int) -> Tensor:
    """Log-probabilities of what a subject chose, ``(trials,)``; 0 where a trial is passed over."""
    found, action, began = [], None, False
    outcome: dict[str, Any] = {}
    for t in range(choices.num_trials):
        if bool(choices.starts[subject, t]) and began:
            agent.perceive(outcome, action)  # the last outcome teaches, too
            agent.reset()
            action, began, outcome = None, False, {}
        if not bool(choices.counted[subject, t]):
            found.append(torch.zeros(()))
            continue
        cue = {name: value[subject, t] for name, value in choices.cues.items()}
        shown = {k: v for k, v in cue.items() if int(v) >= 0}
        agent.perceive({**shown, **outcome}, action)
        began, chosen = True, int(choices.actions[subject, t])
        probs = agent.action_probs(agent.plan()).flatten()
        found.append(probs[chosen].log())
        action = as_controls(agent, chosen)
        brought = {name: value[subject, t] for name, value in choices.outcomes.items()}
        outcome = {k: v for k, v in brought.items() if int(v) >= 0}
    agent.reset()
    return torch.stack(found)


def as_written(
    build: Callable[[dict[str, Tensor]], Agent], theta: Mapping[str, Tensor], choices: Choices
) -> Tensor:
    """The log-likelihood of all choices, by no graph of anything."""
    chooser = persons(build, theta, dict.fromkeys(theta, 0))
    return picked(log_action_probs(chooser, choices), choices).sum()


def as_controls(agent: Agent, index: int) -> Tensor:
    """An action by its position in the flattened space."""
    sizes = [int(n) for n in getattr(agent.filter.actions, "nvec", ())]
    if len(sizes) < 2:
        return torch.tensor(index)
    digits = []
    for size in reversed(sizes):
        digits.insert(0, index % size)
        index //= size
    return torch.tensor(digits)
