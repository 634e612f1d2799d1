"""The rule, where the answer is known in closed form."""

import pytest
import torch

from pyro_activeinf import conjugacy as c
from pyro_activeinf.messages import library


def gaussian_with_data() -> tuple[list[c.Factor], c.Variable, torch.Tensor]:
    level = c.Variable("level", c.Gaussian())
    prior = c.ExpectedLogDensity(
        "prior",
        library.gaussian,
        {"x": level},
        {"mean": moments(1.0), "precision": noise(0.5)},
    )
    seen = torch.tensor([2.0, 3.0, 4.0])
    likelihood = c.ExpectedLogDensity(
        "likelihood",
        library.gaussian,
        {"mean": level},
        {"x": moments(seen), "precision": noise(2.0)},
    )
    return [prior, likelihood], level, seen


def moments(value: float | torch.Tensor) -> library.GaussianMoments:
    return library.GaussianMoments.at(torch.as_tensor(value))


def noise(value: float) -> library.GammaMoments:
    return library.GammaMoments.at(torch.tensor(value))


def start(level: c.Variable) -> c.Beliefs:
    return c.Beliefs.of({"level": level}, {"level": level.family.neutral()})


def test_one_step_finds_a_conjugate_posterior() -> None:
    factors, level, seen = gaussian_with_data()
    found = c.update(factors, start(level), "level", 1.0)
    precision = 0.5 + 3 * 2.0
    belief = level.family.distribution(found.natural["level"])
    assert belief.loc.item() == pytest.approx(
        (0.5 + 2.0 * seen.sum().item()) / precision, abs=1e-12
    )
    assert belief.variance.item() == pytest.approx(1 / precision, abs=1e-12)


def test_free_energy_there_is_minus_the_log_evidence() -> None:
    factors, level, seen = gaussian_with_data()
    found = c.update(factors, start(level), "level", 1.0)
    joint = torch.distributions.MultivariateNormal(
        torch.ones(3), 0.5 * torch.eye(3) + 2.0 * torch.ones(3, 3)
    )
    wanted = -joint.log_prob(seen)
    torch.testing.assert_close(c.free_energy(factors, found), wanted, rtol=1e-12, atol=0)


def test_a_part_of_a_step_mixes_natural_coordinates() -> None:
    factors, level, _ = gaussian_with_data()
    before = start(level)
    whole, part = (c.update(factors, before, "level", rho) for rho in (1.0, 0.25))
    mixed = 0.75 * before.natural["level"] + 0.25 * whole.natural["level"]
    torch.testing.assert_close(part.natural["level"], mixed)


def test_the_rule_is_the_natural_gradient_of_f() -> None:
    factors, level, _ = gaussian_with_data()
    before = start(level)
    natural = before.natural["level"].clone().requires_grad_()

    def energy(at: torch.Tensor) -> torch.Tensor:
        return c.free_energy(factors, c.Beliefs.of({"level": level}, {"level": at}))

    slope = torch.autograd.functional.jacobian(energy, natural)
    fisher = torch.autograd.functional.hessian(level.family.log_partition, natural)
    toward = natural - torch.linalg.solve(fisher, slope)
    found = c.update(factors, before, "level", 1.0)
    torch.testing.assert_close(found.natural["level"], toward)


def test_messages_that_add_up_to_nothing_are_named() -> None:
    level = c.Variable("level", c.Gaussian())
    odd = c.ExpectedLogDensity("odd", lambda x: x.square, {"x": level})
    with pytest.raises(ValueError, match="`level`: expected messages that add up"):
        c.update([odd], start(level), "level", 1.0)


def test_a_safe_step_does_not_raise_f() -> None:
    level = c.Variable("level", c.Gaussian())

    def double_well(x: library.GaussianMoments) -> torch.Tensor:
        fourth = x.square.square()  # not linear in the moments
        return 4 * x.square - fourth / 2 + x.mean

    factors = [c.ExpectedLogDensity("wells", double_well, {"x": level})]
    beliefs = start(level)
    assert not factors[0].linear("level", beliefs.means)
    trace = [c.free_energy(factors, beliefs)]
    for _ in range(20):
        beliefs = c.update(factors, beliefs, "level", 1.0, safe=True)
        trace.append(c.free_energy(factors, beliefs))
    assert torch.stack(trace).diff().max() <= 1e-12
    assert trace[-1] < trace[0]
