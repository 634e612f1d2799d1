"""The exact guide: every sample has the same F, the evidence, with the gradient of it."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceEnum_ELBO, TraceGraph_ELBO, config_enumerate
from torch import Tensor, nn

from pyro_activeinf import VariationalFreeEnergy
from pyro_activeinf.compile import compile_program
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.guides import Exact
from pyro_activeinf.models import GenerativeModel, Tiger, TMaze, unroll
from tests import oracles
from tests.bridge import library_actions, library_observations, pomdp
from tests.compile.programs import RandomProgram
from tests.models.episodes import Batch, log_evidence, random_batch
from tests.oracles import Arrays
from tests.strategies import SEEDS, Episode, models_with_episodes

HEARD = {"growl": torch.tensor([[0, 0, 1], [1, -1, 0]])}, torch.tensor([0, 0])


def seen_in(batch: Batch, tables: Any, size: int, steps: int) -> dict[str, Tensor]:
    """Observations of a batch; all missing where there are none, to tell its shape."""
    site = tables.outcomes[0]
    nothing = torch.full((size, steps, *site.support.shape[1:]), -1)
    return batch.observations or {site.name: nothing}


@given(SEEDS, SEEDS, st.integers(1, 3), st.integers(1, 4), st.booleans())
@settings(max_examples=30)
def test_each_sample_gives_the_evidence_of_any_program(
    program_seed: int, episode_seed: int, size: int, steps: int, vectorized: bool
) -> None:
    program = RandomProgram(program_seed)
    tables = compile_program(program)
    batch = random_batch(program, tables, episode_seed, size, steps)
    args = seen_in(batch, tables, size, steps), batch.actions
    elbo = Trace_ELBO(3, max_plate_nesting=1, vectorize_particles=vectorized)
    loss = elbo.loss(partial(unroll, program), Exact(program), *args)  # type: ignore[arg-type]
    assert loss == pytest.approx(-log_evidence(tables, batch), abs=1e-9)


@given(st.integers(1, 4).flatmap(models_with_episodes))
@settings(max_examples=15)
def test_free_energy_is_that_of_brute_force(case: tuple[Arrays, Episode]) -> None:
    arrays, episode = case
    model = pomdp(arrays)
    args = library_observations(episode.observations), library_actions(arrays, episode.actions)
    expected = -oracles.log_evidence(arrays, *episode)
    guide = Exact(model)
    assert Trace_ELBO().loss(model, guide, *args) == pytest.approx(expected, abs=1e-9)
    enumerated = TraceEnum_ELBO(max_plate_nesting=0).loss(model, config_enumerate(guide), *args)
    assert enumerated == pytest.approx(expected, abs=1e-9)
    terms = VariationalFreeEnergy().decompose(model, guide, *args)
    assert terms.total.sum().item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("elbo", [Trace_ELBO, TraceGraph_ELBO])
@pytest.mark.parametrize("vectorized", [False, True])
def test_other_elbos_and_vectorized_particles(elbo: Any, vectorized: bool) -> None:
    model = Tiger().double()
    estimate = elbo(4, max_plate_nesting=1, vectorize_particles=vectorized)
    expected = ExactFilter(model).smooth(*HEARD).free_energy.sum().item()
    assert estimate.loss(model, Exact(model), *HEARD) == pytest.approx(expected, abs=1e-9)


def test_samples_follow_the_smoothing_posterior() -> None:
    model = Tiger().double()
    args = {"growl": torch.tensor([0, 1, 1])}, torch.tensor([0, 0])
    guide = Exact(model)
    count = 4000
    with pyro.plate("samples", count, dim=-1):
        states = guide(*args)
    joint = torch.stack([state["tiger"] for state in states], -1).double()
    smoothing = guide.posterior(*args)
    marginals = smoothing.marginals["tiger"].probs[:, 1]
    assert torch.allclose(joint.mean(0), marginals, atol=0.03)
    assert bool((joint == joint[:, :1]).all())  # nothing was opened: it stays where it is


class Learned(GenerativeModel):
    """A chain of two linked sites whose tables are parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.randn(2))
        self.turns = nn.Parameter(torch.randn(2, 3, 2))
        self.linked = nn.Parameter(torch.randn(2, 3))
        self.shows = nn.Parameter(torch.randn(2, 3, 4))

    def initial(self) -> tuple[Tensor, Tensor]:
        a = pyro.sample("a", dist.Categorical(logits=self.start))
        return a, pyro.sample("b", dist.Categorical(logits=self.linked[a]))

    def transition(self, state: tuple[Tensor, Tensor], action: Any) -> tuple[Tensor, Tensor]:
        a, b = state
        a = pyro.sample("a", dist.Categorical(logits=self.turns[a, b]))
        return a, pyro.sample("b", dist.Categorical(logits=self.linked[a]))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        a, b = state
        pyro.sample("o", dist.Categorical(logits=self.shows[a, b]))


def test_gradients_are_those_of_the_evidence_without_variance() -> None:
    model = Learned()
    observations = {"o": torch.tensor([[0, 3, -1, 2], [1, 1, 0, 3]])}
    parameters = list(model.parameters())
    evidence = ExactFilter(model).smooth(observations).free_energy.sum()
    expected = torch.autograd.grad(evidence, parameters)
    for elbo in (Trace_ELBO(), VariationalFreeEnergy()):
        for _ in range(3):
            loss = elbo.differentiable_loss(model, Exact(model), observations)
            found = torch.autograd.grad(loss, parameters)
            for one, other in zip(found, expected, strict=True):
                assert torch.allclose(one, other, atol=1e-9)


def test_gradients_under_enumeration() -> None:
    model = Learned()
    observations = {"o": torch.tensor([0, 3, -1, 2])}
    parameters = list(model.parameters())
    evidence = ExactFilter(model).smooth(observations).free_energy
    expected = torch.autograd.grad(evidence, parameters)
    elbo = TraceEnum_ELBO(max_plate_nesting=0)
    loss = elbo.differentiable_loss(model, config_enumerate(Exact(model)), observations)
    for one, other in zip(torch.autograd.grad(loss, parameters), expected, strict=True):
        assert torch.allclose(one, other, atol=1e-9)


def test_the_guide_follows_the_parameters_of_the_model() -> None:
    model, observations = Learned(), {"o": torch.tensor([0, 3, 1])}
    guide = Exact(model)
    elbo = Trace_ELBO()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = elbo.differentiable_loss(model, guide, observations)
        loss.backward()
        losses.append(loss.item())
        assert loss.item() == pytest.approx(guide.posterior(observations).free_energy.item())
        optimizer.step()
    assert losses == sorted(losses, reverse=True)


class Linked(GenerativeModel):
    """One observation site depends on another, which may be missing."""

    def initial(self) -> Tensor:
        return pyro.sample("s", dist.Categorical(torch.tensor([0.3, 0.7])))

    def transition(self, state: Tensor, action: Any) -> Tensor:
        return pyro.sample("s", dist.Categorical(torch.tensor([[0.9, 0.1], [0.2, 0.8]])[state]))

    def observe(self, state: Tensor) -> None:
        cause = pyro.sample("cause", dist.Bernoulli(torch.tensor([0.2, 0.6])[state]))
        shown = torch.tensor([[0.9, 0.1], [0.5, 0.3]])[state, cause.long()]
        pyro.sample("effect", dist.Bernoulli(shown))


@pytest.mark.parametrize(
    "cause", [[-1.0, 1.0, -1.0], [-1.0, -1.0, -1.0], [0.0, 1.0, 1.0], [math.nan, 0.0, 0.0]]
)
def test_missing_causes_of_what_was_seen_are_recognized_too(cause: list[float]) -> None:
    model = Linked()
    causes = torch.stack([torch.tensor(cause), torch.tensor([0.0, 1.0, 0.0])])
    args = ({"cause": causes, "effect": torch.tensor([1.0, 0.0, 1.0])},)
    expected = ExactFilter(model).smooth(*args).free_energy.sum().item()
    loss = Trace_ELBO(max_plate_nesting=1).loss(model, Exact(model), *args)
    assert loss == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("observations", [None, {}, {"position": torch.full((3,), -1)}])
def test_without_observations_it_is_the_prior(observations: Any) -> None:
    model = TMaze().double()
    guide = Exact(model)
    states = guide(observations, torch.tensor([3, 1]))
    assert [int(state["location"]) for state in states] == [0, 3, 1]
    if observations is not None:
        loss = Trace_ELBO().loss(model, guide, observations, torch.tensor([3, 1]))
        assert loss == pytest.approx(0.0, abs=1e-9)


def test_sites_and_plates_are_those_of_the_model() -> None:
    model = Tiger().double()
    recognized = poutine.trace(Exact(model)).get_trace(*HEARD)
    generated = poutine.trace(model).get_trace(*HEARD)
    assert set(recognized.stochastic_nodes) == set(generated.stochastic_nodes)
    for name in ("tiger_0", "door_2"):
        frames = [trace.nodes[name]["cond_indep_stack"] for trace in (recognized, generated)]
        assert frames[0] == frames[1]


def test_what_cannot_have_been_seen_is_refused() -> None:
    with pytest.raises(ValueError, match="positive probability"):
        Exact(TMaze())({"position": torch.tensor([4])})


def test_a_class_is_no_model() -> None:
    with pytest.raises(TypeError, match="Hand in an instance"):
        Exact(TMaze)  # type: ignore[arg-type]
