from __future__ import annotations

import pytest
import torch

from pyro_activeinf.behavior.chooser import walk
from pyro_activeinf.behavior.peers import HierarchicalGaussianFilter
from tests.behavior.peers import loops
from tests.behavior.peers.data import choices_of, probs_of, trials_of

OMEGA, ZETA = torch.tensor([-2.2], dtype=torch.float64), torch.tensor([1.7], dtype=torch.float64)


def paths(learner: HierarchicalGaussianFilter, trials: loops.Trials) -> torch.Tensor:
    """(mu_2, 1 / pi_2, mu_3, 1 / pi_3) before each trial."""
    found = walk(learner, choices_of(trials))
    each = (found.mean, 1 / found.precision, found.volatility, 1 / found.volatility_precision)
    return torch.stack([value[:, 0] for value in each], -1)


def test_two_levels_are_the_plain_loop() -> None:
    trials = trials_of(0, actions=2)
    probs, path = loops.hgf(trials, omega=-2.2, zeta=1.7)
    learner = HierarchicalGaussianFilter(OMEGA, ZETA)
    torch.testing.assert_close(probs_of(learner, trials), torch.tensor(probs), atol=1e-12, rtol=0)
    torch.testing.assert_close(
        paths(learner, trials)[1:], torch.tensor(path)[:-1], atol=1e-12, rtol=0
    )


@pytest.mark.parametrize(("theta", "kappa"), [(0.5, 1.4), (0.05, 1.0), (2.0, 2.5)])
def test_three_levels_are_the_plain_loop(theta: float, kappa: float) -> None:
    """The last pair reaches where the equations give a negative precision."""
    trials = trials_of(1, actions=2, count=100)
    probs, path = loops.hgf(trials, omega=-2.2, zeta=1.7, theta=theta, kappa=kappa)
    learner = HierarchicalGaussianFilter(OMEGA, ZETA, torch.tensor([theta]), torch.tensor([kappa]))
    torch.testing.assert_close(
        probs_of(learner, trials), torch.tensor(probs), atol=1e-12, rtol=1e-12
    )
    torch.testing.assert_close(
        paths(learner, trials)[1:], torch.tensor(path)[:-1], atol=1e-12, rtol=1e-12
    )


def of_inputs(inputs: list[int]) -> loops.Trials:
    """Action 1 at all trials: what it brings is the input."""
    return [(1, float(u)) for u in inputs]


def test_the_second_level_learns_at_the_rate_of_its_uncertainty() -> None:
    """Mathys et al. (2011): the step of mu_2 is 1 / pi_2 times the prediction error."""
    inputs = [1, 1, 0, 1, 0, 0, 1, 1]
    path = paths(HierarchicalGaussianFilter(OMEGA, ZETA), of_inputs([*inputs, 1]))
    errors = torch.tensor(inputs).double() - path[:-1, 0].sigmoid()
    torch.testing.assert_close(path[1:, 0] - path[:-1, 0], path[1:, 1] * errors)


def test_volatility_rises_where_the_world_changes() -> None:
    """Mathys et al. (2011), figure 5: in a volatile phase mu_3 is above that of a stable one."""
    learner = HierarchicalGaussianFilter(OMEGA, ZETA, torch.tensor([0.5]), torch.tensor([1.4]))
    draws = torch.bernoulli(torch.full((100,), 0.9))
    phase = (torch.arange(100) // 20) % 2
    stable = paths(learner, of_inputs(draws.int().tolist()))
    volatile = paths(learner, of_inputs(torch.where(phase == 0, draws, 1 - draws).int().tolist()))
    assert float((volatile - stable)[40:, 2].mean()) > 0.2


def test_a_world_without_change_is_learned_ever_more_slowly() -> None:
    inputs = torch.bernoulli(torch.full((400,), 0.7)).int().tolist()
    still = paths(HierarchicalGaussianFilter(torch.tensor([-60.0]), ZETA), of_inputs(inputs))
    moving = paths(HierarchicalGaussianFilter(torch.tensor([-1.0]), ZETA), of_inputs(inputs))
    assert float(still[-1, 1]) < 0.02
    assert float(moving[-1, 1]) > 0.5
    assert float(still[-1, 0].sigmoid()) == pytest.approx(sum(inputs) / 400, abs=0.01)


def test_uncoupled_levels_are_two_levels() -> None:
    trials = trials_of(2, actions=2)
    zero = torch.tensor([0.0])
    three = HierarchicalGaussianFilter(OMEGA, ZETA, torch.tensor([0.3]), coupling=zero)
    two = HierarchicalGaussianFilter(OMEGA, ZETA)
    torch.testing.assert_close(probs_of(three, trials), probs_of(two, trials), atol=1e-12, rtol=0)


def test_it_is_about_two_actions() -> None:
    with pytest.raises(ValueError, match="`actions`: expected 2"):
        HierarchicalGaussianFilter(OMEGA, ZETA, actions=3)
