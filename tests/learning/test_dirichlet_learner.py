from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.agents import Agent
from pyro_activeinf.envs import TMaze as World
from pyro_activeinf.filters import ExactFilter, FactorizedFilter
from pyro_activeinf.learning import (
    DirichletLearner,
    DirichletUpdate,
    EachEpisode,
    EachStep,
    Experience,
    learn_dirichlet,
)
from pyro_activeinf.models import POMDP, CategoricalTable, GenerativeModel, TMaze
from pyro_activeinf.planning import OpenLoop
from pyro_activeinf.rollout import rollout
from tests.learning.counted import SHAPES, Learned, random_sight
from tests.oracles import assert_close


def lived(model: Learned, learner: DirichletLearner, seed: int, actions: list[int]) -> ExactFilter:
    """Walk the learner through an episode, as an agent does; it is not finished."""
    filter = ExactFilter(model)
    sight = random_sight(np.random.default_rng(seed), len(actions) + 1)
    belief = filter.update(filter.initial(), sight[0])
    learner.experience(Experience(filter, None, sight[0], belief))
    for u, seen in zip(actions, sight[1:], strict=True):
        belief = filter.update(filter.predict(belief, u), seen)
        learner.experience(Experience(filter, torch.tensor(u), seen, belief))
    return filter


def counts(model: Learned) -> dict[str, torch.Tensor]:
    return {name: getattr(model, name).counts.clone() for name in SHAPES}


def same(first: Learned, second: Learned, atol: float = 1e-12) -> None:
    for name, value in counts(first).items():
        assert_close(value, counts(second)[name], atol)


def series(seed: int, length: int) -> dict[str, torch.Tensor]:
    sight = random_sight(np.random.default_rng(seed), length)
    return {n: torch.tensor([s.get(n, -1) for s in sight]) for n in ("first", "second", "third")}


def test_an_episode_is_learned_from_in_hindsight_once_it_is_over() -> None:
    model, whole = Learned(), Learned()
    learner = DirichletLearner(model)
    lived(model, learner, 1, [0, 1, 1])
    same(model, whole)
    learner.finish()
    learner.finish()  # nothing more to learn
    learn_dirichlet(whole, series(1, 4), torch.tensor([0, 1, 1]))
    same(model, whole)
    assert learner.updates == 1


def test_episodes_in_batches_are_counted_under_one_model() -> None:
    model, whole = Learned(), Learned()
    learner = DirichletLearner(model, EachEpisode(2))
    for seed in (1, 2):
        lived(model, learner, seed, [0, 1])
        learner.finish()
        assert learner.updates == seed - 1
    both = {n: torch.stack([series(1, 3)[n], series(2, 3)[n]]) for n in series(1, 3)}
    learn_dirichlet(whole, both, torch.tensor([[0, 1], [0, 1]]))
    same(model, whole)


def test_each_step_is_learned_from_at_once() -> None:
    """With everything seen at each step, hindsight adds nothing."""
    tables = [CategoricalTable(torch.rand(3, 2, 3) + 0.1) for _ in range(2)]
    models = [POMDP(A=[torch.eye(3)], B=[table]) for table in tables]
    tables[1].counts.copy_(tables[0].counts)
    filter, learner = ExactFilter(models[0]), DirichletLearner(models[0], EachStep())
    places, moves = [0, 2, 1, 1], [1, 0, 1]
    belief = filter.update(filter.initial(), {"o0": places[0]})
    learner.experience(Experience(filter, None, {"o0": places[0]}, belief))
    for u, place in zip(moves, places[1:], strict=True):
        belief = filter.update(filter.predict(belief, u), {"o0": place})
        learner.experience(Experience(filter, torch.tensor(u), {"o0": place}, belief))
    learn_dirichlet(models[1], {"o0": torch.tensor(places)}, torch.tensor(moves))
    assert_close(tables[0].counts, tables[1].counts, 1e-12)
    assert learner.updates == 4


def test_a_new_episode_starts_where_the_belief_does() -> None:
    model = Learned()
    learner = DirichletLearner(model, EachStep(), tables=[model.turn])
    lived(model, learner, 1, [0])
    total = model.turn.counts.sum()
    lived(model, learner, 1, [])  # its first observation follows no action
    assert model.turn.counts.sum() == total


@pytest.mark.parametrize("occasion", [EachStep(), EachEpisode(2)])
def test_learning_goes_on_from_a_saved_state(occasion: EachStep | EachEpisode) -> None:
    first, second = Learned(), Learned()
    rule = DirichletUpdate(rate=lambda t: 1.0 / (1 + t))
    learners = [DirichletLearner(model, occasion, rule) for model in (first, second)]
    lived(first, learners[0], 3, [0, 1])
    learners[0].finish()
    filter = lived(first, learners[0], 4, [1])
    learners[1].load_state_dict(learners[0].state_dict())
    same(first, second, 0.0)
    for model, learner in zip((first, second), learners, strict=True):
        own = ExactFilter(model)
        after = own.update(own.predict(filter.initial(), 0), {"first": 1})
        learner.experience(Experience(own, torch.tensor(0), {"first": 1}, after))
        learner.finish()
    assert learners[0].updates == learners[1].updates > 0
    same(first, second)


def test_a_state_of_other_tables_is_refused_and_changes_nothing() -> None:
    model = Learned()
    learner = DirichletLearner(model)
    state = learner.state_dict()
    state["tables"]["look"]["counts"] = torch.ones(2, 2)
    before = counts(model)
    with pytest.raises(ValueError, match="tables of shapes"):
        learner.load_state_dict(state)
    assert all(torch.equal(value, before[name]) for name, value in counts(model).items())


def test_filters_of_other_models_are_refused() -> None:
    learner, filter = DirichletLearner(Learned()), ExactFilter(Learned())
    with pytest.raises(ValueError, match="learner's model"):
        learner.experience(Experience(filter, None, {}, filter.initial()))
    with pytest.raises(ValueError, match="a filter of tables"):
        DirichletLearner(Learned()).check(FactorizedFilter(Learned()))
    with pytest.raises(ValueError, match="CategoricalTable"):
        DirichletLearner(TMaze())
    with pytest.raises(ValueError, match="at least 1"):
        EachEpisode(0)


def maze() -> POMDP:
    """The T-maze, its contexts counted."""
    arrays = TMaze().to_arrays()
    return POMDP(
        arrays.A,
        arrays.B,
        arrays.C,
        [CategoricalTable(torch.ones(2)), arrays.D[1]],
        A_dependencies=arrays.A_dependencies,
        B_dependencies=arrays.B_dependencies,
        B_action_dependencies=arrays.B_action_dependencies,
        state_names=arrays.state_names,
        observation_names=arrays.observation_names,
    )


def test_an_agent_learns_as_it_lives_and_is_kept_with_its_counts(tmp_path: Path) -> None:
    pyro.set_rng_seed(0)
    model = maze()
    agent = Agent(model, planner=OpenLoop(2), learner=DirichletLearner(model))
    rollout(agent, World(), episodes=3, progress=False)
    assert_close(model.D0.counts.sum(), 5.0, 1e-10)
    agent.save(tmp_path / "agent.pt")
    again = maze()
    found = Agent.load(tmp_path / "agent.pt", again)
    assert_close(again.D0.counts, model.D0.counts, 0.0)
    assert isinstance(found.learner, DirichletLearner)
    assert found.learner.updates == 3


def test_members_of_a_vector_are_counted_until_their_episode_ends() -> None:
    pyro.set_rng_seed(0)
    model = maze()
    agent = Agent(model, planner=OpenLoop(2), learner=DirichletLearner(model))
    worlds = gym.vector.SyncVectorEnv([lambda: World(moves=1), lambda: World(moves=3)])
    rollout(agent, worlds, episodes=2, progress=False)
    assert_close(model.D0.counts.sum(), 4.0, 1e-10)


class Moody(GenerativeModel):
    """What is preferred is counted for each time of the day."""

    def __init__(self) -> None:
        super().__init__()
        self.wish = CategoricalTable(torch.ones(3, 2))

    def initial(self) -> Tensor:
        return pyro.sample("mood", dist.Categorical(torch.ones(2) / 2))

    def transition(self, state: Tensor, action: None) -> Tensor:
        return pyro.sample("mood", dist.Categorical(torch.ones(2) / 2))

    def observe(self, state: Tensor) -> None:
        pyro.sample("face", dist.Categorical(torch.eye(2)[state]))

    def prefer(self, step: int) -> None:
        pyro.sample("face", self.wish(min(step, 2)))


@pytest.mark.parametrize("occasion", [EachStep(), EachEpisode()])
def test_preferences_are_counted_at_their_time(occasion: EachStep | EachEpisode) -> None:
    model = Moody()
    filter, learner = ExactFilter(model), DirichletLearner(model, occasion)
    belief = filter.initial()
    for t, face in enumerate([0, 1, 1, 0]):
        belief = filter.predict(belief) if t else belief
        belief = filter.update(belief, {"face": face})
        learner.experience(Experience(filter, None, {"face": face}, belief))
    learner.finish()
    assert_close(model.wish.counts, [[1.0, 1.0], [1.0, 2.0], [2.0, 2.0]], 1e-12)
