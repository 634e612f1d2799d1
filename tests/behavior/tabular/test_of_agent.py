"""Every kind of agent over joint tables: log-probabilities are those of the real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import Agent, GenerativeModel
from pyro_activeinf.behavior import ChoiceModel, Choices, FixedTables
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.filters.novelty_rules import InverseCounts
from pyro_activeinf.learning import DirichletLearner, DirichletUpdate, EachStep
from pyro_activeinf.models import POMDP, CategoricalTable, LogPreferences, Tiger, TMaze
from pyro_activeinf.planning import OpenLoop, Planner, Sophisticated
from tests.behavior.tabular.by_the_agent import by_the_agent
from tests.bridge import library_observations, pomdp
from tests.strategies import random_episode, random_model

TRIALS = 6


def parameters() -> None:
    pyro.sample("gamma", dist.Gamma(2.0, 1.0))
    pyro.sample("alpha", dist.Gamma(2.0, 1.0))


def drawn(*batch: int) -> dict[str, Tensor]:
    return {"gamma": torch.rand(batch) + 0.2, "alpha": torch.rand(batch) + 0.5}


def spread(actions: Tensor, seen: dict[str, Tensor]) -> Choices:
    """The first site as outcomes, but for the first trial; the others as cues."""
    name, *others = seen
    outcomes = torch.cat([seen[name][:, 1:], torch.full_like(seen[name][:, :1], -1)], 1)
    cue = torch.full_like(outcomes, -1)
    cue[:, 0] = seen[name][:, 0]
    cues = {name: cue, **{other: seen[other] for other in others}}
    return Choices(actions, outcomes={name: outcomes}, cues=cues)


PLANNERS: dict[str, Callable[[Tensor], Planner]] = {
    "one step": lambda gamma: OpenLoop(1, precision=gamma),
    "three steps": lambda gamma: OpenLoop(3, precision=gamma),
    "pragmatic": lambda gamma: OpenLoop(2, precision=gamma, terms={"pragmatic"}),
    "epistemic": lambda gamma: OpenLoop(2, precision=gamma, terms={"epistemic", "novelty"}),
    "closed loop": lambda gamma: Sophisticated(2, 0.7, precision=gamma, tolerance=1e-15),
    "pragmatic loop": lambda gamma: Sophisticated(2, precision=gamma, terms={"pragmatic"}),
}


def agree(build: Callable[[dict[str, Tensor]], Agent], choices: Choices) -> None:
    theta = drawn(choices.num_subjects)
    model = ChoiceModel(parameters, build)
    with torch.no_grad():  # under which a closed loop that depends on time keeps its plans
        found = model.log_likelihood(theta, choices)
        each = [
            by_the_agent(build({k: v[i] for k, v in theta.items()}), choices, i)
            for i in range(choices.num_subjects)
        ]
    torch.testing.assert_close(found, torch.stack(each), rtol=0, atol=1e-10)


@pytest.mark.parametrize("planner", PLANNERS.values(), ids=PLANNERS)
@pytest.mark.parametrize("joint", [True, False])
@pytest.mark.parametrize("steps", [None, 4])
def test_random_worlds(
    planner: Callable[[Tensor], Planner], joint: bool, steps: int | None
) -> None:
    seed = 5 if steps is None else 1
    arrays = random_model(seed, (2, 3), (3, 2), preference_steps=steps)
    model, episode = pomdp(arrays), random_episode(arrays, seed, TRIALS)

    def build(theta: dict[str, Tensor]) -> Agent:
        return Agent(
            model,
            planner=planner(theta["gamma"]),
            filter=ExactFilter(model, joint_outcomes=joint),
            action_precision=theta["alpha"],
        )

    seen = library_observations(episode.observations)
    agree(build, episode_choices(arrays, episode, seen))


def episode_choices(arrays: Any, episode: Any, seen: dict[str, Tensor]) -> Choices:
    """The episode with the actions that led through it; the last one is any."""
    kept = [f for f, n in enumerate(arrays.num_actions) if n > 1]
    flat = [0] * len(episode.actions)
    for t, action in enumerate(episode.actions):
        for f in kept:
            flat[t] = flat[t] * arrays.num_actions[f] + action[f]
    actions = torch.tensor([*flat, 0]).unsqueeze(0)
    return spread(actions, {name: value[None] for name, value in seen.items()})


@pytest.mark.parametrize("planner", [OpenLoop(2), OpenLoop(2, precision=np.inf), Sophisticated(2)])
def test_tiger_and_maze(planner: Planner) -> None:
    growls = torch.tensor([[-1, 0, 0, 1, 0, 0]])
    nothing = torch.zeros(1, TRIALS, dtype=torch.long)
    tiger = Choices(nothing.clone(), outcomes={"growl": growls.roll(-1, 1), "outcome": nothing})

    def listener(theta: dict[str, Tensor]) -> Agent:
        model = Tiger(reward_scale=theta["gamma"] / 10)
        return Agent(model, planner=planner, action_precision=theta["alpha"])

    agree(listener, tiger)

    def seeker(theta: dict[str, Tensor]) -> Agent:
        return Agent(TMaze(), planner=planner, action_precision=theta["alpha"])

    position = torch.tensor([[3, 1, 1], [4, 2, 2]])
    reward = torch.tensor([[0, 1, 1], [0, 1, 1]])
    first = torch.tensor([[0, -1, -1], [0, -1, -1]])
    maze = Choices(
        torch.tensor([[3, 1, 0], [3, 2, 2]]),
        outcomes={"position": position, "reward": reward},
        cues={"position": first},
    )
    agree(seeker, maze)


class Linked(GenerativeModel):
    """A second outcome depends on the first; two controls; all that can be is counted."""

    actions = gym.spaces.MultiDiscrete([2, 3])

    def __init__(self, sure: Tensor) -> None:
        super().__init__()
        self.first = CategoricalTable(sure * torch.tensor([[3.0, 1.0], [1.0, 2.0]]))
        self.second = CategoricalTable(torch.rand(2, 2, 3, generator=_seeded()) + sure)
        self.move = CategoricalTable(torch.rand(2, 3, 2, generator=_seeded()) + sure)
        self.habits = CategoricalTable(torch.tensor([1.0, 2.0, 3.0]))

    def initial(self) -> Tensor:
        return pyro.sample("s", dist.Categorical(torch.tensor([0.4, 0.6])))

    def transition(self, state: Tensor, action: Tensor) -> Tensor:
        kept = self.move(state, action[..., 1]).probs
        moved = torch.where((action[..., 0] == 1)[..., None], kept.flip(-1), kept)
        return pyro.sample("s", dist.Categorical(moved))

    def observe(self, state: Tensor) -> None:
        first = pyro.sample("first", self.first(state))
        pyro.sample("second", self.second(state, first))

    def prefer(self) -> None:
        pyro.sample("second", LogPreferences(torch.tensor([0.0, 0.5, 1.0])))

    def habit(self) -> None:
        pyro.sample("action_1", self.habits())


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def linked_choices() -> Choices:
    return Choices(
        torch.randint(0, 6, (2, 8)),
        outcomes={"first": torch.randint(-1, 2, (2, 8))},
        cues={"second": torch.randint(-1, 3, (2, 8)), "first": torch.randint(-1, 2, (2, 8))},
        starts=torch.tensor([[True, *[False] * 7], [True, *[False] * 3, True, *[False] * 3]]),
    )


@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize("planner", [OpenLoop(2), Sophisticated(2, tolerance=1e-15)])
def test_linked_sites_and_several_controls(learns: bool, planner: Planner) -> None:
    def build(theta: dict[str, Tensor]) -> Agent:
        model = Linked(theta["gamma"])
        learner = None
        if learns:
            rule = DirichletUpdate(rate=theta["gamma"], forgetting=0.1, cap=9.0)
            learner = DirichletLearner(model, EachStep(), rule, tables=[model.first, model.second])
        return Agent(
            model,
            planner=planner,
            filter=ExactFilter(model, novelty=InverseCounts()),
            action_precision=theta["alpha"],
            learner=learner,
        )

    agree(build, linked_choices())


def test_a_given_set_of_policies_and_a_habit_over_it() -> None:
    policies = torch.tensor([[1, 0, 1], [0, 0, 1], [1, 0, 1], [1, 1, 1]])

    def build(theta: dict[str, Tensor]) -> Agent:
        flip = torch.stack([torch.eye(2), torch.eye(2).flip(0)], -1)
        look = torch.tensor([[0.8, 0.3], [0.2, 0.7]])
        habit = torch.tensor([0.1, 0.2, 0.3, 0.4])
        model = POMDP(A=[look], B=[flip], C=[theta["gamma"] * torch.arange(2.0)], E=habit)
        planner = OpenLoop(3, policies, precision=theta["gamma"])
        return Agent(model, planner=planner, action_precision=theta["alpha"])

    choices = Choices(torch.ones(2, 5, dtype=torch.long), {"o0": torch.randint(0, 2, (2, 5))})
    agree(build, choices)


def test_the_impossible_has_no_probability_and_no_nan() -> None:
    def build(theta: dict[str, Tensor]) -> Agent:
        look = torch.eye(2) * 1.0
        still = torch.eye(2).unsqueeze(-1).expand(2, 2, 2)
        wish = theta["gamma"] * torch.arange(2.0)
        model = POMDP(A=[look], B=[still], C=[wish])
        return Agent(model, planner=OpenLoop(1), action_precision=theta["alpha"])

    starts = torch.tensor([[True, False, False, False, True]])
    seen = torch.tensor([[0, 1, 0, 0, 0]])
    choices = Choices(torch.zeros(1, 5, dtype=torch.long), cues={"o0": seen}, starts=starts)
    theta = {name: value.requires_grad_() for name, value in drawn(1).items()}
    found = ChoiceModel(parameters, build).log_likelihood(theta, choices)
    assert found.isneginf().tolist() == [[False, True, True, True, False]]
    grads = torch.autograd.grad(found.exp().sum(), list(theta.values()), allow_unused=True)
    assert all(g is None or bool(g.isfinite().all()) for g in grads)


def test_unknown_sites_are_named() -> None:
    choices = Choices(torch.zeros(1, 2, dtype=torch.long), {"smell": torch.zeros(1, 2).long()})
    model = ChoiceModel(parameters, lambda theta: Agent(TMaze(), planner=OpenLoop(1)))
    with pytest.raises(ValueError, match="smell"):
        model.log_likelihood(drawn(1), choices)


def test_such_agents_have_a_common_form() -> None:
    model = ChoiceModel(parameters, lambda theta: Agent(TMaze(), planner=OpenLoop(1)))
    assert isinstance(model.chooser(drawn(2)), FixedTables)


class Deadline(GenerativeModel):
    """A coin, of which one side is preferred more and more."""

    actions = gym.spaces.Discrete(2)

    def initial(self) -> Tensor:
        return pyro.sample("side", dist.Categorical(torch.tensor([0.5, 0.5])))

    def transition(self, side: Tensor, action: Tensor) -> Tensor:
        kept = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
        return pyro.sample("side", dist.Categorical(kept[(side + action) % 2]))

    def observe(self, side: Tensor) -> None:
        pyro.sample("seen", dist.Categorical(torch.eye(2)[side]))

    def prefer(self, step: int) -> None:
        pyro.sample("seen", LogPreferences(torch.tensor([0.0, 0.1 * step])))


def flipper(theta: dict[str, Tensor]) -> Agent:
    planner = OpenLoop(2, precision=theta["gamma"])
    return Agent(Deadline(), planner=planner, action_precision=theta["alpha"])


def test_preferences_that_depend_on_time() -> None:
    starts = torch.tensor([[True, False, False, True, False]])
    seen, actions = torch.tensor([[0, 1, 1, 0, -1]]), torch.tensor([[0, 1, 1, 0, 1]])
    agree(flipper, Choices(actions, {"seen": seen}, starts=starts))


def test_preferences_beyond_what_is_told_are_refused() -> None:
    long = Choices(torch.zeros(1, 300, dtype=torch.long))
    with pytest.raises(ValueError, match="prefer"):
        ChoiceModel(parameters, flipper).log_likelihood(drawn(1), long)
