"""Hierarchical agents against the one model that has all levels in it."""

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import (
    Agent,
    Belief,
    GenerativeModel,
    HierarchicalAgent,
    rollout,
    to_arviz,
)
from pyro_activeinf._recorder import Recorder
from pyro_activeinf.agents import Highest, Level
from pyro_activeinf.models import (
    POMDP,
    ReadingPage,
    ReadingSentence,
    RoomLegs,
    RoomWalk,
    TMaze,
)
from pyro_activeinf.planning import OpenLoop

from .flattened import Array, Chain, conditional_kl, joint


class Chained(GenerativeModel):
    """A level as a program: its context is a state that stays."""

    def __init__(self, chain: Chain, number: int) -> None:
        super().__init__()
        self.first, self.move, self.show = (
            torch.from_numpy(part) for part in (chain.first, chain.move, chain.show)
        )
        self.context, self.state_name = f"c{number}", f"s{number}"
        self.shown = f"c{number - 1}" if number > 1 else "o"

    def initial(self) -> tuple[Tensor, Tensor]:
        n = len(self.first)
        c = pyro.sample(self.context, dist.Categorical(torch.ones(n, dtype=torch.float64) / n))
        return c, pyro.sample(self.state_name, dist.Categorical(self.first[c]))

    def transition(self, state: tuple[Tensor, Tensor], action: None) -> tuple[Tensor, Tensor]:
        c, s = state
        c = pyro.sample(self.context, dist.Categorical(torch.eye(len(self.first)).double()[c]))
        return c, pyro.sample(self.state_name, dist.Categorical(self.move[s]))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        pyro.sample(self.shown, dist.Categorical(self.show[state[1]]))


def chains(sizes: list[int], outcomes: int, seed: int) -> list[Chain]:
    """Random levels, lowest first."""
    random = np.random.default_rng(seed)
    contexts = [*(size + 1 for size in sizes[1:]), 1]
    shown = [outcomes, *contexts[:-1]]
    return [
        Chain(*(random.dirichlet(np.full(b, 0.7), a) for a, b in ((c, n), (n, n), (n, k))))
        for c, n, k in zip(contexts, sizes, shown, strict=True)
    ]


def agent_of(levels: list[Chain], clocks: list[int]) -> HierarchicalAgent:
    models = [Chained(chain, i) for i, chain in enumerate(levels, 1)]
    lower = [Level(m, steps_per_update=k) for m, k in zip(models, clocks, strict=False)]
    return HierarchicalAgent([*lower, models[-1]])


def table(joint_probs: dict[tuple[int, ...], float], sizes: list[int]) -> Array:
    return np.array(list(joint_probs.values())).reshape(sizes)


SHAPES = [([2, 3], [2]), ([3, 2], [3]), ([2, 2, 2], [2, 2]), ([2, 3, 2], [1, 2])]


@pytest.mark.parametrize(("sizes", "clocks"), SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_beliefs_and_free_energy_are_those_of_the_flattened_model(
    sizes: list[int], clocks: list[int], seed: int
) -> None:
    levels = chains(sizes, 3, seed)
    agent = agent_of(levels, clocks)
    outcomes = np.random.default_rng(seed).integers(-1, 3, size=9).tolist()
    evidence = 1.0
    for t, outcome in enumerate(outcomes):
        belief = agent.perceive({"o": outcome})
        exact = table(joint(levels, clocks, outcomes[: t + 1]), sizes)
        total = exact.sum()
        for i in range(len(sizes)):
            marginal = exact.sum(tuple(j for j in range(len(sizes)) if j != i)) / total
            found = belief.marginals[f"level{i + 1}/s{i + 1}"].probs
            np.testing.assert_allclose(found, marginal, atol=1e-10)
        assert float(belief.free_energy) == pytest.approx(-np.log(total / evidence), abs=1e-10)
        evidence = total


@pytest.mark.parametrize(("sizes", "clocks"), SHAPES)
def test_free_energy_of_each_level_is_its_own_share(sizes: list[int], clocks: list[int]) -> None:
    levels = chains(sizes, 3, 7)
    agent = agent_of(levels, clocks)
    outcomes = [0, 2, 1, 1, 0, 2]
    for t, outcome in enumerate(outcomes):
        terms = agent.perceive({"o": outcome}).terms
        seen = [*outcomes[:t], outcome]
        new, old = (table(joint(levels, clocks, x), sizes) for x in (seen, [*outcomes[:t], -1]))
        new, old = new / new.sum(), old / old.sum()
        for i in range(len(sizes)):
            share = conditional_kl(new, old, i)
            found = terms.per_level[i + 1]
            assert float(found.complexity) == pytest.approx(share, abs=1e-10)
        marginal = new.sum(tuple(range(1, len(sizes))))
        accuracy = float(marginal @ np.log(levels[0].show[:, outcome]))
        assert float(terms.per_level[1].accuracy) == pytest.approx(accuracy, abs=1e-10)


def test_gradients_of_the_free_energy_reach_all_levels() -> None:
    levels = chains([2, 3], 3, 5)
    models = [Chained(chain, i) for i, chain in enumerate(levels, 1)]
    raw = [model.show.log().requires_grad_() for model in models]

    def total() -> Tensor:
        for model, logits in zip(models, raw, strict=True):
            model.show = logits.softmax(-1)
        agent = HierarchicalAgent([Level(models[0], steps_per_update=2), models[1]])
        return sum((agent.perceive({"o": o}).free_energy for o in (0, 2, 1)), torch.zeros(()))

    found = torch.autograd.grad(total(), raw)
    for logits, slope in zip(raw, found, strict=True):
        with torch.no_grad():
            logits[0, 0] += 1e-5
            above = total()
            logits[0, 0] -= 2e-5
            below = total()
            logits[0, 0] += 1e-5
        assert float(slope[0, 0]) == pytest.approx(float((above - below) / 2e-5), abs=1e-8)


def test_members_of_a_batch_keep_their_own_clocks() -> None:
    levels = chains([3, 2, 2], 3, 3)
    models = [Chained(chain, i) for i, chain in enumerate(levels, 1)]

    def sure(belief: Belief) -> Tensor:
        return belief.marginals["s1"].probs.amax(-1) > 0.8

    def agent() -> HierarchicalAgent:
        low = Level(models[0], steps_per_update=4, until=sure)
        return HierarchicalAgent([low, Level(models[1], steps_per_update=2), models[2]])

    outcomes = torch.from_numpy(np.random.default_rng(1).integers(3, size=(5, 12)))
    together = agent()
    together.reset((5,))
    alone = [agent() for _ in range(5)]
    for t in range(12):
        belief = together.perceive({"o": outcomes[:, t]})
        for b, single in enumerate(alone):
            expected = single.perceive({"o": outcomes[b, t]})
            for name, marginal in expected.marginals.items():
                torch.testing.assert_close(belief.marginals[name].probs[b], marginal.probs)
            torch.testing.assert_close(belief.free_energy[b], expected.free_energy)
    assert len({tuple(state.ticks.tolist()) for state in together.states}) > 1


class Place(GenerativeModel):
    """Where the reward is: told to the maze below as its context."""

    actions = None

    def initial(self) -> Tensor:
        return pyro.sample("place", dist.Categorical(torch.tensor([0.5, 0.5])))

    def transition(self, place: Tensor, action: None) -> Tensor:
        return pyro.sample("place", dist.Categorical(torch.eye(2)[place]))

    def observe(self, place: Tensor) -> None:
        pyro.sample("context", dist.Categorical(torch.eye(2)[place]))


def test_a_level_that_tells_what_is_known_anyway_changes_nothing() -> None:
    plain = Agent(TMaze(), planner=OpenLoop(2))
    both = HierarchicalAgent([Level(TMaze(), OpenLoop(2), steps_per_update=9), Place()])
    for position, reward, action in [(0, 0, 3), (3, 0, 1), (1, 2, 1)]:
        seen = {"position": position, "reward": reward}
        expected, found = plain.perceive(seen), both.perceive(seen)
        for name, marginal in expected.marginals.items():
            torch.testing.assert_close(found.marginals[f"level1/{name}"].probs, marginal.probs)
        torch.testing.assert_close(plain.plan().probs, both.plan().probs)
        plain.action = both.actions[0] = torch.tensor(action)


def test_what_one_trial_taught_is_known_in_the_next() -> None:
    pyro.set_rng_seed(0)
    agent = HierarchicalAgent([Level(TMaze(), OpenLoop(2), steps_per_update=3), Place()])
    agent.perceive({"position": 0, "reward": 0})
    assert agent.act() == 3  # to the cue
    agent.perceive({"position": 4, "reward": 0}, action=3)  # which tells the context
    agent.perceive({"position": 2, "reward": 2}, action=2)
    found = agent.perceive({"position": 0, "reward": 0}, action=0)  # the next trial
    assert found.marginals["level1/location"].probs.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert float(found.marginals["level1/context"].probs.max()) > 0.97
    assert agent.act() in (1, 2)  # no need of the cue any more


def test_an_impossible_observation_changes_nothing() -> None:
    agent = HierarchicalAgent([Level(TMaze(), OpenLoop(2), steps_per_update=3), Place()])
    agent.perceive({"position": 0, "reward": 0})
    agent.act()
    belief, states = agent.belief, agent.states
    with pytest.raises(ValueError, match="`observation`"):
        agent.perceive({"position": 1, "reward": 0}, action=3)
    assert agent.belief is belief
    assert agent.states is states


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        ([TMaze()], "`levels`: expected two levels or more"),
        ([TMaze(), TMaze()], "`levels\\[1\\]`: expected an observation site with the name"),
        ([TMaze(), TMaze], "`model`: expected a model with initial"),
    ],
)
def test_levels_that_do_not_meet_are_refused(levels: list[object], told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        HierarchicalAgent(levels)


ARMS = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], dtype=torch.float64)


class Wanting(Place):
    """Tells the bandit below where it is, what is wanted there, and what is usually done."""

    def observe(self, place: Tensor) -> None:
        pyro.sample("s0", dist.Categorical(torch.full((2,), 0.5)))
        pyro.sample("o0", dist.Categorical(torch.tensor([[0.9, 0.1], [0.1, 0.9]])[place]))
        pyro.sample("action", dist.Categorical(ARMS[place]))
        pyro.sample("sign", dist.Categorical(torch.tensor([[0.7, 0.3], [0.2, 0.8]])[place]))


def bandit(C: Tensor, E: Tensor) -> POMDP:
    torch.manual_seed(0)
    A = torch.tensor([[0.9, 0.2], [0.1, 0.8]])
    B = torch.rand(2, 2, 3).softmax(0)
    return POMDP(A=[A], B=[B], C=[C], D=[torch.full((2,), 0.5)], E=E)


def test_the_level_above_sets_preferences_and_habits() -> None:
    lower = bandit(torch.zeros(2), torch.ones(3) / 3)
    agent = HierarchicalAgent([Level(lower, OpenLoop(2), steps_per_update=5), Wanting()])
    agent.reset((3,))
    signs = torch.tensor([0, 1, 0])
    agent.perceive({"o0": torch.tensor([0, 0, 1]), "sign": signs})
    found = agent.plan()
    places = torch.tensor([[0.7, 0.2], [0.3, 0.8]])[signs]
    places = places / places.sum(-1, keepdim=True)
    for b, outcome in enumerate([0, 0, 1]):
        wanted = places[b] @ torch.tensor([[0.9, 0.1], [0.1, 0.9]])
        alone = Agent(bandit(wanted.log(), places[b] @ ARMS), planner=OpenLoop(2))
        alone.perceive({"o0": outcome})
        torch.testing.assert_close(found.probs[b], alone.plan().probs)
        torch.testing.assert_close(found.action_probs[b], alone.plan().action_probs)
        torch.testing.assert_close(found.terms.values[b], alone.plan().terms.values)


class Longing(Place):
    """Wants as some numbers say."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def observe(self, place: Tensor) -> None:
        pyro.sample("s0", dist.Categorical(torch.full((2,), 0.5, dtype=torch.float64)))
        pyro.sample("o0", dist.Categorical(logits=self.logits[place]))


def test_gradients_reach_what_the_level_above_wishes() -> None:
    lower = bandit(torch.zeros(2), torch.ones(3) / 3).double()

    def scored(logits: Tensor) -> Tensor:
        level = Level(lower, OpenLoop(2), steps_per_update=5)
        agent = HierarchicalAgent([level, Longing(logits)])
        agent.reset((2,))
        agent.perceive({"level1/o0": torch.tensor([0, 1])})
        return agent.plan().terms.total

    logits = torch.tensor([[1.0, 0.0], [-0.5, 0.3]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(scored, logits)


def test_it_lives_in_a_world_and_is_recorded() -> None:
    pyro.set_rng_seed(0)
    agent = HierarchicalAgent([Level(TMaze(), OpenLoop(2), steps_per_update=3), Place()])
    env = gym.make("pyro_activeinf/TMaze-v0")
    found = rollout(agent, env, episodes=2, progress=False)
    assert found.actions.shape == (6,)
    assert set(found.beliefs) == {"level1/context", "level1/location", "level2/place"}
    assert float(found.free_energy.total[1]) == pytest.approx(np.log(2))  # the cue tells one of two
    vector = gym.make_vec("pyro_activeinf/TMaze-v0", num_envs=3)
    batched = rollout(agent, vector, episodes=3, progress=False)
    assert batched.beliefs["level2/place"].shape == (3, 3, 2)
    data = to_arviz(found)
    assert dict(data["beliefs"].sizes)["level2.place_value"] == 2
    sites = data["free_energy"]["site"].values.tolist()
    assert sites == ["level1/position", "level1/reward"]


@pytest.mark.parametrize("envs", [0, 3])
def test_free_energy_is_recorded_level_by_level(envs: int) -> None:
    pyro.set_rng_seed(0)
    page, sentence = Level(ReadingPage(), OpenLoop(1), steps_per_update=3), ReadingSentence()
    agent = HierarchicalAgent([page, Level(sentence, OpenLoop(1))], Highest())
    name = "pyro_activeinf/Reading-v0"
    env = gym.make_vec(name, num_envs=envs) if envs else gym.make(name)
    found = rollout(agent, env, steps=7, progress=False)
    terms = found.free_energy
    assert list(terms.per_level) == [1, 2]
    assert float(terms.per_level[2].total.abs().max()) > 0.1
    summed = sum(part.total for part in terms.per_level.values())
    torch.testing.assert_close(summed, terms.total, atol=1e-5, rtol=0.0)
    last = agent.belief.terms.per_level[1].total  # type: ignore[union-attr]
    torch.testing.assert_close(terms.per_level[1].total[..., -1], last)
    levels = to_arviz(found)["free_energy"]["free_energy_per_level"]
    assert levels["level"].values.tolist() == [1, 2]
    np.testing.assert_allclose(levels.sum("level"), terms.total, atol=1e-5)
    if envs:
        one = found.member(1).free_energy.per_level[2].total
        torch.testing.assert_close(one, terms.per_level[2].total[1])


def test_a_level_that_was_not_shown_anything_has_its_share_all_the_same() -> None:
    agent = HierarchicalAgent([Level(TMaze(), OpenLoop(1), steps_per_update=5), Place()])
    recorder = Recorder(keep_policies=False)
    for seen in ({"position": 0, "reward": 0}, {}, {"position": 3}):
        belief = agent.perceive(seen, action=3 if recorder.rows else None)
        recorder.perceived(0, {}, belief)
        recorder.acted(torch.tensor(3), torch.tensor(0.0))
        recorder.rows[-1] |= {"plan": torch.zeros(4, 1), "action_probs": torch.ones(1)}
    terms = recorder.trajectory().free_energy
    summed = sum(part.total for part in terms.per_level.values())
    torch.testing.assert_close(summed, terms.total, atol=1e-6, rtol=0.0)


@pytest.mark.parametrize("wide", [0, 1])
def test_levels_of_different_precision_meet(wide: int) -> None:
    def agent(*wide: int) -> HierarchicalAgent:
        kinds = [torch.float64 if i in wide else torch.float32 for i in range(2)]
        models = [RoomWalk().to(kinds[0]), RoomLegs().to(kinds[1])]
        return HierarchicalAgent([Level(models[0], OpenLoop(1), steps_per_update=1), models[1]])

    mixed, alike = agent(wide), agent(0, 1)
    for t, position in enumerate((3, -1, 3)):
        action = {1: 3, 2: 0} if t else None
        found = [
            each.perceive({"position": position, "reward": 0}, action) for each in (mixed, alike)
        ]
        assert float(found[0].free_energy) == pytest.approx(float(found[1].free_energy), abs=1e-5)
        kinds = [belief.log_probs.dtype for belief in found[0].levels]
        assert kinds[wide] == torch.float64
        assert kinds[1 - wide] == torch.float32
        plans = [each.plan().probs.double() for each in (mixed, alike)]
        torch.testing.assert_close(*plans, atol=1e-4, rtol=0.0)


@pytest.mark.parametrize(
    ("observation", "told"),
    [
        (None, "`observation`: expected a dict with some of the sites"),
        ({"position": torch.tensor([3, 4])}, "`batch dims`: expected shapes that broadcast"),
    ],
)
def test_observations_that_do_not_fit_change_nothing(observation: object, told: str) -> None:
    agent = HierarchicalAgent([RoomWalk(), RoomLegs()])
    agent.reset((3,))
    belief = agent.perceive({"position": torch.tensor([3, 3, 3]), "reward": 0})
    with pytest.raises((TypeError, ValueError), match=told):
        agent.perceive(observation, action=torch.zeros(3, dtype=torch.long))  # type: ignore[arg-type]
    assert agent.belief is belief


def test_what_is_impossible_is_told_with_all_that_was_seen_and_when() -> None:
    agent = HierarchicalAgent([Level(TMaze(), OpenLoop(1), steps_per_update=2), Place()])
    agent.perceive({"position": 0, "reward": 0})
    agent.perceive({"position": 3}, action=3)
    before = agent.belief
    told = r"{'level1/position': 1} with probability 0 at time steps {'level 1': 0, 'level 2': 1}"
    with pytest.raises(ValueError, match=told):
        agent.perceive({"position": 1}, action=1)  # where the maze begins anew
    assert agent.belief is before
    agent.perceive({"position": 0}, action=1)
