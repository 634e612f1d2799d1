"""Approximations, where they have nothing to approximate, and where they cannot."""

import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import conjugacy as c
from pyro_activeinf.conjugacy import Laplace, Nonlinear, Sampled, Variable, message

X = Variable("x", c.Gaussian(), (2,))


def parabola(x: Tensor) -> Tensor:
    return 3.0 * x - 2.0 * x**2 + 1.0


@pytest.mark.parametrize("approximation", [Sampled(8), Laplace()])
def test_parabolas_have_exact_expectations_and_messages(approximation: c.Approximation) -> None:
    factor = Nonlinear("f", parabola, {"x": X}, {}, approximation)
    mean = torch.tensor([[1.0, 3.0], [-0.5, 1.0]])
    wanted = (3.0 * mean[:, 0] - 2.0 * mean[:, 1] + 1.0).sum()
    torch.testing.assert_close(factor.expected({"x": mean}), wanted)
    torch.testing.assert_close(
        message(factor, "x", {"x": mean}), torch.tensor([[3.0, -2.0], [3.0, -2.0]])
    )


def test_vectors_and_bounded_numbers_are_sampled() -> None:
    vector = Variable("v", c.MultivariateGaussian(2))
    bounded = Variable(
        "b", c.Transformed(c.Gaussian(), torch.distributions.biject_to(dist.Gamma(1, 1).support))
    )

    def density(v: Tensor, b: Tensor) -> Tensor:
        return v.sum(-1) + b.log()  # log b is the Gaussian number

    factor = Nonlinear("f", density, {"v": vector, "b": bounded}, {}, Sampled(4))
    family = vector.family
    means = {"v": family.mean(family.neutral()), "b": torch.tensor([0.7, 1.2])}
    torch.testing.assert_close(factor.expected(means), torch.tensor(0.7))


def test_noise_stays_with_the_factor() -> None:
    factor = Nonlinear("f", torch.sin, {"input": X})
    means = {"x": torch.tensor([[1.0, 3.0], [-0.5, 1.0]])}
    assert torch.equal(factor.expected(means), factor.expected(means))
    other = Nonlinear("f", torch.sin, {"input": X})
    assert not torch.equal(factor.expected(means), other.expected(means))


def test_a_parabola_needs_a_gaussian() -> None:
    rate = Variable("rate", c.Gamma())
    factor = Nonlinear("f", torch.sin, {"input": rate}, {}, Laplace())
    with pytest.raises(ValueError, match="rate, whose belief is Gamma"):
        factor.expected({"rate": torch.tensor([-0.5, 1.0])})


def test_a_parabola_is_not_for_many() -> None:
    many = Variable("many", c.Gaussian(), (1000,))
    factor = Nonlinear("f", torch.sin, {"input": many}, {}, Laplace())
    with pytest.raises(ValueError, match="Laplace for up to 512 numbers"):
        factor.expected({"many": torch.ones(1000, 2) * torch.tensor([0.0, 1.0])})


def test_samples_are_counted() -> None:
    with pytest.raises(ValueError, match="an integer of at least 1"):
        Sampled(0)


def test_choices_are_summed_over() -> None:
    choice = Variable("choice", c.Categorical(2))
    factor = Nonlinear("f", torch.sin, {"input": choice})
    found = factor.expected({"choice": torch.tensor([0.25, 0.75])})
    torch.testing.assert_close(found, 0.75 * torch.tensor(1.0).sin())


def test_rates_are_sampled_with_derivatives() -> None:
    rate = Variable("rate", c.Gamma())
    factor = Nonlinear("f", lambda x: 2.0 * x, {"x": rate}, {}, Sampled(4000))
    mean = torch.tensor([-0.2, 1.0])
    assert factor.expected({"rate": mean}).item() == pytest.approx(2.0, abs=0.1)
    found = message(factor, "rate", {"rate": mean})
    torch.testing.assert_close(found, torch.tensor([0.0, 2.0]), rtol=0, atol=0.2)
