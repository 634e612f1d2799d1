"""Learning a world model while one acts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import gymnasium as gym
import pyro
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters import ObservedFilter
from pyro_activeinf.learning import Experience, OnlineLearner
from pyro_activeinf.models import NeuralDynamics, TMaze

BOX = gym.spaces.Box(-2.0, 2.0, (2,))
PUSH = gym.spaces.Box(-1.0, 1.0, (1,))
NOISE = 0.05


def learner_of(seed: int = 0, **options: Any) -> OnlineLearner:
    pyro.set_rng_seed(seed)
    return OnlineLearner(NeuralDynamics(BOX, PUSH, (16,)), **options)


def quick(leaves: Iterable[Tensor]) -> torch.optim.Optimizer:
    return torch.optim.Adam(leaves, 0.01)


def moves(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """A rotation with a push and noise."""
    before, push = torch.randn(count, 2), 2 * torch.rand(count, 1) - 1
    turned = before @ torch.tensor([[0.9, -0.3], [0.3, 0.9]]) + 0.4 * push
    return before, push, turned + NOISE * torch.randn(count, 2)


def test_free_energy_comes_down_to_the_entropy_of_the_noise() -> None:
    learner = learner_of(steps=200, optimizer=quick)
    learner.see(*moves(2000))
    before, push, after = (x.expand(5, *x.shape) for x in moves(1000))
    found = learner.model.surprise(before, push, after).mean().item()
    entropy = 1 + math.log(2 * math.pi * NOISE**2)
    assert entropy - 0.15 < found < entropy + 0.4


def test_members_agree_where_there_is_data_only() -> None:
    learner = learner_of(steps=100, optimizer=quick)
    learner.see(*moves(500))
    carrier = ObservedFilter(learner.model)
    near, far = (carrier.initial().mean * 0 + place for place in (0.5, 8.0))
    start = carrier.update(carrier.initial((2,)), {"o": torch.stack([near[0], far[0]])})
    novelty = carrier.score(start, torch.zeros(1, 1, 1)).novelty.flatten().detach()
    assert float(novelty[1]) > 4 * float(novelty[0])


def test_it_goes_on_as_if_it_had_never_stopped() -> None:
    first = learner_of(every=3, steps=4)
    before, push, after = moves(30)
    for i in range(20):
        first.see(before[i], push[i], after[i])
    second = learner_of(seed=7, every=3, steps=4)
    second.load_state_dict(first.state_dict())
    for i in range(20, 30):
        for each in (first, second):
            each.see(before[i], push[i], after[i])
    assert first.losses == second.losses
    for one, other in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_seed_fixes_it_whatever_else_is_drawn() -> None:
    data, runs = moves(20), []
    for seed in (3, 3, 4):
        learner = learner_of(seed)
        torch.rand(seed)
        learner.see(*data)
        runs.append(learner.losses)
    assert runs[0] == runs[1] != runs[2]


def test_it_trains_every_so_many_transitions() -> None:
    learner = learner_of(every=10, steps=2)
    before, push, after = moves(40)
    trained = []
    for i in range(40):
        losses = learner.losses
        learner.see(before[i], push[i], after[i])
        trained.append(learner.losses is not losses)
    assert [i for i, now in enumerate(trained) if now] == [9, 19, 29, 39]


def test_transitions_do_not_cross_episodes() -> None:
    learner = learner_of()
    carrier = ObservedFilter(learner.model)
    seen = torch.randn(3, 2)

    def step(index: int, action: Tensor | None) -> None:
        learner.experience(Experience(carrier, action, {"o": seen[index]}, carrier.initial()))

    step(0, None)
    step(1, torch.zeros(1))
    learner.finish()
    step(2, None)
    assert len(learner.replay) == 1
    assert torch.equal(learner.replay.all().after[0], seen[1])


def test_it_learns_where_gradients_are_switched_off() -> None:
    learner = learner_of()
    before = [p.clone() for p in learner.model.parameters()]
    with torch.no_grad():
        learner.see(*moves(20))
    assert any(
        not torch.equal(p, q) for p, q in zip(before, learner.model.parameters(), strict=True)
    )


def test_what_does_not_fit_is_explained() -> None:
    with pytest.raises(TypeError, match="`model`"):
        OnlineLearner(TMaze())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`every`"):
        learner_of(every=0)
