"""Traced steps beside those that run as written; the backend is the graph itself."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import (
    RenyiELBO,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
    config_enumerate,
)
from torch import Tensor
from torch.fx import GraphModule

from pyro_activeinf import VariationalFreeEnergy
from pyro_activeinf.free_energy import ComplexityWeight
from pyro_activeinf.learning import FallbackWarning
from pyro_activeinf.learning.annealing import Linear
from pyro_activeinf.learning.batches import Whole
from pyro_activeinf.learning.compilation import Compiled
from pyro_activeinf.learning.gradients import Eager
from pyro_activeinf.learning.program import Program

from .programs import Regression, Weights, line, stored_guide, stored_model, uncompiled


def eager(model: Any, guide: Any, loss: Any = None, clip_norm: float | None = None) -> Eager:
    program = Program(model, guide, loss or Trace_ELBO(), Whole(line()))
    with program.local(), program.unchanged():
        program.first(line())
    return Eager(program, clip_norm)


def steps(gradients: Any, program: Program, count: int) -> list[Tensor]:
    """Losses, norms and parameters along plain gradient descent."""
    found = []
    pyro.set_rng_seed(11)
    with program.local():
        for _ in range(count):
            program.clear()
            loss, norm = gradients(line())
            for leaf in program.trained.values():
                if leaf.grad is not None:
                    leaf.data.sub_(0.001 * leaf.grad)
            found += [torch.as_tensor(loss), norm]
    return found + [leaf.detach().clone() for leaf in program.leaves.values()]


def both_ways(
    model: Any, guide: Any, loss: Callable[[], Any], clip_norm: float | None = None
) -> tuple[list[Tensor], list[Tensor], Compiled]:
    results: list[Any] = []
    for ways in (False, True):
        with pyro.get_param_store().scope():
            pyro.set_rng_seed(2)
            step = eager(model(), guide(), loss(), clip_norm)
            way = Compiled(step, line(), uncompiled) if ways else step
            results.append(steps(way, step.program, 6))
    return results[0], results[1], way


@config_enumerate
def mixture(x: Tensor, y: Tensor) -> None:
    rate = pyro.sample("rate", dist.Beta(1.0, 1.0))
    with pyro.plate("rows", len(x)):
        side = pyro.sample("side", dist.Bernoulli(rate))
        pyro.sample("y", dist.Normal(2.0 * side, 1.0), obs=y)


def rate_guide(x: Tensor, y: Tensor) -> None:
    a = pyro.param("a", torch.tensor(2.0), constraint=dist.constraints.positive)
    pyro.sample("rate", dist.Beta(a, a))


def sides_guide(x: Tensor, y: Tensor) -> None:
    rate_guide(x, y)
    probs = pyro.param("probs", torch.full((len(x),), 0.4), dist.constraints.unit_interval)
    with pyro.plate("rows", len(x)):
        pyro.sample("side", dist.Bernoulli(probs))


def subsampled(x: Tensor, y: Tensor) -> None:
    weights = pyro.sample("w", dist.Normal(torch.zeros(3), 1.0).to_event(1))
    with pyro.plate("rows", len(x), subsample_size=4) as rows:
        pyro.sample("y", dist.Normal(x[rows] @ weights, 1.0), obs=y[rows])


ANNEALED = partial(VariationalFreeEnergy, weight=ComplexityWeight(Linear(8)))
CASES: list[tuple[Any, Any, Callable[[], Any]]] = [
    (Regression, Weights, Trace_ELBO),
    (Regression, Weights, partial(Trace_ELBO, num_particles=3, vectorize_particles=True)),
    (Regression, Weights, TraceMeanField_ELBO),
    (Regression, Weights, TraceGraph_ELBO),
    (Regression, Weights, partial(RenyiELBO, alpha=0.5, num_particles=2)),
    (Regression, Weights, VariationalFreeEnergy),
    (Regression, Weights, ANNEALED),
    (Regression, Weights, partial(VariationalFreeEnergy, free_bits=0.3)),
    (lambda: stored_model, lambda: stored_guide, Trace_ELBO),
    (lambda: mixture, lambda: rate_guide, partial(TraceEnum_ELBO, max_plate_nesting=1)),
    (lambda: mixture, lambda: sides_guide, Trace_ELBO),
    (lambda: mixture, lambda: sides_guide, TraceGraph_ELBO),
    (lambda: subsampled, lambda: stored_guide, Trace_ELBO),
]


@pytest.mark.parametrize(("model", "guide", "loss"), CASES)
def test_traced_steps_are_those_as_written(model: Any, guide: Any, loss: Any) -> None:
    written, traced, way = both_ways(model, guide, loss)
    assert (way.reason, way.departures) == ("", 0)
    for a, b in zip(written, traced, strict=True):
        assert torch.allclose(a, b.to(a.dtype), rtol=1e-12, atol=1e-12)


def test_gradients_are_clipped_in_the_graph() -> None:
    written, traced, _ = both_ways(Regression, Weights, Trace_ELBO, clip_norm=0.1)
    for a, b in zip(written, traced, strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


def test_compiling_changes_nothing() -> None:
    loss = ANNEALED()
    step = eager(Regression(), Weights(), loss)
    before = [tensor.detach().clone() for tensor in step.program.tensors.values()]
    state = torch.get_rng_state()
    Compiled(step, line(), uncompiled)
    assert loss.step == 0
    assert torch.equal(state, torch.get_rng_state())
    assert all(leaf.grad is None for leaf in step.leaves)
    after = step.program.tensors.values()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert pyro.settings.get("validate_poutine")
    assert torch.distributions.Distribution._validate_args


def test_the_annealing_goes_on() -> None:
    loss = ANNEALED()
    step = eager(Regression(), Weights(), loss)
    steps(Compiled(step, line(), uncompiled), step.program, 5)
    assert loss.step == 5


def undecided(x: Tensor, y: Tensor) -> None:
    weights = pyro.sample("w", dist.Normal(torch.zeros(3), 1.0).to_event(1))
    noise = 1.0 if weights[0] > 0.0 else 2.0
    with pyro.plate("rows", len(x)):
        pyro.sample("y", dist.Normal(x @ weights, noise), obs=y)


def test_a_step_that_goes_another_way_is_run_as_written() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        written, traced, way = both_ways(
            lambda: undecided, lambda: stored_guide, partial(Trace_ELBO, num_particles=1)
        )
    assert 0 < way.departures < 6
    assert [w.category for w in caught] == [FallbackWarning]
    for a, b in zip(written, traced, strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


def test_a_program_that_mostly_goes_other_ways_is_given_up() -> None:
    step = eager(Regression(), Weights())
    way = Compiled(step, line(), uncompiled)
    with pytest.warns(FallbackWarning, match="arguments have other shapes"):
        deque((way(line(rows=5)) for _ in range(11)), maxlen=0)
    assert way.reason.startswith("arguments have other shapes than the example, as it is at most")


def floating(x: Tensor, y: Tensor) -> None:
    weights = pyro.sample("w", dist.Normal(torch.zeros(3), 1.0).to_event(1))
    pyro.sample("y", dist.Normal(x @ weights, float(weights[0].detach().exp())).to_event(1), obs=y)


class Forgetful(Regression):
    """Counts its calls in Python."""

    calls = 0

    def forward(self, x: Tensor, y: Tensor) -> None:
        self.calls += 1
        super().forward(x * self.calls, y)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: floating, "cannot be compiled, it takes numbers out"),
        (Forgetful, "a state of its own"),
    ],
)
def test_a_program_that_cannot_be_compiled_is_run_as_written(model: Any, reason: str) -> None:
    step = eager(model(), Weights())
    with pytest.warns(FallbackWarning, match=reason):
        way = Compiled(step, line(), uncompiled)
    assert reason in way.reason
    assert float(way(line())[1]) > 0


def test_a_compiler_that_fails_is_no_error() -> None:
    def broken(graph: GraphModule, inputs: Any) -> Any:
        raise RuntimeError("no compiler")

    with pytest.warns(FallbackWarning, match="no compiler"):
        assert Compiled(eager(Regression(), Weights()), line(), broken).reason


def test_a_loss_that_is_no_number_is_computed_again_as_written() -> None:
    step = eager(Regression(), Weights())
    way = Compiled(step, line(), uncompiled)
    x, y = line()
    with pytest.warns(FallbackWarning, match="values"), pytest.raises(ValueError, match="Expected"):
        way((x, y * torch.nan))
