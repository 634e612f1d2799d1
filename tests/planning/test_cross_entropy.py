"""Cross-entropy search: finds the optimum of a convex problem, within bounds, for a whole batch."""

import gymnasium as gym
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.free_energy.policies import score_policies
from pyro_activeinf.models import LinearGaussian, TMaze
from pyro_activeinf.planning import CrossEntropy
from tests.planning.regulator import LinearFilter, best_plan


class Lazy(LinearGaussian):
    """With a habit of small actions, of variance 1/4."""

    def habit(self) -> None:
        pyro.sample("action", dist.Normal(torch.zeros(1), 0.5).to_event(1))


def cart(bound: float = 20.0, kind: type[LinearGaussian] = LinearGaussian) -> LinearGaussian:
    """A mass that is pushed, with the preference that it stands still at 1."""
    return kind(
        torch.tensor([[1.0, 0.5], [0.0, 0.9]]),
        B=torch.tensor([[0.0], [0.5]]),
        Q=0.01 * torch.eye(2),
        R=0.1 * torch.eye(2),
        mean=torch.tensor([-1.0, 0.0]),
        cov=0.1 * torch.eye(2),
        goal=torch.tensor([1.0, 0.0]),
        goal_cov=torch.diag(torch.tensor([0.1, 0.5])),
        bound=bound,
    )


def no_cost() -> Tensor:
    return torch.zeros(1, 1)


def test_scores_are_those_of_its_policies() -> None:
    filter = LinearFilter(cart())
    posterior = CrossEntropy(3, samples=20, elites=5)(filter, filter.initial())
    terms = score_policies(filter, filter.initial(), posterior.policies)
    torch.testing.assert_close(posterior.expected_free_energy, terms.total.sum(-1))
    torch.testing.assert_close(posterior.probs, (-terms.total.sum(-1)).softmax(-1))
    assert (posterior.expected_free_energy.diff() >= 0).all()  # the best one first


@pytest.mark.parametrize("precision", [1.0, float("inf")])
def test_finds_the_least_squares_solution(precision: float) -> None:
    model = cart()
    filter = LinearFilter(model)
    planner = CrossEntropy(4, samples=400, elites=40, iterations=30, precision=precision)
    posterior = planner(filter, filter.initial())
    expected = best_plan(model, model.mean, 4, no_cost())
    torch.testing.assert_close(posterior.policies[0], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("precision", [1.0, 4.0])
def test_a_habit_is_a_cost_of_control(precision: float) -> None:
    model = cart(kind=Lazy)
    filter = LinearFilter(model)
    planner = CrossEntropy(4, samples=400, elites=40, iterations=30, precision=precision)
    posterior = planner(filter, filter.initial())
    cost = torch.full((1, 1), 1 / (precision * 0.5**2))
    expected = best_plan(model, model.mean, 4, cost)
    torch.testing.assert_close(posterior.policies[0], expected, atol=1e-4, rtol=0)


def test_stays_within_the_bounds() -> None:
    filter = LinearFilter(cart(bound=0.3))
    posterior = CrossEntropy(3, spread=2.0)(filter, filter.initial())
    assert posterior.policies.abs().max() <= filter.actions.high.item()
    assert posterior.policies[0, 0].item() == pytest.approx(0.3)  # all that can be done


def test_members_of_a_batch_are_planned_for_by_themselves() -> None:
    model = cart()
    filter = LinearFilter(model)
    belief = filter.initial((2, 1))
    belief = filter.update(belief, {"o": torch.tensor([[[-2.0, 0.0]], [[3.0, 1.0]]])})
    posterior = CrossEntropy(3, samples=400, elites=20, iterations=30)(filter, belief)
    for i in range(2):
        expected = best_plan(model, belief.mean[i, 0], 3, no_cost())
        torch.testing.assert_close(posterior.policies[i, 0, 0], expected, atol=1e-4, rtol=0)


def test_goes_on_from_its_last_solution() -> None:
    filter = LinearFilter(cart())
    planner = CrossEntropy(3, samples=400, elites=20, iterations=30)
    first = planner(filter, filter.initial())
    poor = CrossEntropy(3, samples=2, elites=1, iterations=1)
    poor._last = planner._last  # the solution of the one, the few samples of the other
    moved = filter.predict(filter.initial(), first.policies[0, 0])
    plan = poor(filter, moved).policies[0]
    torch.testing.assert_close(plan[:2], first.policies[0, 1:], atol=1e-3, rtol=0)


def test_begins_anew_with_an_episode_and_for_another_filter() -> None:
    filter, other = LinearFilter(cart()), LinearFilter(cart())
    planner = CrossEntropy(3, samples=8, elites=2)
    for at in (filter, other, filter):
        pyro.set_rng_seed(1)
        fresh = planner(at, at.initial())
        pyro.set_rng_seed(1)
        assert torch.equal(
            CrossEntropy(3, samples=8, elites=2)(at, at.initial()).probs, fresh.probs
        )


def test_correlated_noise_has_the_same_spread() -> None:
    filter = LinearFilter(cart(bound=1000.0))
    planner = CrossEntropy(
        5, samples=20_000, elites=20_000, spread=0.1, correlation=0.8, iterations=1
    )
    drawn = planner(filter, filter.initial()).policies.squeeze(-1) / 100.0
    lag = torch.arange(5.0)
    expected = 0.8 ** (lag[:, None] - lag).abs()
    torch.testing.assert_close(drawn.mT.cov(), expected, atol=0.06, rtol=0)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("horizon", 0), ("samples", 0), ("elites", 300), ("iterations", 0), ("correlation", 1.0)],
)
def test_refuses_wrong_arguments(argument: str, value: float) -> None:
    with pytest.raises(ValueError, match=argument):
        CrossEntropy(**{"horizon": 2, argument: value})  # type: ignore[arg-type]


def test_refuses_actions_that_are_counted() -> None:
    filter = ExactFilter(TMaze())
    with pytest.raises(ValueError, match="take OpenLoop"):
        CrossEntropy(2)(filter, filter.initial())


def test_refuses_a_box_without_bounds() -> None:
    filter = LinearFilter(cart())
    filter.actions = gym.spaces.Box(0.0, float("inf"), (1,))
    with pytest.raises(ValueError, match="finite bounds"):
        CrossEntropy(2)(filter, filter.initial())


def test_refuses_a_habit_of_other_sites() -> None:
    class Odd(LinearGaussian):
        def habit(self) -> None:
            pyro.sample("push", dist.Normal(torch.zeros(1), 0.5).to_event(1))

    filter = LinearFilter(cart(kind=Odd))
    with pytest.raises(ValueError, match="one site 'action'"):
        CrossEntropy(2)(filter, filter.initial())


def test_first_actions_are_those_of_the_candidates() -> None:
    filter = LinearFilter(cart())
    posterior = CrossEntropy(3, samples=8, elites=2)(filter, filter.initial((4, 1)))
    assert posterior.real
    assert posterior.first_actions.shape == (4, 1, 2, 1)
    assert torch.equal(posterior.first_actions, posterior.policies[..., 0, :])
    assert posterior.action_probs is posterior.probs
