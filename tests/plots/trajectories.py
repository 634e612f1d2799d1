"""Records made by hand, with the shapes and the gaps of real ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pyro_activeinf.records import (
    ExpectedFreeEnergyTerms,
    FreeEnergyTerms,
    PolicyPosterior,
    Trajectory,
)

HORIZON, POLICIES = 2, 6


def made(
    lengths: Sequence[int] = (4, 3),
    batch: tuple[int, ...] = (),
    controls: tuple[int, ...] = (3,),
    keep_policies: bool = True,
    novelty: float = 0.0,
) -> Trajectory:
    """A trajectory of random numbers; the last row of an episode has neither plan nor action."""
    step = torch.cat([torch.arange(length) for length in lengths])
    episode = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    rows = len(step)
    acts = torch.ones(rows, dtype=torch.bool)
    acts[torch.tensor(lengths).cumsum(0) - 1] = False
    shape = (*batch, rows)
    actions = torch.stack([torch.randint(size, shape) for size in controls], -1)
    actions[..., ~acts, :] = -1
    plan = torch.randn(*shape, 4, 3)
    plan[..., 3, :] = novelty
    choices = torch.rand(*shape, *controls)
    choices /= choices.flatten(len(shape)).sum(-1).reshape(*shape, *[1] * len(controls))
    policies = torch.stack([torch.randint(size, (POLICIES, HORIZON)) for size in controls], -1)
    accuracy = -torch.rand(2, *shape)
    return Trajectory(
        observations={
            "sound": torch.randint(3, shape),
            "light": torch.where(step == 1, -1, torch.randint(2, shape)),
        },
        actions=actions.squeeze(-1),
        rewards=_planned(torch.rand(shape), acts, shape),
        beliefs={
            "place": torch.rand(*shape, 4).softmax(-1),
            "mood": torch.rand(*shape, 2).softmax(-1),
        },
        free_energy=FreeEnergyTerms(
            torch.rand(shape), accuracy.sum(0), {"sound": accuracy[0], "light": accuracy[1]}
        ),
        plan=ExpectedFreeEnergyTerms(_planned(plan, acts, shape), ("sound", "light")),
        action_probs=_planned(choices, acts, shape),
        episode=episode,
        step=step,
        policies=policies.squeeze(-1) if keep_policies else None,
        policy_probs=_planned(torch.rand(*shape, POLICIES).softmax(-1), acts, shape)
        if keep_policies
        else None,
        policy_values=_planned(torch.randn(*shape, POLICIES), acts, shape)
        if keep_policies
        else None,
    )


def _planned(values: Tensor, acts: Tensor, shape: tuple[int, ...]) -> Tensor:
    missing = ~acts.expand(shape).reshape(*shape, *[1] * (values.dim() - len(shape)))
    return values.masked_fill(missing, torch.nan)


def posterior(
    policies: Sequence[Sequence[int]] = ((0, 1), (2, 2), (1, 0)), novelty: float = 0.0
) -> PolicyPosterior:
    """A posterior over policies with random terms, of one agent with three actions."""
    values = torch.randn(len(policies), len(policies[0]), 4, 1)
    values[:, :, 3] = novelty
    per_step = ExpectedFreeEnergyTerms(values, ())
    total = ExpectedFreeEnergyTerms(values.sum(-3), ()).total
    probs = torch.softmax(-total, -1)
    chosen = torch.tensor(policies)
    action_probs = torch.zeros(3).index_add(0, chosen[:, 0], probs)
    return PolicyPosterior(chosen, per_step, total, probs, action_probs)
