"""Natural gradients over listed policies: exact in one step, and an average where G is noisy."""

import math

import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters import ExactFilter, Filter, ParticleFilter
from pyro_activeinf.geometry import natural_step
from pyro_activeinf.learning import RobbinsMonro
from pyro_activeinf.models import POMDP, TMaze
from pyro_activeinf.planning import (
    EnumeratedPolicies,
    ModelHabit,
    OpenLoop,
    PolicyPrior,
    Variational,
)
from pyro_activeinf.planning.natural import average
from pyro_activeinf.records import Belief
from tests.planning.noisy import NoisyFilter
from tests.planning.worlds import Tiger


def habitual() -> POMDP:
    """Two states, three actions, one of which a habit forbids."""
    A = [torch.tensor([[0.9, 0.2], [0.1, 0.8]])]
    B = [torch.stack([torch.eye(2), torch.eye(2).flip(0), torch.full((2, 2), 0.5)], -1)]
    return POMDP(A, B, [torch.tensor([1.0, -0.5])], E=torch.tensor([0.6, 0.4, 0.0]))


@pytest.mark.parametrize("world", [TMaze, Tiger, habitual])
@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("precision", [0.0, 1.0, 16.0])
def test_a_step_of_rate_one_is_the_softmax(world: type, steps: int, precision: float) -> None:
    exact = ExactFilter(world())
    belief = exact.initial((2,))
    found = Variational(2, steps, precision=precision)(exact, belief)
    expected = OpenLoop(2, precision=precision)(exact, belief)
    for name in ("probs", "action_probs", "expected_free_energy"):
        actual, wanted = getattr(found, name), getattr(expected, name)
        torch.testing.assert_close(actual, wanted, atol=1e-12, rtol=0)
    torch.testing.assert_close(found.terms.values, expected.terms.values, atol=1e-12, rtol=0)


class Stated(PolicyPrior):
    """The model's habit, given as if it were another prior."""

    def log_prob(self, filter: Filter, belief: Belief, policies: Tensor) -> Tensor:
        return ModelHabit().log_prob(filter, belief, policies)

    def proposal(self, filter: Filter, belief: Belief, horizon: int) -> None:
        """None."""


@pytest.mark.parametrize("world", [TMaze, Tiger, habitual])
def test_a_step_from_a_given_prior_lands_there_too(world: type) -> None:
    exact = ExactFilter(world())
    belief = exact.initial((2,))
    found = Variational(2, 1, precision=2.0, prior=Stated())(exact, belief)
    expected = OpenLoop(2, precision=2.0)(exact, belief)
    torch.testing.assert_close(found.probs, expected.probs, atol=1e-12, rtol=0)
    torch.testing.assert_close(found.action_probs, expected.action_probs, atol=1e-12, rtol=0)


def test_is_the_natural_gradient() -> None:
    r"""The gradient in logits, by the inverse Fisher information, is the step, up to a constant."""
    logits, target = torch.randn(5).log_softmax(-1), torch.randn(5)

    def free_energy(at: Tensor) -> Tensor:
        return (at.softmax(-1) * (at.log_softmax(-1) - target)).sum()

    gradient = torch.func.grad(free_energy)(logits)
    probs = logits.softmax(-1)
    fisher = probs.diag() - probs[:, None] * probs
    natural = torch.linalg.pinv(fisher, hermitian=True) @ gradient
    step = natural_step(logits, target, 0.3) - logits
    torch.testing.assert_close(step - step.mean(), -0.3 * (natural - natural.mean()))


@pytest.mark.parametrize("rate", [average, RobbinsMonro(1.0, 0.7), RobbinsMonro(4.0, 0.9)])
def test_noisy_scores_average_out(rate: object) -> None:
    exact = ExactFilter(TMaze())
    belief = exact.update(exact.initial(), {"position": 0})
    expected = OpenLoop(2, precision=2.0)(exact, belief)
    noisy = NoisyFilter(exact, 0.2)
    guide = EnumeratedPolicies(rate=rate)  # type: ignore[arg-type]
    errors = {}
    for steps in (1, 10, 1000):
        found = Variational(2, steps, guide, precision=2.0)(noisy, belief)
        errors[steps] = (found.probs - expected.probs).abs().sum().item()
    assert errors[1000] < 0.1 < errors[1]
    assert errors[1000] < errors[10]


def test_noise_of_particles_averages_out() -> None:
    """What steps converge to is the softmax of the mean score, of the same belief."""
    filter = ParticleFilter(TMaze(), num_particles=20)
    belief = filter.initial()
    each = torch.stack([OpenLoop(1)(filter, belief).expected_free_energy for _ in range(100)])
    expected = (-3.0 * each.mean(0)).softmax(-1)
    error = 3.0 * (each.std(0) / 10).max().item()  # of the logits
    assert error > 0  # or there is nothing to average
    guide = EnumeratedPolicies(rate=RobbinsMonro(1.0, 1.0))
    found = Variational(1, 100, guide, precision=3.0)(filter, belief)
    assert (found.probs - expected).abs().max() < 2 * error


def test_the_mean_of_scores_and_the_logits_tell_the_same() -> None:
    exact = ExactFilter(habitual())
    noisy = NoisyFilter(exact, 0.2)
    found = Variational(2, 7, EnumeratedPolicies(rate=RobbinsMonro()), precision=2.0)(
        noisy, exact.initial()
    )
    prior = OpenLoop(2, precision=0.0)(exact, exact.initial()).probs.log()
    expected = (prior - 2.0 * found.expected_free_energy).softmax(-1)
    torch.testing.assert_close(found.probs, expected)
    torch.testing.assert_close(found.terms.total, found.expected_free_energy)


def test_given_policies() -> None:
    exact = ExactFilter(TMaze())
    policies = torch.tensor([[3, 1], [3, 2], [0, 0]])
    found = Variational(2, 1, EnumeratedPolicies(policies))(exact, exact.initial())
    expected = OpenLoop(2, policies, precision=1.0)(exact, exact.initial())
    torch.testing.assert_close(found.probs, expected.probs)


def test_what_a_habit_forbids_stays_forbidden() -> None:
    target = torch.tensor([0.0, -math.inf])
    assert natural_step(torch.zeros(2), target, 0.5).tolist() == [0.0, -math.inf]
    assert natural_step(target, target, 0.5).tolist() == [0.0, -math.inf]


@pytest.mark.parametrize("rate", [lambda _: 0.0, lambda _: 1.5])
def test_refuses_steps_that_are_none(rate: object) -> None:
    exact = ExactFilter(TMaze())
    planner = Variational(1, 1, EnumeratedPolicies(rate=rate))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"size in \(0, 1\]"):
        planner(exact, exact.initial())


def test_refuses_a_rate_that_is_no_function() -> None:
    with pytest.raises(TypeError, match="rate"):
        EnumeratedPolicies(rate=0.5)  # type: ignore[arg-type]
