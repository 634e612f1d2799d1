"""Nested Monte Carlo against loops, closed forms, and its own bias."""

import math
from collections.abc import Mapping

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters.nested import log_sum, nested_terms, standard_error
from pyro_activeinf.filters.prediction import Likelihood, Prediction

NOISE = 0.5
TRUTH = 0.5 * math.log(1 + 1 / NOISE**2)


def look(states: Mapping[str, Tensor]) -> None:
    pyro.sample("o", dist.Normal(states["s"], NOISE))


def look_twice(states: Mapping[str, Tensor]) -> None:
    pyro.sample("kind", dist.Categorical(logits=torch.stack([states["s"], -states["s"]], -1)))
    pyro.sample("o", dist.Normal(states["s"], NOISE))


def look_and_look_again(states: Mapping[str, Tensor]) -> None:
    first = pyro.sample("first", dist.Normal(states["s"], 1.0))
    pyro.sample("second", dist.Normal(first + states["s"], NOISE))


def liked(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {"o": -values["o"].square()}


def prediction(program, shape, log_weights=None, prefer=lambda values: {}):  # type: ignore[no-untyped-def]
    states = {"s": torch.randn(shape)}
    if log_weights is None:
        log_weights = torch.full((shape[0], *[1] * (len(shape) - 1)), -math.log(shape[0]))
    return Prediction(1, states, log_weights, Likelihood(program, states, shape), prefer)


def weights(*shape: int) -> Tensor:
    return torch.randn(shape).log_softmax(0)


@pytest.mark.parametrize("num_inner", [None, 3])
@pytest.mark.parametrize("self_inclusion", [True, False])
def test_terms_are_those_of_a_loop(num_inner: int | None, self_inclusion: bool) -> None:
    step = prediction(look_twice, (6, 2), weights(6, 2), liked)
    terms = nested_terms(step, num_inner, self_inclusion)
    cross, own = step.likelihood.cross(step.likelihood.sample()), step.likelihood.own()
    inner = [0, 2, 4] if num_inner else range(6)
    for names in (["kind", "o"], ["kind"], ["o"]):
        expected = torch.zeros(2)
        for i in range(6):
            chosen = [j for j in inner if j != i] + ([i] if self_inclusion else [])
            w = step.log_weights[chosen].exp()
            densities = sum(cross[name][i, chosen] for name in names).exp()  # type: ignore[union-attr]
            mixed = (w * densities).sum(0) / w.sum(0)
            mine = sum(own[name][i] for name in names)
            expected += step.log_weights[i].exp() * (mine - mixed.log())
        found = terms if len(names) > 1 else terms.per_site[names[0]]
        torch.testing.assert_close(found.epistemic, expected)
    worth = (step.weights * -step.likelihood.sample()["o"].square()).sum(0)
    torch.testing.assert_close(terms.pragmatic, worth)
    torch.testing.assert_close(terms.per_site["o"].pragmatic, worth)
    assert terms.per_site["kind"].pragmatic.tolist() == [0.0, 0.0]
    torch.testing.assert_close(terms.total, terms.risk + terms.ambiguity)


def test_sites_that_depend_on_each_other_share_the_information() -> None:
    step = prediction(look_and_look_again, (400,))
    terms = nested_terms(step)
    shares = terms.per_site["first"].epistemic + terms.per_site["second"].epistemic
    torch.testing.assert_close(shares, terms.epistemic)
    truth = 0.5 * math.log(1 + 1 + 1 / NOISE**2)  # both tell of s by themselves, given the first
    assert abs(float(terms.epistemic) - truth) < 3 * float(terms.standard_error["epistemic"]) + 0.02


@pytest.mark.parametrize("program", [look, look_twice, look_and_look_again])
@pytest.mark.parametrize("self_inclusion", [True, False])
def test_chunks_change_nothing(program, self_inclusion: bool) -> None:  # type: ignore[no-untyped-def]
    step = prediction(program, (7, 2), weights(7, 2))
    whole = nested_terms(step, self_inclusion=self_inclusion)
    small = nested_terms(step, self_inclusion=self_inclusion, memory_limit=1)
    torch.testing.assert_close(whole.values, small.values)


def test_linear_gaussian_information_within_two_standard_errors() -> None:
    terms = nested_terms(prediction(look, (1000, 12)))
    error = (terms.epistemic - TRUTH) / terms.standard_error["epistemic"]
    assert float(error.mean().abs()) < 2 / math.sqrt(12)
    assert 0.5 < float(error.std()) < 1.6
    assert float((terms.epistemic - TRUTH).mean().abs()) < 0.02
    torch.testing.assert_close(
        terms.ambiguity, torch.full((12,), 0.5 * math.log(2 * math.pi * math.e * NOISE**2))
    )


def test_bias_is_down_with_oneself_and_up_without() -> None:
    step = prediction(look, (30, 3000))
    spread = float(nested_terms(step).epistemic.std()) / math.sqrt(3000)
    down = float(nested_terms(step, self_inclusion=True).epistemic.mean()) - TRUTH
    up = float(nested_terms(step, self_inclusion=False).epistemic.mean()) - TRUTH
    assert down < -5 * spread
    assert up > 5 * spread
    few = float(nested_terms(step, 10, self_inclusion=True).epistemic.mean()) - TRUTH
    assert few < 2 * down  # of the order of 1 / inner particles


def test_information_never_exceeds_the_logarithm_of_the_inner_particles() -> None:
    def precise(states: Mapping[str, Tensor]) -> None:
        pyro.sample("o", dist.Normal(states["s"], 1e-9))

    step = prediction(precise, (8,))
    assert float(nested_terms(step).epistemic) == pytest.approx(math.log(8))
    assert float(nested_terms(step, self_inclusion=False).epistemic) > 1e9


def test_what_only_one_particle_can_show_is_not_worth_infinitely_much() -> None:
    logits = (torch.eye(3) * 1.0).log().requires_grad_()  # each state shows itself

    def tell(states: Mapping[str, Tensor]) -> None:
        pyro.sample("o", dist.Categorical(logits=logits[states["s"]]))

    states = {"s": torch.tensor([0, 1, 1, 2])}
    log_weights = torch.tensor([0.25, 0.25, 0.25, 0.25]).log()
    told = Prediction(1, states, log_weights, Likelihood(tell, states, (4,)), lambda values: {})
    found = nested_terms(told, self_inclusion=False).epistemic
    expected = 0.5 * math.log(4) + 0.5 * math.log(3)  # a state alone; one of two, without itself
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_particles_without_weight_do_not_count() -> None:
    step = prediction(look, (5,), prefer=lambda v: {"o": torch.tensor([-math.inf, 1, 1, 1, 1.0])})
    log_weights = torch.tensor([-math.inf, *[-math.log(4)] * 4])
    few = Prediction(1, step.states, log_weights, step.likelihood, step.log_preference)
    terms = nested_terms(few)
    assert float(terms.pragmatic) == pytest.approx(1.0)
    rest = step.likelihood.cross(step.likelihood.sample())["o"][1:, 1:]
    expected = rest.diagonal() - rest.logsumexp(1) + math.log(4)
    torch.testing.assert_close(terms.epistemic, expected.mean())


def test_standard_error_of_equal_weights_is_the_usual_one() -> None:
    values = torch.randn(9, 2)
    found = standard_error(torch.full((9, 1), 1 / 9).expand(9, 2), values)
    torch.testing.assert_close(found, values.std(0) / 3)
    assert standard_error(torch.ones(1), torch.randn(1)) == math.inf


def test_gradients_reach_the_states() -> None:
    states = torch.randn(20, requires_grad=True)
    likelihood = Likelihood(look, {"s": states}, (20,))
    step = Prediction(1, {"s": states}, torch.full((20,), -math.log(20)), likelihood, liked)
    pyro.set_rng_seed(1)
    gradient = torch.autograd.grad(nested_terms(step).total, states)[0]
    noise = (likelihood.sample()["o"] - states).detach()

    def by_hand(s: Tensor) -> Tensor:
        pairs = dist.Normal(s, NOISE).log_prob((s + noise).unsqueeze(-1))
        mixed = pairs.logsumexp(-1) - math.log(20)
        return -(pairs.diagonal() - mixed - (s + noise).square()).mean()

    torch.testing.assert_close(gradient, torch.func.grad(by_hand)(states.detach()))


def test_log_sum_of_nothing_possible() -> None:
    nothing = torch.full((2, 3), -math.inf)
    assert log_sum(nothing).tolist() == [-math.inf] * 2


def test_wrong_numbers_are_named() -> None:
    step = prediction(look, (5,))
    with pytest.raises(ValueError, match="num_inner"):
        nested_terms(step, 0)
    with pytest.raises(ValueError, match="at least 2"):
        nested_terms(step, 1, self_inclusion=False)
