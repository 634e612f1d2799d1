"""All tensors follow the model's device: whatever filters, planners and agents make themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from pyro_activeinf import Agent, rollout
from pyro_activeinf.compile.program import StackedControls
from pyro_activeinf.filters import ExactFilter, FactorizedFilter, Filter
from pyro_activeinf.models import (
    POMDP,
    GenerativeModel,
    GridWorld,
    RockSample,
    Tiger,
    TMaze,
    from_gymnasium,
)
from pyro_activeinf.planning import Inductive, OpenLoop, Planner, Sophisticated, TreeSearch
from tests.elsewhere import FAR, elsewhere

MODELS: dict[str, Callable[[], GenerativeModel]] = {
    "T-maze": TMaze,
    "tiger": Tiger,
    "grid": lambda: GridWorld(3, 3),
    "rocks": lambda: RockSample(2, 1),
    "lake": lambda: from_gymnasium(gym.make("FrozenLake-v1")),
}
FILTERS: dict[str, Callable[[Any], Filter]] = {
    "exact": ExactFilter,
    "exact, outcomes apart": lambda model: ExactFilter(model, joint_outcomes=False),
    "factorized": FactorizedFilter,
}
REWARD: dict[str, Any] = {"terms": {"pragmatic"}, "precision": math.inf}
PLANNERS: dict[str, Callable[[], Planner]] = {
    "open loop": lambda: OpenLoop(2),
    "open loop, reward": lambda: OpenLoop(2, **REWARD),
    "sophisticated": lambda: Sophisticated(2),
    "sophisticated, reward": lambda: Sophisticated(3, discount=0.9, **REWARD),
    "tree search": lambda: TreeSearch(3, 20),
    "tree search, reward": lambda: TreeSearch(3, 20, **REWARD),
}
WORLDS = {
    "T-maze": "pyro_activeinf/TMaze-v0",
    "tiger": "pyro_activeinf/Tiger-v0",
    "lake": "FrozenLake-v1",
}

each_model = pytest.mark.parametrize("model", MODELS)
BATCHES: tuple[tuple[int, ...], ...] = ((), (3,))


@pytest.fixture(autouse=True)
def far_away() -> Iterator[None]:
    with elsewhere():
        yield


def moved(name: str) -> GenerativeModel:
    return MODELS[name]().to(FAR)


def test_the_device_keeps_to_itself() -> None:
    far = torch.ones(2).to(FAR)
    assert (far + 1).device == far.new_zeros(2).device == torch.zeros(2, device=FAR).device == FAR
    assert (far[[0]] + torch.tensor(1.0)).tolist() == [2.0]
    assert far.cpu().device == torch.device("cpu")
    with pytest.raises(AssertionError, match="CPU tensors"):
        far + torch.ones(2)
    with pytest.raises(AssertionError, match="NumPy"):
        far.numpy()


@pytest.mark.parametrize("kind", FILTERS)
@each_model
def test_filters(model: str, kind: str) -> None:
    carrier = FILTERS[kind](moved(model))
    for batch in BATCHES:
        after = carrier.predict(carrier.initial(batch), torch.zeros(batch, dtype=torch.long))
        site = carrier.observation_sites[-1]
        updated = carrier.update(after, {site: torch.full(batch, -1)})
        terms = [carrier.expected_free_energy(after).total, carrier.look_ahead(after).total]
        found = [updated.free_energy, updated.terms.total, *terms, *after.sample().values()]
        found += [q.probs for q in updated.marginals.values()]  # type: ignore[attr-defined]
        assert {x.device for x in found} == {FAR}


@pytest.mark.parametrize("kind", PLANNERS)
@each_model
def test_planners(model: str, kind: str) -> None:
    exact, planner = ExactFilter(moved(model)), PLANNERS[kind]()
    for batch in BATCHES:
        posterior = planner(exact, exact.initial(batch))
        found = [posterior.action_probs, posterior.probs, posterior.terms.total]
        assert {x.device for x in [*found, posterior.policies]} == {FAR}


def test_given_policies_and_goals() -> None:
    exact = ExactFilter(moved("T-maze"))
    start = exact.update(exact.initial(), {"position": 0, "reward": 0})
    given = OpenLoop(2, policies=torch.tensor([[3, 1], [3, 2]]))(exact, start)
    towards = Inductive(OpenLoop(1), {"location": 3}, 3)(exact, start)
    plan = Sophisticated(2).unfold(exact, start, 2)
    found = (given.probs, towards.probs, *plan.action_probs)
    assert {x.device for x in found} == {FAR}


def test_smoothing() -> None:
    exact = ExactFilter(moved("T-maze"))
    episode = {"position": torch.tensor([0, 3]), "reward": torch.tensor([0, 0])}
    smoothed = exact.smooth(episode, torch.tensor([3]))
    marginals = [q.probs for q in smoothed.marginals.values()]  # type: ignore[attr-defined]
    assert {x.device for x in marginals} == {FAR}


@pytest.mark.parametrize("members", [None, 3], ids=["one", "vector"])
@pytest.mark.parametrize("world", WORLDS)
def test_rollouts(world: str, members: int | None) -> None:
    def env() -> gym.Env[Any, Any]:
        return gym.make(WORLDS[world])

    agent = Agent(moved(world), planner=OpenLoop(2))
    run = rollout(
        agent,
        env() if members is None else gym.vector.SyncVectorEnv([env] * members),
        steps=3,
        progress=False,
    )
    assert run.actions.shape[-1] >= 4


def two_controls() -> GenerativeModel:
    flip = np.stack([np.eye(2), np.eye(2)[::-1]], -1)
    turn = np.stack([np.eye(3), np.roll(np.eye(3), 1, 0)], -1)
    see = np.repeat(np.eye(2)[:, :, None], 3, -1)
    return POMDP([see], [flip, turn], C=[np.array([0.0, 1.0])]).to(FAR)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("kind", FILTERS)
def test_several_controls(
    kind: str, batch: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A stack that hands single controls out is a tensor class of its own, as far tensors are.
    plain = staticmethod(lambda each: torch.stack(torch.broadcast_tensors(*each), -1))
    monkeypatch.setattr(StackedControls, "of", plain)
    model = two_controls()
    given = OpenLoop(1, policies=torch.tensor([[[1, 0]], [[0, 1]]]))
    deeper = [] if kind == "factorized" else [Sophisticated(2), TreeSearch(2, 20)]
    for planner in (OpenLoop(2), given, *deeper):
        agent = Agent(model, planner=planner, filter=FILTERS[kind](model))
        agent.reset(batch)
        agent.perceive({"o0": torch.zeros(batch, dtype=torch.long)})
        action = agent.act()
        agent.perceive({"o0": torch.full(batch, -1)})
        posterior = agent.plan()
        assert {x.device for x in (action, posterior.action_probs, posterior.policies)} == {FAR}
        assert action.shape == (*batch, 2)
