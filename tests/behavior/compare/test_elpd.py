"""Leave-one-out and WAIC, beside closed forms and ArviZ."""

from __future__ import annotations

import math
import warnings
from typing import Any

import arviz
import numpy as np
import pytest
import torch
from scipy.stats import beta

from pyro_activeinf.behavior.compare import loo, stacking, waic
from pyro_activeinf.export.fits import told_apart
from pyro_activeinf.store.groups import held
from tests.behavior.coin import information, left_out, posterior, tosses

CHOICES = tosses(subjects=1)


def log_likelihood(draws: int = 4000) -> torch.Tensor:
    """Of independent draws from the exact posterior, ``(2, draws / 2, observations)``."""
    torch.manual_seed(0)
    heads = torch.distributions.Beta(*posterior(CHOICES)).sample((2, draws // 2))
    return torch.distributions.Bernoulli(heads).log_prob(CHOICES.actions[0].double())


def test_leave_one_out_is_that_of_exact_refits() -> None:
    """Draws are quantiles of the exact posterior, so that little but the smoothing is left."""
    a, b = (float(x) for x in posterior(CHOICES))
    heads = torch.as_tensor(beta.ppf((np.arange(8000) + 0.5) / 8000, a, b)).reshape(2, -1, 1)
    given = torch.distributions.Bernoulli(heads).log_prob(CHOICES.actions[0].double())

    found, criterion = loo(given), waic(given)

    torch.testing.assert_close(found.pointwise, left_out(CHOICES)[0], rtol=0.0, atol=2e-4)
    assert found.pareto_k is not None
    assert found.pareto_k.max() < 0.7
    assert found.total == pytest.approx(left_out(CHOICES).sum().item(), abs=2e-3)
    torch.testing.assert_close(criterion.pointwise, information(CHOICES)[0], rtol=0.0, atol=2e-4)


def test_waic_is_its_formula() -> None:
    given = log_likelihood(500)

    found = waic(given)

    flat = given.reshape(500, -1)
    for i in range(flat.shape[1]):
        mean = flat[:, i].mean()
        spread = ((flat[:, i] - mean) ** 2).sum() / 499
        expected = math.log(flat[:, i].exp().mean()) - spread
        assert found.pointwise[i].item() == pytest.approx(expected.item(), abs=1e-10)
    assert found.parameters == pytest.approx(flat.var(0).sum().item(), abs=1e-10)


def arviz_data(given: torch.Tensor) -> Any:
    from xarray import Dataset

    found = Dataset({"choice": (("chain", "draw", "observation"), given.numpy())})
    return held({"log_likelihood": found})


def test_leave_one_out_is_that_of_arviz() -> None:
    given = log_likelihood()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        theirs: Any = arviz.loo(arviz_data(given), pointwise=True, reff=1.0)

    ours = loo(given)

    total = getattr(theirs, "elpd_loo", None)
    assert ours.total == pytest.approx(float(theirs.elpd if total is None else total), abs=1e-8)
    assert ours.error == pytest.approx(float(theirs.se), rel=0.1)  # 1.x divides by n - 1
    shapes = torch.as_tensor(theirs.pareto_k.values)
    torch.testing.assert_close(ours.pareto_k, shapes, rtol=1e-6, atol=1e-6)


def test_what_does_not_depend_on_parameters_has_nothing_to_be_left_out() -> None:
    given = torch.full((2, 50, 1), math.log(0.5))

    found = loo(given)

    assert found.total == pytest.approx(math.log(0.5), abs=1e-12)
    assert found.pareto_k is not None
    assert found.pareto_k.item() == -math.inf


def test_stacking_weights_are_those_of_arviz() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 12, generator=generator)
    better, worse = (log_likelihood(1000) + s * e for s, e in zip((0.1, 0.6), noise, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas too
        given: Any = arviz
        each = {
            name: given.loo(arviz_data(value), pointwise=True, reff=1.0)
            for name, value in (("a", better), ("b", worse))
        }
        theirs: Any = given.compare(each, method="stacking")["weight"]

    ours = stacking(torch.stack([loo(better).pointwise, loo(worse).pointwise], -1))

    expected = torch.tensor([theirs["a"], theirs["b"]], dtype=torch.float64)
    torch.testing.assert_close(ours, expected, rtol=0.0, atol=0.02)


def test_stacking_is_at_the_optimum() -> None:
    pointwise = torch.randn(60, 3)

    weights = stacking(pointwise)

    score = (weights.log() + pointwise).logsumexp(-1).sum()
    for other in torch.distributions.Dirichlet(torch.ones(3)).sample((200,)):
        assert (other.log() + pointwise).logsumexp(-1).sum() <= score + 1e-9


def test_arviz_takes_observations_that_are_the_same_at_all_draws() -> None:
    given = torch.cat([log_likelihood(400), torch.full((2, 200, 1), math.log(0.5))], -1)

    apart = told_apart(given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found: Any = arviz.loo(arviz_data(apart), pointwise=True, reff=1.0)

    assert (apart - given).abs().max() < 1e-11
    assert found.pareto_k.values.max() < 0.7
    torch.testing.assert_close(apart[..., :-1], given[..., :-1], rtol=0.0, atol=0.0)
