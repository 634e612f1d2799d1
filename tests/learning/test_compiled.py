"""Compiled steps beside those of Pyro; the one test that waits for a compiler."""

from __future__ import annotations

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from torch import Tensor

from pyro_activeinf.learning import FallbackWarning, compiled
from pyro_activeinf.learning.compiled import CompiledSteps

from .programs import Regression, Weights, line, parameters, uncompiled

ADAM = partial(torch.optim.Adam, lr=0.05)


def branching(x: Tensor, y: Tensor) -> None:
    """Many draws, whose order matters, and a decision that always goes one way."""
    weights = pyro.sample("w", dist.Normal(torch.zeros(3), 1.0).to_event(1))
    noise = 1.0 if (weights.abs() < 1e6).all() else 2.0
    with pyro.plate("rows", len(x)):
        shift = torch.randn(len(x)) + torch.rand(len(x)) + torch.randn(())
        pyro.sample("y", dist.Normal((x * weights).sum(-1) + 0.1 * shift, noise), obs=y)


@pytest.fixture(scope="module")
def learned() -> tuple[CompiledSteps, list[float], list[float], list[list[Tensor]]]:
    """Compiled steps, their losses and those of SVI, and where both lead."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    guides = Weights(), Weights()
    with pyro.get_param_store().scope():
        svi = SVI(branching, guides[0], pyro.optim.Adam({"lr": 0.05}), Trace_ELBO())
        pyro.set_rng_seed(3)
        expected = [svi.step(*line()) for _ in range(100)]
    steps = compiled(branching, guides[1], Trace_ELBO(), *line(), optimizer=ADAM)
    pyro.set_rng_seed(3)
    found = [steps.step(*line()).item() for _ in range(100)]
    torch.set_default_dtype(dtype)
    return steps, found, expected, [parameters(guide) for guide in guides]


def test_compiled_steps_have_the_trajectory_of_svi(learned: tuple) -> None:
    steps, found, expected, (ours, theirs) = learned
    assert (steps.reason, steps.departures) == ("", 0)
    assert found == pytest.approx(expected, abs=1e-9)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-9)


def test_the_time_to_compile_is_told(learned: tuple) -> None:
    assert learned[0].seconds > 0


def test_a_step_returns_the_loss_before_it() -> None:
    model, guide = Regression(), Weights()
    steps = compiled(model, guide, Trace_ELBO(), *line(), backend=uncompiled)
    pyro.set_rng_seed(1)
    expected = Trace_ELBO().loss(model, guide, *line())
    before = parameters(guide)
    pyro.set_rng_seed(1)
    loss = steps.step(*line())
    assert loss.shape == ()
    assert loss.item() == pytest.approx(expected, abs=1e-12)
    assert not torch.equal(before[0], parameters(guide)[0])


def test_the_example_changes_nothing_but_what_it_makes() -> None:
    guide, state = Weights(), torch.get_rng_state()
    before = parameters(guide)
    compiled(Regression(), guide, Trace_ELBO(), *line(), backend=uncompiled)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(before[0], parameters(guide)[0])


def test_other_shapes_are_run_as_written() -> None:
    steps = compiled(Regression(), Weights(), Trace_ELBO(), *line(), backend=uncompiled)
    with pytest.warns(FallbackWarning, match="arguments have other shapes than the example"):
        assert steps.step(*line(rows=5)) < steps.step(*line(rows=50))
    assert (steps.reason, steps.departures) == ("", 2)
