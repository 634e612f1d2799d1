"""Counts from marginals, against those of joint states where sites are independent."""

import gymnasium as gym
import pyro
import pytest
import torch
from torch import Tensor

from pyro_activeinf import Agent, planning
from pyro_activeinf.filters import ExactFilter, FactorizedFilter, GaussianFilter
from pyro_activeinf.learning import DirichletLearner, EachEpisode, EachStep, learn_dirichlet
from pyro_activeinf.models import CategoricalTable, GenerativeModel, LinearGaussian
from tests.learning.counted import Learned
from tests.oracles import assert_close

NAMES = ("begin", "turn", "drift", "look", "word", "usual")


class Apart(GenerativeModel):
    """Two sites that move and are seen each by itself; one sees through a chain of outcomes."""

    actions = gym.spaces.MultiDiscrete([2, 3])

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        shapes = {"begin": (2,), "turn": (2, 2, 2), "drift": (3, 3, 3), "look": (3, 3)}
        shapes |= {"word": (3, 2, 2), "usual": (3,)}
        generator = torch.Generator().manual_seed(seed)
        for name, shape in shapes.items():
            counts = torch.rand(shape, generator=generator) + 0.1
            setattr(self, name, CategoricalTable(counts))

    def initial(self) -> tuple[Tensor, Tensor]:
        return pyro.sample("a", self.begin()), pyro.sample("b", self.look(torch.tensor(0)))

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        a, b = state
        after = pyro.sample("a", self.turn(a, action[..., 0]))
        return after, pyro.sample("b", self.drift(2 - b, action[..., 1]))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        a, b = state
        first = pyro.sample("first", self.look(b))
        pyro.sample("second", self.look(2 - b))
        pyro.sample("third", self.word(torch.zeros_like(first), a))

    def habit(self) -> None:
        pyro.sample("action_1", self.usual())


def episode(batch: tuple[int, ...] = ()) -> tuple[dict[str, Tensor], Tensor]:
    torch.manual_seed(1)
    seen = {"first": 3, "second": 3, "third": 2}
    values = {name: torch.randint(-1, size, (*batch, 5)) for name, size in seen.items()}
    return values, torch.stack([torch.randint(2, (*batch, 4)), torch.randint(3, (*batch, 4))], -1)


@pytest.mark.parametrize("batch", [(), (3,)])
def test_independent_sites_are_counted_as_joint_states_are(batch: tuple[int, ...]) -> None:
    whole, apart = Apart(), Apart()
    seen, done = episode(batch)
    one = learn_dirichlet(ExactFilter(whole), seen, done)
    two = learn_dirichlet(FactorizedFilter(apart), seen, done)
    assert one.counts.keys() == two.counts.keys() == set(NAMES)
    for name in NAMES:
        assert_close(two.counts[name], one.counts[name], 1e-8)
        assert_close(getattr(apart, name).counts, getattr(whole, name).counts, 1e-8)
    assert_close(two.free_energy, one.free_energy, 1e-8)


@pytest.mark.parametrize("occasion", [EachStep(), EachEpisode()])
def test_agents_with_either_filter_learn_the_same(occasion: EachStep | EachEpisode) -> None:
    seen, done = episode()
    models = [Apart(2), Apart(2)]
    for model, kind in zip(models, (ExactFilter, FactorizedFilter), strict=True):
        learner = DirichletLearner(model, occasion)
        agent = Agent(model, planner=planning.OpenLoop(1), filter=kind(model), learner=learner)
        for t in range(5):
            now = {name: int(values[t]) for name, values in seen.items()}
            agent.perceive(now, None if t == 0 else done[t - 1])
        agent.reset()
        assert learner.updates == (5 if isinstance(occasion, EachStep) else 1)
    for name in NAMES:
        assert_close(getattr(models[1], name).counts, getattr(models[0], name).counts, 1e-8)


def test_a_saved_learner_goes_on() -> None:
    models = [Apart(3), Apart(3)]
    learners = [DirichletLearner(model, EachStep()) for model in models]
    seen, done = episode()
    agents = [
        Agent(m, planner=planning.OpenLoop(1), filter=FactorizedFilter(m), learner=learner)
        for m, learner in zip(models, learners, strict=True)
    ]
    steps = [{name: int(values[t]) for name, values in seen.items()} for t in range(2)]
    agents[0].perceive(steps[0])
    agents[1].perceive(steps[0])
    learners[1].load_state_dict(learners[0].state_dict())
    for agent in agents:
        agent.perceive(steps[1], done[0])
    for name in NAMES:
        assert torch.equal(getattr(models[1], name).counts, getattr(models[0], name).counts)


def test_sites_that_depend_on_each_other_are_counted_whole() -> None:
    """As many draws as there were; how they are spread is an approximation."""
    whole, apart = Learned(4), Learned(4)
    seen = {"first": torch.tensor([0, 2, 1, 1]), "second": torch.tensor([1, 0, 0, 1])}
    done = torch.tensor([0, 1, 1])
    one = learn_dirichlet(ExactFilter(whole), seen, done)
    two = learn_dirichlet(FactorizedFilter(apart), seen, done)
    assert one.counts.keys() == two.counts.keys()
    for name, counts in one.counts.items():
        assert_close(two.counts[name].sum(), counts.sum(), 1e-8)
        assert (two.counts[name] - counts).abs().max() < 0.35


def test_agents_refuse_what_cannot_learn_at_once() -> None:
    model = Apart()
    other = LinearGaussian(torch.eye(2))
    with pytest.raises(ValueError, match="an ExactFilter or FactorizedFilter of the learner's"):
        Agent(
            other,
            planner=planning.OpenLoop(1),
            filter=GaussianFilter(other),
            learner=DirichletLearner(model),
        )
