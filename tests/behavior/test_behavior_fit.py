"""What is read off draws."""

from __future__ import annotations

import pytest
import torch

from pyro_activeinf.behavior import BehaviorFit, Hierarchical, Laplace, fit
from tests.behavior.coin import A, B, coins, posterior, tosses

CHOICES = tosses()


def fitted(draws: int = 400, population: object = None) -> BehaviorFit:
    return fit(coins(population), CHOICES, Laplace(draws=draws), progress=False)


def test_log_likelihoods_are_those_of_the_model_some_draws_at_a_time() -> None:
    found = fitted(260)

    for n in (0, 249, 250, 259):
        at = {"heads": found.parameters["heads"][0, n]}
        expected = found.model.log_likelihood(at, CHOICES)
        torch.testing.assert_close(found.log_likelihood[0, n], expected, rtol=0.0, atol=1e-12)
    assert (found.log_likelihood[..., ~CHOICES.counted] == 0).all()


def test_means_spreads_and_intervals_are_those_of_draws() -> None:
    found = fitted()
    drawn = found.parameters["heads"][0]

    torch.testing.assert_close(found.means["heads"], drawn.mean(0))
    torch.testing.assert_close(found.spreads["heads"], drawn.std(0))
    low, high = found.intervals(0.5)["heads"]
    inside = ((drawn > low) & (drawn < high)).double().mean(0)
    torch.testing.assert_close(inside, torch.full((3,), 0.5))


@pytest.mark.parametrize("mass", [0.0, 1.0, -2.0])
def test_intervals_have_a_mass_between_0_and_1(mass: float) -> None:
    with pytest.raises(ValueError, match="`mass`"):
        fitted(5).intervals(mass)


def test_probabilities_are_the_parameters_of_a_coin() -> None:
    found = fitted(20)

    heads = found.parameters["heads"].unsqueeze(-1).expand(1, 20, 3, 12)

    torch.testing.assert_close(found.probs, torch.stack([1 - heads, heads], -1))


def test_actions_are_foretold_as_often_as_they_are_probable() -> None:
    found = fitted(20)
    certain = {"heads": torch.tensor([0.0, 1.0, 0.25]).expand(1, 4000, 3)}

    drawn = found.foretold(certain)[..., :8].double().mean((0, 1, 3))  # trials that all have

    torch.testing.assert_close(drawn, torch.tensor([0.0, 1.0, 0.25]), rtol=0.0, atol=0.01)


def test_the_group_is_what_is_of_no_subject() -> None:
    found = fitted(10, Hierarchical())

    assert {name: tuple(value.shape) for name, value in found.group.items()} == {
        "heads_typical": (1, 10),
        "heads_spread": (1, 10),
    }
    assert fitted(10).group == {}


def test_persons_of_a_population_are_their_deviations_from_the_typical_one() -> None:
    found = fitted(10, Hierarchical())
    draws = found.draws
    z = draws["heads_z"].reshape(1, 10, 3)
    typical, spread = (draws[f"heads_{name}"].unsqueeze(-1) for name in ("typical", "spread"))

    expected = (typical.logit() + spread * z).sigmoid()

    torch.testing.assert_close(found.parameters["heads"], expected)


def test_the_prior_is_that_of_the_program() -> None:
    latents, parameters = fitted(5).prior(4000)

    assert latents["heads"].shape == parameters["heads"].shape == (1, 4000, 3)
    expected = torch.full((3,), A / (A + B))
    torch.testing.assert_close(parameters["heads"].mean((0, 1)), expected, rtol=0.0, atol=0.015)


def test_draws_of_no_chain_are_independent() -> None:
    assert fitted(10).efficiency == 1.0


def test_the_table_has_a_row_for_each_subject() -> None:
    found = fitted(1000)

    table = found.summary(kind="stats", round_to=6)

    a, b = posterior(CHOICES)
    assert list(table.index) == ["heads[0]", "heads[1]", "heads[2]"]
    assert table["mean"].astype(float).to_numpy() == pytest.approx((a / (a + b)).numpy(), abs=0.03)
