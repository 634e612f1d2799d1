"""Tree search against the full recursion."""

import math

import gymnasium as gym
import numpy as np
import pyro
import pytest
import torch

from pyro_activeinf import Agent
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import POMDP, TMaze, from_gymnasium
from pyro_activeinf.planning import Sophisticated, TreeSearch
from pyro_activeinf.planning.search import score_weights
from pyro_activeinf.records import ExpectedFreeEnergyTerms
from tests.bridge import pomdp
from tests.planning.worlds import Tiger
from tests.strategies import random_model


@pytest.mark.parametrize(
    "options",
    [
        {"precision": math.inf},
        {"precision": 2.0, "discount": 0.9},
        {"precision": math.inf, "terms": {"pragmatic"}},
        {"precision": 1.0, "terms": {"epistemic"}},
    ],
)
def test_with_enough_simulations_it_is_the_full_recursion(options: dict[str, object]) -> None:
    for seed in range(2):
        model = random_model(seed, num_states=(2, 2), num_outcomes=(2,), preference_steps=4)
        exact = ExactFilter(pomdp(model))
        full = Sophisticated(2, **options)(exact, exact.initial())  # type: ignore[arg-type]
        search = TreeSearch(2, simulations=800, exploration=8.0, **options)  # type: ignore[arg-type]
        found = search(exact, exact.initial())
        torch.testing.assert_close(found.expected_free_energy, full.expected_free_energy)
        torch.testing.assert_close(found.terms.epistemic, full.terms.epistemic)


def test_the_result_is_sure_to_be_reached_and_rises_to_what_is_true() -> None:
    exact = ExactFilter(Tiger())
    options = {"precision": math.inf, "terms": {"pragmatic"}}
    full = Sophisticated(6, **options)(exact, exact.initial())  # type: ignore[arg-type]
    gaps = []
    for simulations in (1, 10, 300):
        search = TreeSearch(6, simulations, **options)  # type: ignore[arg-type]
        found = search(exact, exact.initial())
        assert (found.expected_free_energy >= full.expected_free_energy - 1e-9).all()
        gaps.append(float((found.expected_free_energy - full.expected_free_energy)[0]))
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] == pytest.approx(0.0, abs=1e-9)


def test_a_search_ends_where_nothing_more_can_be_found_out() -> None:
    env = gym.make("FrozenLake-v1")
    exact = ExactFilter(from_gymnasium(env))
    start = exact.update(exact.initial(), {"observation": 0, "reward": 0})
    search = TreeSearch(100, 10**9, terms={"pragmatic"})
    value = -float(search(exact, start).expected_free_energy.min())
    assert value == pytest.approx(0.744190, abs=1e-6)
    tiger = ExactFilter(Tiger())
    full = Sophisticated(8, precision=math.inf, terms={"pragmatic"})(tiger, tiger.initial())
    found = TreeSearch(8, 10**9, terms={"pragmatic"})(tiger, tiger.initial())
    torch.testing.assert_close(found.expected_free_energy, full.expected_free_energy)


def test_equal_beliefs_are_searched_once() -> None:
    exact = ExactFilter(Tiger())
    search = TreeSearch(9, simulations=5, terms={"pragmatic"})
    with torch.no_grad():
        first = search(exact, exact.initial())
        again = search(exact, exact.initial((4,)))
    assert first.report == again.report
    assert torch.equal(again.expected_free_energy, first.expected_free_energy.expand(4, 3))


def test_a_batch_is_searched_side_by_side() -> None:
    exact = ExactFilter(Tiger())
    heard = exact.update(
        exact.predict(exact.initial((3,)), 0),
        {"growl": torch.tensor([0, 1, -1]), "outcome": torch.zeros(3, dtype=torch.long)},
    )
    together = TreeSearch(6, 10**4, terms={"pragmatic"})(exact, heard)
    for i in range(3):
        alone = TreeSearch(6, 10**4, terms={"pragmatic"})(exact, heard.take(torch.tensor([i])))
        torch.testing.assert_close(together.expected_free_energy[[i]], alone.expected_free_energy)


def test_later_calls_build_on_earlier_ones() -> None:
    exact = ExactFilter(Tiger())
    search = TreeSearch(5, simulations=100, terms={"pragmatic"})
    first = search(exact, exact.initial((3, 2)))
    again = search(exact, exact.initial())
    assert first.action_probs.shape == (3, 2, 3)
    assert first.report is not None
    assert again.report is not None
    assert again.report.expanded - first.report.expanded <= 2


def test_a_seed_fixes_the_search() -> None:
    model = random_model(7, num_states=(3, 2), num_outcomes=(3,), zeros=False)
    exact = ExactFilter(pomdp(model))
    found = []
    for seed in (1, 1, 2):
        pyro.set_rng_seed(seed)
        found.append(TreeSearch(6, simulations=30)(exact, exact.initial()).expected_free_energy)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_the_habit_guides_the_search() -> None:
    same = np.stack([np.eye(2)] * 3, -1)
    habit = np.array([0.001, 0.001, 0.998])
    model = POMDP([np.array([[0.6, 0.4], [0.4, 0.6]])], [same], E=habit)
    exact = ExactFilter(model)
    search = TreeSearch(4, simulations=40, precision=1.0)
    assert int(search(exact, exact.initial()).action_probs.argmax()) == 2
    assert search._kept is not None
    root = search._kept._visits[0, 0, 4]
    assert root.counts[2] > 30


def test_it_stops_when_time_is_up() -> None:
    exact = ExactFilter(TMaze())
    start = exact.update(exact.initial(), {"position": 0, "reward": 0})
    posterior = TreeSearch(3, simulations=10**9, seconds=0.05)(exact, start)
    assert posterior.action_probs.sum() == 1.0


def test_an_agent_finds_its_way_over_the_ice() -> None:
    env = gym.make("FrozenLake-v1", is_slippery=False)
    planner = TreeSearch(20, simulations=60, discount=0.95, terms={"pragmatic"})
    agent = Agent(from_gymnasium(env), planner=planner, action_precision=math.inf)
    seen, _ = env.reset(seed=0)
    for _ in range(6):
        agent.perceive({"observation": seen})
        seen, reward, over, _, _ = env.step(int(agent.act()))
    assert over
    assert reward == 1.0


def test_score_weights_are_those_of_the_record() -> None:
    terms = ExpectedFreeEnergyTerms(torch.randn(5, 4, 3), ("a", "b"))
    for chosen in ({"pragmatic"}, {"epistemic", "novelty"}, {"pragmatic", "epistemic", "novelty"}):
        columns, signs = score_weights(frozenset(chosen), 3)
        found = terms.values.flatten(1)[:, columns] @ torch.from_numpy(signs)
        torch.testing.assert_close(found, terms.select(frozenset(chosen)))


@pytest.mark.parametrize(
    "arguments",
    [
        {"horizon": 0},
        {"horizon": 2, "simulations": 0},
        {"horizon": 2, "seconds": -1.0},
        {"horizon": 2, "exploration": math.nan},
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"`{list(arguments)[-1]}`"):
        TreeSearch(**arguments)  # type: ignore[arg-type]


def test_too_many_beliefs_are_refused() -> None:
    exact = ExactFilter(TMaze())
    with pytest.raises(ValueError, match="distinct beliefs"):
        TreeSearch(3, max_beliefs=4)(exact, exact.initial())


@pytest.mark.parametrize("threshold", [0.6, 1.0])
def test_actions_whose_outcomes_are_all_cut_end_there(threshold: float) -> None:
    exact = ExactFilter(TMaze())
    search = TreeSearch(3, simulations=20, threshold=threshold)
    found = search(exact, exact.initial())
    assert found.expected_free_energy.isfinite().all()
    assert found.report is not None
    assert found.report.cut > 0
