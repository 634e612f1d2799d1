"""Likelihoods of particles: shapes, pairs, dependent sites."""

import math

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyro_activeinf.filters.prediction import Estimate, Lazily, Likelihood


def two_sites(states: dict[str, Tensor]) -> None:
    near = pyro.sample("near", dist.Normal(states["s"], 1.0))
    pyro.sample("far", dist.Normal(near + states["s"], 0.5))


def apart(states: dict[str, Tensor]) -> None:
    pyro.sample("near", dist.Normal(states["s"], 1.0))
    pyro.sample("kind", dist.Categorical(logits=torch.stack([states["s"], -states["s"]], -1)))


def test_one_call_draws_every_site_for_the_whole_shape() -> None:
    calls = []

    def program(states: dict[str, Tensor]) -> None:
        calls.append(1)
        pyro.sample("o", dist.Normal(torch.zeros(2), 1.0).to_event(1))

    likelihood = Likelihood(program, {"s": torch.zeros(5, 1)}, (5, 3))
    assert likelihood.sample()["o"].shape == (5, 3, 2)
    likelihood.cross({"o": torch.zeros(4, 3, 2)})
    assert likelihood.entropy()["o"].shape == (5, 3)
    assert len(calls) == 1


def test_pairs_are_those_of_a_loop() -> None:
    states = torch.randn(4, 3)
    likelihood = Likelihood(apart, {"s": states}, (4, 3))
    outcomes = {"near": torch.randn(2, 3), "kind": torch.tensor([[0, 1, 0], [1, 1, 0]])}
    cross = likelihood.cross(outcomes)
    assert not likelihood.linked
    for i in range(2):
        for j in range(4):
            near = dist.Normal(states[j], 1.0).log_prob(outcomes["near"][i])
            logits = torch.stack([states[j], -states[j]], -1)
            kind = dist.Categorical(logits=logits).log_prob(outcomes["kind"][i])
            torch.testing.assert_close(cross["near"][i, j], near)
            torch.testing.assert_close(cross["kind"][i, j], kind)


def test_a_site_that_depends_on_another_is_found_out_and_given_its_value() -> None:
    states = torch.randn(4, 3)
    likelihood = Likelihood(two_sites, {"s": states}, (4, 3))
    assert likelihood.linked
    outcomes = {"near": torch.randn(2, 3), "far": torch.randn(2, 3)}
    far = likelihood.cross(outcomes)["far"]
    assert far.shape == (2, 4, 3)
    expected = dist.Normal(outcomes["near"][1] + states[2], 0.5).log_prob(outcomes["far"][1])
    torch.testing.assert_close(far[1, 2], expected)


def test_own_densities_are_the_diagonal_of_pairs() -> None:
    likelihood = Likelihood(two_sites, {"s": torch.randn(5)}, (5,))
    cross, own = likelihood.cross(likelihood.sample()), likelihood.own()
    for name in ("near", "far"):
        torch.testing.assert_close(cross[name].diagonal(), own[name])


def test_entropies_are_closed_forms_or_those_of_draws() -> None:
    likelihood = Likelihood(apart, {"s": torch.zeros(2)}, (2,))
    expected = 0.5 * math.log(2 * math.pi * math.e)
    assert likelihood.entropy()["near"].tolist() == [expected] * 2
    torch.testing.assert_close(likelihood.entropy()["kind"], torch.full((2,), math.log(2.0)))

    def mixed(states: dict[str, Tensor]) -> None:  # no closed form
        parts = dist.Normal(torch.tensor([-1.0, 1.0]), 0.5)
        weights = dist.Categorical(torch.tensor([0.5, 0.5]))
        pyro.sample("o", dist.MixtureSameFamily(weights, parts))

    drawn = Likelihood(mixed, {}, (3,))
    torch.testing.assert_close(drawn.entropy()["o"], -drawn.own()["o"])


def test_impossible_outcomes_have_no_probability_at_all() -> None:
    def certain(states: dict[str, Tensor]) -> None:
        pyro.sample("o", dist.Categorical(torch.eye(2)[states["s"]]))

    likelihood = Likelihood(certain, {"s": torch.tensor([0, 1])}, (2,))
    cross = likelihood.cross(likelihood.sample())["o"]
    assert cross.tolist() == [[0.0, -math.inf], [-math.inf, 0.0]]


def test_some_particles_and_other_parameters_are_one_call_each() -> None:
    states, theta = torch.randn(4), torch.randn(4)

    def program(given: dict[str, Tensor]) -> None:
        scale = pyro.sample("theta", dist.Normal(0.0, 1.0))
        pyro.sample("o", dist.Normal(given["s"] * scale, 1.0))

    likelihood = Likelihood(program, {"s": states}, (4,), parameters={"theta": theta})
    assert set(likelihood.sites) == {"o"}
    few = likelihood.take(torch.tensor([3, 1]))
    torch.testing.assert_close(few.sites["o"].loc, (states * theta)[[3, 1]])
    others = likelihood.under({"theta": torch.tensor([[0.5], [2.0]])})
    torch.testing.assert_close(others.sites["o"].loc, torch.stack([states * 0.5, states * 2.0]))
    torch.testing.assert_close(others.sample()["o"], likelihood.sample()["o"])


def test_tensors_are_computed_once_and_when_asked_for() -> None:
    asked = []

    def make() -> Tensor:
        asked.append(1)
        return torch.ones(2)

    found = Lazily({"a": make, "b": make})
    assert not asked
    assert list(found) == ["a", "b"]
    assert len(found) == 2
    assert found["a"] is found["a"]
    assert len(asked) == 1


def test_an_estimate_is_terms_with_their_noise() -> None:
    values = torch.randn(3, 4, 2)
    terms = Estimate(values, ("o",), {"total": torch.ones(3)})
    torch.testing.assert_close(terms.total, terms.risk + terms.ambiguity - terms.novelty)
    assert terms.standard_error["total"].shape == (3,)
    assert Estimate(values, ("o",)).standard_error == {}
