"""The No-U-Turn sampler of behavior, beside closed forms; and Pyro's own."""

from __future__ import annotations

from typing import Any

import pyro
import pytest
import torch
from pyro.infer import MCMC
from pyro.infer import NUTS as Kernel
from torch import Tensor

from pyro_activeinf.behavior import NUTS, Hierarchical, Laplace, fit
from pyro_activeinf.behavior.engines import Target
from tests.behavior.coin import coins, posterior, tosses

CHOICES = tosses()


def rows(draws: Tensor) -> Tensor:
    """``(chains * draws, numbers)``."""
    return draws.reshape(draws.shape[0] * draws.shape[1], -1)


def as_traced(graph: Any, inputs: object) -> Any:
    """A graph as it is: a quick way to many draws of a small program."""
    return graph


def test_the_posterior_of_subjects_by_themselves_is_exact() -> None:
    engine = NUTS(draws=240, warmup=60, chains=10, compile=as_traced)
    found = fit(coins(), CHOICES, engine, progress=False)
    exact = torch.distributions.Beta(*posterior(CHOICES))

    error = (found.means["heads"] - exact.mean) / exact.stddev
    assert error.abs().max() < 0.1
    assert ((found.spreads["heads"] / exact.stddev) - 1).abs().max() < 0.1
    assert found.quality.worst_r_hat < 1.02
    assert found.quality.divergences == 0


def test_the_posterior_of_a_population_is_that_of_weighted_draws_of_the_prior() -> None:
    model, choices = coins(Hierarchical()), tosses(subjects=2, trials=6)
    engine = NUTS(draws=60, warmup=60, chains=24, compile=as_traced)
    found = fit(model, choices, engine, progress=False)
    latents, parameters = found.prior(100_000)
    weights = model.log_likelihood(parameters, choices).sum((-1, -2)).flatten().softmax(0)

    for name, value in latents.items():
        exact, drawn = (rows(each) for each in (value, found.draws[name]))
        mean = weights @ exact
        spread = (weights @ (exact - mean) ** 2).sqrt()
        assert ((drawn.mean(0) - mean).abs() < 0.15 * spread).all(), name
        assert ((drawn.std(0) / spread).log().abs() < 0.2).all(), name


def test_the_program_is_one_that_pyro_samples() -> None:
    """Errors of one short chain are averaged over subjects, who are alike but for their choices."""
    choices = tosses(subjects=16)
    exact = torch.distributions.Beta(*posterior(choices))
    theirs = MCMC(Kernel(coins()), num_samples=80, warmup_steps=40, disable_progbar=True)
    theirs.run(choices)

    drawn = theirs.get_samples()["heads"].squeeze(-1)
    assert ((drawn.mean(0) - exact.mean) / exact.stddev).mean().abs() < 0.15
    assert ((drawn.std(0) / exact.stddev).mean() - 1).abs() < 0.15


def test_the_seed_says_which_draws() -> None:
    found = []
    for seed in (3, 3, 4):
        pyro.set_rng_seed(seed)
        found.append(fit(coins(), CHOICES, NUTS(20, 20, 2), progress=False).draws["heads"])

    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert not torch.equal(found[0][0], found[0][1])


def test_it_starts_from_an_earlier_fit() -> None:
    before = fit(coins(), CHOICES, Laplace(draws=200), progress=False)
    target, engine = Target(coins(), CHOICES), NUTS(draws=1, warmup=1, chains=3, dense=True)

    found = fit(coins(), CHOICES, engine, start=before, progress=False)
    metrics = engine._metrics(target, before.found.z[0])

    assert found.draws["heads"].shape == (3, 1, 3)
    spread = before.found.z[0].var(0)
    for metric, variance in zip(metrics, spread, strict=True):
        torch.testing.assert_close(
            torch.as_tensor(metric.covariance).squeeze(), variance, rtol=0.1, atol=0.01
        )


def test_each_draw_has_its_statistics() -> None:
    found = fit(coins(), CHOICES, NUTS(draws=5, warmup=10, chains=2), progress=False).found

    assert {name: tuple(value.shape) for name, value in found.statistics.items()} == dict.fromkeys(
        ("diverging", "acceptance_rate", "n_steps", "tree_depth", "energy", "step_size"), (2, 5)
    )


@pytest.mark.parametrize("wrong", [{"draws": 0}, {"chains": -1}, {"target_accept": 1.0}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NUTS(**wrong)  # type: ignore[arg-type]


def test_what_is_no_compiler_is_refused() -> None:
    with pytest.raises(TypeError, match="`compile`: expected True, False, or a compiler"):
        NUTS(compile=3)  # type: ignore[arg-type]
