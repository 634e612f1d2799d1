"""Members of a batch at time steps of their own, each beside an agent alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pyro_activeinf import HierarchicalAgent
from pyro_activeinf.agents import Level
from pyro_activeinf.agents.members import together
from pyro_activeinf.filters import GaussianFilter
from pyro_activeinf.models import POMDP, LinearGaussian
from pyro_activeinf.planning import CrossEntropy, OpenLoop

LIKELY = torch.tensor([[0.9, 0.2], [0.1, 0.8]], dtype=torch.float64)
MOVES = torch.tensor([[[0.7, 0.4], [0.2, 0.5]], [[0.3, 0.6], [0.8, 0.5]]], dtype=torch.float64)
TURNS = torch.tensor([[2.0, 0.0], [0.0, 3.0]] * 4, dtype=torch.float64)  # of what is preferred
OUTCOMES = torch.tensor([[0, 0, 1, 1, 0], [1, 1, 1, 1, 1], [1, 0, 1, 0, 0]])
ACTIONS = torch.tensor([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 0, 0]])


def model(state: str, shown: str) -> POMDP:
    return POMDP([LIKELY], [MOVES], [TURNS], state_names=[state], observation_names=[shown])


def agent(batch: tuple[int, ...] = ()) -> HierarchicalAgent:
    def likely(belief: Any) -> Tensor:
        return belief.log_probs.exp()[..., 0] > 0.6

    low = Level(model("s", "o"), OpenLoop(1), steps_per_update=9, until=likely)
    found = HierarchicalAgent([low, Level(model("t", "s"), OpenLoop(1))])
    found.reset(batch)
    return found


def test_each_member_prefers_what_is_preferred_at_its_own_time_step() -> None:
    batch, alone = agent((3,)), [agent() for _ in OUTCOMES]
    steps = set()
    for t in range(5):
        action = {1: ACTIONS[:, t - 1], 2: ACTIONS[:, t - 1]} if t else None
        batch.perceive({"o": OUTCOMES[:, t]}, action)
        batch.plan()
        for b, single in enumerate(alone):
            done = {1: ACTIONS[b, t - 1], 2: ACTIONS[b, t - 1]} if t else None
            single.perceive({"o": OUTCOMES[b, t]}, done)
            single.plan()
            for i, posterior in single.posteriors.items():
                torch.testing.assert_close(batch.posteriors[i].probs[b], posterior.probs)
                found = batch.posteriors[i].terms.values[b]
                torch.testing.assert_close(found, posterior.terms.values)
        steps |= {tuple(state.ticks.tolist()) for state in batch.states or ()}
    assert any(len(set(each)) > 1 for each in steps)


def test_candidates_of_real_actions_stay_with_their_members() -> None:
    torch.manual_seed(0)
    filter = GaussianFilter(LinearGaussian(A=[[1.0]], B=[[1.0]], Q=[[0.1]], C=[[1.0]], R=[[0.1]]))
    planner = CrossEntropy(2, samples=4, elites=2, iterations=1)
    parts = [planner(filter, filter.initial((n,))) for n in (1, 2)]
    found = together(parts, [torch.tensor([1]), torch.tensor([0, 2])], torch.Size([3]))
    assert torch.equal(found.policies[1], parts[0].policies[0])
    assert torch.equal(found.policies[2], parts[1].policies[1])
    assert found.probs.shape == (3, parts[0].probs.shape[-1])
