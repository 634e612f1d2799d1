"""What is compared of a trial: choices, response times, or both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.behavior import (
    BehaviorFit,
    ChoiceModel,
    Choices,
    Laplace,
    LogNormalTimes,
    compare,
    fit,
)
from pyro_activeinf.behavior.compare.pointwise import pointwise
from tests.behavior.coin import Coin, coins, tosses
from tests.behavior.persons import Guessing


def timed(scale: float) -> ChoiceModel:
    def program() -> None:
        pyro.sample("heads", dist.Beta(2.0, 3.0))

    def times(p: Mapping[str, Tensor]) -> LogNormalTimes:
        zero = torch.zeros_like(p["heads"])
        return LogNormalTimes(zero, zero, zero + scale)

    return ChoiceModel(program, lambda p: Coin(p["heads"]), response_times=times)


def clocked() -> Choices:
    """Logarithms of times are standard normal; one of them is missing."""
    choices = tosses()
    generator = torch.Generator().manual_seed(0)
    shape = choices.actions.shape
    times = torch.randn(shape, dtype=torch.float64, generator=generator).exp()
    times[0, 0] = torch.nan
    return replace(choices, response_times=times)


CHOICES = clocked()


def fitted(model: ChoiceModel, choices: Choices = CHOICES) -> BehaviorFit:
    return fit(model, choices, Guessing(50), progress=False)


def test_a_density_of_both_is_that_of_the_choice_and_then_of_its_time() -> None:
    found = fitted(timed(0.5))
    logs = CHOICES.seconds.log()
    normal = torch.distributions.Normal(0.0, 0.5).log_prob(logs) - logs
    expected = found.log_likelihood + torch.where(CHOICES.timed, normal, 0.0)
    both = pointwise(found, ("choice", "response_time"))
    torch.testing.assert_close(both, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(pointwise(found, ("choice",)), found.log_likelihood)


def test_by_default_all_that_every_model_speaks_of() -> None:
    right, wrong, silent = fitted(timed(1.0)), fitted(timed(0.4)), fitted(coins())
    assert compare({"right": right, "wrong": wrong}).variables == ("choice", "response_time")
    assert compare({"right": right, "silent": silent}).variables == ("choice",)


def test_times_tell_models_apart_whose_choices_are_the_same() -> None:
    """The draws are the same for all trials: the gap is that of the times, exactly."""
    fits = {"right": fitted(timed(1.0)), "wrong": fitted(timed(0.4))}
    gap, _ = compare(fits, variables="response_time").difference("right", "wrong")
    logs = CHOICES.seconds.log()[CHOICES.timed]
    normals = [torch.distributions.Normal(0.0, s).log_prob(logs).sum() for s in (1.0, 0.4)]
    assert gap == pytest.approx(float(normals[0] - normals[1]), abs=1e-9)
    assert compare(fits).best == "right"


def test_evidence_of_other_data_does_not_count() -> None:
    engine = Laplace(draws=100)
    fits = {
        name: fit(model, CHOICES, engine, progress=False)
        for name, model in (("timed", timed(1.0)), ("silent", coins()))
    }
    assert compare(fits).evidence_kind == "leave-one-out"
    both = dict.fromkeys("ab", fits["timed"])
    assert compare(both).evidence_kind == "log evidence"
    assert compare(both, variables=["choice"]).evidence_kind == "leave-one-out"


def test_what_is_not_shared_is_refused() -> None:
    fits = {"timed": fitted(timed(1.0)), "silent": fitted(coins())}
    with pytest.raises(
        ValueError, match=r"`variables`: .*of which \['silent'\] have no likelihood"
    ):
        compare(fits, variables=("choice", "response_time"))
    with pytest.raises(ValueError, match=r"`variables`: expected names among .*'rt'"):
        compare(fits, variables="rt")
    with pytest.raises(ValueError, match=r"`variables`: .*got none"):
        compare(fits, variables=())
    with pytest.raises(TypeError, match="`variables`"):
        compare(fits, variables=3)  # type: ignore[arg-type]
    slower = replace(CHOICES, response_times=2 * CHOICES.seconds)
    others = {"a": fitted(timed(1.0)), "b": fitted(timed(1.0), slower)}
    with pytest.raises(ValueError, match="`fits`: expected fits of the same response times"):
        compare(others)
    assert compare(others, variables="choice").variables == ("choice",)
