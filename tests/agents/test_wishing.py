"""What the level above wishes at real sites, against expected free energy written out by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import product
from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import GenerativeModel, HierarchicalAgent
from pyro_activeinf.agents import Level
from pyro_activeinf.compile import Wishes
from pyro_activeinf.filters import Bank, GaussianFilter, HiddenMarkovFilter, ParticleFilter
from pyro_activeinf.planning import CrossEntropy, ModelHabit, OpenLoop, Planner, Variational

PUSHES = torch.tensor([-0.5, 0.0, 0.8], dtype=torch.float64)
DRIFT, NOISE, BLUR = 0.9, 0.3, 0.4  # of the level below: slope, and two standard deviations
SHOW, WIDE, SIGN = 0.7, 0.6, 0.5  # of the level above
GOALS, WIDTHS = np.array([-1.5, 1.0]), np.array([0.5, 0.3])
TELLS = np.array([[0.7, 0.3], [0.2, 0.8]])
HABITS = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


class Slide(GenerativeModel):
    """A place on a line that is pushed, and seen with noise."""

    actions: Any = gym.spaces.Discrete(3)

    def initial(self) -> Tensor:
        return pyro.sample("x", dist.Normal(number(0.2), 1.0))

    def transition(self, x: Tensor, action: Tensor) -> Tensor:
        return pyro.sample("x", dist.Normal(DRIFT * x + PUSHES[action], NOISE))

    def observe(self, x: Tensor) -> None:
        pyro.sample("o", dist.Normal(2.0 * x, BLUR))

    def prefer(self) -> None:
        pyro.sample("o", dist.Normal(number(5.0), 0.1))

    def habit(self) -> None:
        pyro.sample("action", dist.Categorical(torch.ones(3, dtype=torch.float64) / 3))


class Pushed(Slide):
    """The same, by real pushes."""

    actions = gym.spaces.Box(-2.0, 2.0, (1,))

    def transition(self, x: Tensor, action: Tensor) -> Tensor:
        return pyro.sample("x", dist.Normal(DRIFT * x + action[..., 0], NOISE))

    def habit(self) -> None:
        pyro.sample("action", dist.Normal(torch.zeros(1, dtype=torch.float64), 1.0).to_event(1))


class Aim(GenerativeModel):
    """A real aim: where the walk begins, where it is to be, and a sign of it."""

    actions = None

    def initial(self) -> Tensor:
        return pyro.sample("aim", dist.Normal(number(0.5), 1.2))

    def transition(self, aim: Tensor, action: None) -> Tensor:
        return pyro.sample("aim", dist.Normal(aim, 0.2))

    def observe(self, aim: Tensor) -> None:
        pyro.sample("x", dist.Normal(0.0 * aim + 0.2, 1.0))
        pyro.sample("o", dist.Normal(SHOW * aim - 0.1, WIDE))
        pyro.sample("action", dist.Normal((0.3 * aim)[..., None], 0.7).to_event(1))
        pyro.sample("sign", dist.Normal(aim, SIGN))


class Plan(Aim):
    """One of two goals."""

    def initial(self) -> Tensor:
        return pyro.sample("goal", dist.Categorical(torch.full((2,), 0.5, dtype=torch.float64)))

    def transition(self, goal: Tensor, action: None) -> Tensor:
        eye = torch.eye(2, dtype=torch.float64)
        return pyro.sample("goal", dist.Categorical(eye[goal]))

    def observe(self, goal: Tensor) -> None:
        still = torch.zeros(2, dtype=torch.float64)[goal]
        pyro.sample("x", dist.Normal(still + 0.2, 1.0))
        means, widths = torch.from_numpy(GOALS)[goal], torch.from_numpy(WIDTHS)[goal]
        pyro.sample("o", dist.Normal(means, widths))
        pyro.sample("action", dist.Categorical(torch.from_numpy(HABITS)[goal]))
        pyro.sample("sign", dist.Categorical(torch.from_numpy(TELLS)[goal]))


def written_out(
    mean: float, var: float, log_wish: Callable[[np.ndarray], np.ndarray]
) -> dict[tuple[int, int], float]:
    """G of every policy of two pushes, on a fine grid of what is seen."""
    found = {}
    for policy in product(range(3), repeat=2):
        m, v, total = mean, var, 0.0
        for action in policy:
            m, v = DRIFT * m + float(PUSHES[action]), DRIFT**2 * v + NOISE**2
            spread = 4.0 * v + BLUR**2
            o = np.linspace(-9.0, 9.0, 20_001) * spread**0.5 + 2.0 * m
            weights = np.exp(-0.5 * (o - 2.0 * m) ** 2 / spread)
            total -= float((weights * log_wish(o)).sum() / weights.sum())
            total -= 0.5 * np.log(spread / BLUR**2)
        found[policy] = total
    return found


def normal(x: np.ndarray, mean: float, std: float) -> np.ndarray:
    return -0.5 * ((x - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi)


def below(agent: HierarchicalAgent) -> tuple[float, float]:
    found = agent.belief.marginals["level1/x"]  # type: ignore[union-attr]
    return float(found.mean), float(found.variance)


def of_levels(lower: Any, upper: Any, filter: Any = None, above: Any = None) -> HierarchicalAgent:
    low = Level(lower, OpenLoop(2, precision=1.0), filter, steps_per_update=5)
    return HierarchicalAgent([low, Level(upper, filter=above)])


class Shrugging(Aim):
    """An aim that says nothing of what is usually done."""

    def observe(self, aim: Tensor) -> None:
        pyro.sample("x", dist.Normal(0.0 * aim + 0.2, 1.0))
        pyro.sample("o", dist.Normal(SHOW * aim - 0.1, WIDE))
        pyro.sample("sign", dist.Normal(aim, SIGN))


def test_a_gaussian_that_is_predicted_becomes_the_preference_below() -> None:
    agent = of_levels(Slide(), Shrugging())
    assert isinstance(agent.tower.floors[0].filter, GaussianFilter)
    agent.perceive({"level1/o": number(0.4), "sign": number(1.7)})
    gain = 1.2**2 / (1.2**2 + SIGN**2)
    aim, doubt = 0.5 + gain * (1.7 - 0.5), (1 - gain) * 1.2**2
    width = (SHOW**2 * doubt + WIDE**2) ** 0.5
    exact = written_out(*below(agent), lambda o: normal(o, SHOW * aim - 0.1, width))
    found = agent.plan()
    for policy, value in zip(found.policies.tolist(), found.expected_free_energy, strict=True):
        assert float(value) == pytest.approx(exact[tuple(policy)], abs=1e-8)


def mixed(weights: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    def log_wish(o: np.ndarray) -> np.ndarray:
        each = [normal(o, *part) for part in zip(GOALS, WIDTHS, strict=True)]
        return np.logaddexp(*(np.log(w) + e for w, e in zip(weights, each, strict=True)))

    return log_wish


def test_goals_of_states_above_become_a_mixture_that_is_preferred_member_by_member() -> None:
    agent = of_levels(Slide(), Plan())
    agent.reset((2,))
    agent.perceive({"level1/o": torch.tensor([0.4, -0.3]).double(), "sign": torch.tensor([0, 1])})
    found = agent.plan()
    beliefs = agent.belief.marginals["level1/x"]  # type: ignore[union-attr]
    for b, sign in enumerate((0, 1)):
        goals = TELLS[:, sign] / TELLS[:, sign].sum()
        exact = written_out(float(beliefs.mean[b]), float(beliefs.variance[b]), mixed(goals))
        G = found.expected_free_energy[b]
        for policy, value in zip(found.policies.tolist(), G, strict=True):
            assert float(value) == pytest.approx(exact[tuple(policy)], abs=1e-4)
        usual = (goals @ HABITS)[found.policies.numpy()].prod(-1)
        weights = usual * np.exp(-G.numpy())
        np.testing.assert_allclose(found.probs[b], weights / weights.sum(), atol=1e-8)


class Decided(Plan):
    """Has its goal."""

    def initial(self) -> Tensor:
        chances = torch.tensor([0.0, 1.0], dtype=torch.float64)
        return pyro.sample("goal", dist.Categorical(chances))


def test_a_goal_that_is_certain_is_preferred_in_closed_form() -> None:
    agent = of_levels(Slide(), Decided())
    agent.perceive({})
    found = agent.plan()
    exact = written_out(0.2, 1.0, lambda o: normal(o, GOALS[1], WIDTHS[1]))
    for policy, value in zip(found.policies.tolist(), found.expected_free_energy, strict=True):
        assert float(value) == pytest.approx(exact[tuple(policy)], abs=1e-8)


class Kinds(Slide):
    """Of two kinds, which are pushed to either side."""

    def initial(self) -> Any:
        kind = pyro.sample("kind", dist.Categorical(torch.full((2,), 0.5, dtype=torch.float64)))
        return kind, super().initial()

    def transition(self, state: Any, action: Tensor) -> Any:
        kind, x = state
        eye = torch.eye(2, dtype=torch.float64)
        kind = pyro.sample("kind", dist.Categorical(eye[kind]))
        side = 1.0 - 2.0 * kind
        return kind, pyro.sample("x", dist.Normal(DRIFT * x + side * PUSHES[action], NOISE))

    def observe(self, state: Any) -> None:
        super().observe(state[1])


class Sorted(Plan):
    """Tells the kind as well."""

    def observe(self, goal: Tensor) -> None:
        pyro.sample("kind", dist.Categorical(torch.from_numpy(TELLS)[goal]))
        super().observe(goal)


@pytest.mark.parametrize("make", [GaussianFilter, ParticleFilter])
def test_members_of_a_bank_take_the_wish(make: Any) -> None:
    pyro.set_rng_seed(0)
    filter = Bank(Kinds(), make=make)
    agent = of_levels(Kinds(), Sorted(), filter)
    agent.perceive({"sign": 1})
    found, goals = agent.plan(), TELLS[:, 1] / TELLS[:, 1].sum()
    each = written_out(0.2, 1.0, mixed(goals))
    turned = _turned(goals)
    kinds = goals @ TELLS
    for policy, value in zip(found.policies.tolist(), found.expected_free_energy, strict=True):
        exact = kinds[0] * each[tuple(policy)] + kinds[1] * turned[tuple(policy)]
        assert float(value) == pytest.approx(exact, abs=1e-4 if make is GaussianFilter else 1.0)
    assert abs(found.expected_free_energy[0] - found.expected_free_energy[-1]) > 1.0


def _turned(goals: np.ndarray) -> dict[tuple[int, int], float]:
    PUSHES.neg_()
    found = written_out(0.2, 1.0, mixed(goals))
    PUSHES.neg_()
    return found


@pytest.mark.parametrize("kind", [GaussianFilter, ParticleFilter])
def test_habits_of_real_actions_are_set_from_above(kind: Any) -> None:
    pyro.set_rng_seed(0)
    model, asked = Pushed(), Asked()
    low = Level(model, asked, kind(model), steps_per_update=5)
    agent = HierarchicalAgent([low, Pushing()])
    agent.reset((2,))
    agent.perceive({"sign": torch.tensor([0, 1])})
    agent.plan()
    each = zip(sorted(asked.found, key=lambda row: -row[1]), (0, 1), strict=True)
    for found, sign in each:
        log_usual = mixed(TELLS[:, sign] / TELLS[:, sign].sum())
        np.testing.assert_allclose(found, log_usual(np.array(TRIED)).sum(-1), atol=1e-10)


TRIED = [(0.0, 0.0), (-0.5, -1.0), (1.5, 0.2)]


class Asked(Planner):
    """A planner that asks for the habit, before it plans."""

    def __init__(self) -> None:
        self.planner = CrossEntropy(1, samples=4, elites=2, iterations=1)
        self.found: list[list[float]] = []

    def __call__(self, filter: Any, belief: Any) -> Any:
        policies = torch.tensor(TRIED, dtype=torch.float64)[..., None]
        self.found.append(ModelHabit().log_prob(filter, belief, policies).tolist())
        return self.planner(filter, belief)


class Pushing(Plan):
    """Says how it is usually pushed."""

    def observe(self, goal: Tensor) -> None:
        still = torch.zeros(2, dtype=torch.float64)[goal]
        pyro.sample("x", dist.Normal(still + 0.2, 1.0))
        means, widths = torch.from_numpy(GOALS)[goal], torch.from_numpy(WIDTHS)[goal]
        usual = dist.Normal(means[..., None], widths[..., None])
        pyro.sample("action", usual.to_event(1))
        pyro.sample("sign", dist.Categorical(torch.from_numpy(TELLS)[goal]))


def test_real_actions_follow_the_aim_above() -> None:
    """By the linear-quadratic regulator of one step, with the aim as its goal."""
    pyro.set_rng_seed(0)
    low = Level(Pushed(), Variational(1, steps=300), steps_per_update=5)
    agent = HierarchicalAgent([low, Aim()])
    agent.perceive({"level1/o": number(0.4), "sign": number(1.7)})
    (mean, _), gain = below(agent), 1.2**2 / (1.2**2 + SIGN**2)
    aim, doubt = 0.5 + gain * 1.2, (1 - gain) * 1.2**2
    goal, W = SHOW * aim - 0.1, SHOW**2 * doubt + WIDE**2
    usual, R = 0.3 * aim, 0.09 * doubt + 0.49
    best = (2.0 * (goal - 2.0 * DRIFT * mean) / W + usual / R) / (4.0 / W + 1.0 / R)
    assert float(agent.plan().first_actions[0, 0]) == pytest.approx(best, abs=1e-3)


def test_by_default_real_actions_are_sought_from_several_starts() -> None:
    """A goal on either side: the better one is found from wherever it is looked for."""
    pyro.set_rng_seed(0)
    agent = HierarchicalAgent([Level(Pushed(), steps_per_update=5), Pointing()])
    agent.reset((2,))
    agent.perceive({"o": number(0.0).expand(2), "sign": torch.tensor([0, 1])})
    found = agent.plan().first_actions[:, 0, 0].tolist()
    beliefs, pushes = agent.belief.marginals["level1/x"], np.linspace(-2.0, 2.0, 401)  # type: ignore[union-attr]
    for b, sign in enumerate((0, 1)):
        mean, var = float(beliefs.mean[b]), float(beliefs.variance[b])
        width = (4.0 * (DRIFT**2 * var + NOISE**2) + BLUR**2) ** 0.5
        centers = 2.0 * (DRIFT * mean + pushes)
        z = np.linspace(-6.0, 6.0, 1201)
        worth = mixed(TELLS[:, sign] / TELLS[:, sign].sum())(centers[:, None] + width * z)
        best = (worth * np.exp(-0.5 * z**2)).sum(-1).argmax()
        assert found[b] == pytest.approx(pushes[best], abs=0.05)


class Pointing(Plan):
    """Says nothing of how one is pushed."""

    def observe(self, goal: Tensor) -> None:
        still = torch.zeros(2, dtype=torch.float64)[goal]
        pyro.sample("x", dist.Normal(still + 0.2, 1.0))
        pyro.sample("o", dist.Normal(torch.from_numpy(GOALS)[goal], torch.from_numpy(WIDTHS)[goal]))
        pyro.sample("sign", dist.Categorical(torch.from_numpy(TELLS)[goal]))


class Room(GenerativeModel):
    """Two places of which a thermometer tells; it is to show what the level above says."""

    actions = gym.spaces.Discrete(2)

    def initial(self) -> Tensor:
        return pyro.sample("place", dist.Categorical(torch.full((2,), 0.5, dtype=torch.float64)))

    def transition(self, place: Tensor, action: Tensor) -> Tensor:
        eye = 0.8 * torch.eye(2, dtype=torch.float64) + 0.1
        return pyro.sample("place", dist.Categorical(eye[action]))

    def observe(self, place: Tensor) -> None:
        pyro.sample("o", dist.Normal(2.0 * place - 1.0, BLUR))

    def prefer(self) -> None:
        pyro.sample("o", dist.Normal(number(5.0), 0.1))


class Outside(Plan):
    """Begins a room."""

    def observe(self, goal: Tensor) -> None:
        pyro.sample("place", dist.Categorical(torch.full((2,), 0.5, dtype=torch.float64)))
        pyro.sample("o", dist.Normal(torch.from_numpy(GOALS)[goal], torch.from_numpy(WIDTHS)[goal]))
        pyro.sample("sign", dist.Categorical(torch.from_numpy(TELLS)[goal]))


@pytest.mark.parametrize("kind", [HiddenMarkovFilter, ParticleFilter])
def test_filters_of_drawn_outcomes_ask_the_mixture_itself(kind: Any) -> None:
    pyro.set_rng_seed(0)
    model = Room()
    many = {"num_draws": 4000} if kind is HiddenMarkovFilter else {"num_particles": 4000}
    low = Level(model, OpenLoop(1), kind(model, **many), steps_per_update=5)
    agent = HierarchicalAgent([low, Outside()])
    agent.perceive({"sign": 0})
    found, log_wish = agent.plan().terms.pragmatic, mixed(TELLS[:, 0] / TELLS[:, 0].sum())
    o = np.linspace(-6.0, 6.0, 4001)
    density = [np.exp(normal(o, place, BLUR)) * (o[1] - o[0]) for place in (-1.0, 1.0)]
    for action, chances in enumerate(([0.9, 0.1], [0.1, 0.9])):
        seen = chances[0] * density[0] + chances[1] * density[1]
        exact = float((seen * log_wish(o)).sum())
        assert float(found[action]) == pytest.approx(exact, abs=0.15)


def test_particles_above_wish_by_a_gaussian_each() -> None:
    pyro.set_rng_seed(0)
    upper = Shrugging()
    agent = of_levels(Slide(), upper, above=ParticleFilter(upper, num_particles=40))
    swarm: Any = agent.perceive({"level1/o": number(0.4), "sign": number(1.7)}).levels[1]
    aims, weights = swarm.states["aim"].numpy(), swarm.log_weights.numpy()

    def log_wish(o: np.ndarray) -> np.ndarray:
        each = normal(o[:, None], SHOW * aims - 0.1, WIDE) + weights
        return np.logaddexp.reduce(each, -1)

    found, exact = agent.plan(), written_out(*below(agent), log_wish)
    for policy, value in zip(found.policies.tolist(), found.expected_free_energy, strict=True):
        assert float(value) == pytest.approx(exact[tuple(policy)], abs=1e-8)


class Two(Slide):
    """Two numbers that are seen."""

    def observe(self, x: Tensor) -> None:
        pyro.sample("o", dist.Normal(torch.stack([2.0 * x, x], -1), BLUR).to_event(1))

    def prefer(self) -> None:
        pyro.sample("o", dist.Normal(torch.zeros(2, dtype=torch.float64), 1.0).to_event(1))


class Sure(Plan):
    """Knows what is to be seen."""

    def observe(self, goal: Tensor) -> None:
        means = torch.from_numpy(GOALS)[goal]
        pyro.sample("x", dist.Normal(means, 1.0))
        pyro.sample("o", dist.Delta(means))


class Late(Slide):
    """Prefers something from the second step on only."""

    def prefer(self, step: int) -> None:  # type: ignore[override]
        if step:
            super().prefer()


REFUSED: list[tuple[Any, Any, str]] = [
    (Two, Shrugging, r"levels\[1\].*real numbers of shape \(2,\), got one of shape \(\)"),
    (Slide, Sure, r"levels\[1\].*site 'o'`: expected some spread of what is predicted"),
    (Late, Shrugging, r"levels\[0\].model`: expected a `prefer` that .* at every step"),
]


@pytest.mark.parametrize(("lower", "upper", "told"), REFUSED)
def test_wishes_that_cannot_be_carried_are_refused(lower: Any, upper: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        of_levels(lower(), upper())


class Placed(Kinds):
    """Prefers a place, which is a state."""

    def prefer(self) -> None:
        pyro.sample("x", dist.Normal(number(0.0), 1.0))


def test_states_are_not_wished_of() -> None:
    told = r"`levels\[1\]`: expected observation sites .* not its states \['x'\]"
    with pytest.raises(ValueError, match=told):
        of_levels(Placed(), Sorted())


def test_a_filter_that_takes_no_wishes_is_refused() -> None:
    bank = Bank(Kinds())
    bank.members = tuple(Mute(member) for member in bank.members)  # type: ignore[assignment, arg-type]
    with pytest.raises(ValueError, match=r"`levels\[0\].filter`: expected a filter that takes"):
        of_levels(Kinds(), Sorted(), bank)


class Mute:
    """A filter whose wishes are its own."""

    def __init__(self, filter: Any) -> None:
        self.filter = filter

    def __getattr__(self, name: str) -> Any:
        if name in ("wished", "wishing", "filter"):
            raise AttributeError(name)
        return getattr(self.filter, name)


def test_gradients_reach_real_wishes() -> None:
    class Longing(Shrugging):
        def __init__(self, goal: Tensor) -> None:
            super().__init__()
            self.goal = goal

        def observe(self, aim: Tensor) -> None:
            pyro.sample("x", dist.Normal(0.0 * aim, 1.0))
            pyro.sample("o", dist.Normal(aim + self.goal[0], self.goal[1].exp()))

    def scored(goal: Tensor) -> Tensor:
        agent = of_levels(Slide(), Longing(goal))
        agent.perceive({})
        return agent.plan().terms.total

    goal = torch.tensor([0.7, -0.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(scored, goal)


def test_a_gaussian_filter_keeps_its_own_wishes_and_is_copied_with_others() -> None:
    filter = GaussianFilter(Slide())
    wish = dist.Normal(number(1.0), 0.5)
    other = filter.wishing(Wishes({"o": wish}, {"action": number(0.0).expand(3)}))
    before, after = (each.expected_free_energy(filter.initial()).total for each in (filter, other))
    assert float(before) - float(after) > 10.0
    for same in (copy.deepcopy(other), copy.copy(other)):
        assert torch.equal(same.expected_free_energy(filter.initial()).total, after)
    assert filter.wished == other.wished == (["o"], ["action"])
