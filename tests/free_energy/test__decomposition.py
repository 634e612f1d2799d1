"""Terms of F by site, step and level, against sums written out by hand."""

from __future__ import annotations

import itertools
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro import poutine
from pyro.infer import (
    ELBO,
    RenyiELBO,
    Trace_ELBO,
    TraceEnum_ELBO,
    TraceMeanField_ELBO,
    config_enumerate,
)
from pyro.infer.autoguide import (
    AutoMultivariateNormal,
    AutoNormal,
    AutoNormalMessenger,
    AutoStructured,
)
from torch import Tensor
from torch.distributions import kl_divergence

from pyro_activeinf.free_energy import VariationalFreeEnergy
from pyro_activeinf.records import FreeEnergyTerms
from tests.free_energy.programs import CASES, DATA, Pair, chain, gaussian, mixture

ADDITIVE = [case for case in CASES if not case.startswith("renyi")]


def decomposed(energy: VariationalFreeEnergy, pair: Pair, seed: int = 4) -> FreeEnergyTerms:
    pyro.set_rng_seed(seed)
    return energy.decompose(pair.model, pair.guide)


def traced(pair: Pair, seed: int = 4) -> tuple[Any, Any]:
    """The same draws, with their log-probabilities."""
    pyro.set_rng_seed(seed)
    with torch.no_grad():
        guide = poutine.trace(pair.guide).get_trace()
        model = poutine.trace(poutine.replay(pair.model, trace=guide)).get_trace()
        guide.compute_log_prob()
        model.compute_log_prob()
    return model.nodes, guide.nodes


def close(found: Tensor, expected: Any) -> None:
    assert found.shape == ()
    assert not found.requires_grad
    assert found.item() == pytest.approx(torch.as_tensor(expected).item(), abs=1e-9)


@pytest.mark.parametrize("case", ADDITIVE)
def test_terms_add_up_to_the_loss(case: str) -> None:
    elbo, pair = CASES[case]
    energy, programs = VariationalFreeEnergy(elbo()), pair()
    energy.loss(programs.model, programs.guide)  # Pyro counts the plates at the first call
    pyro.set_rng_seed(4)
    expected = energy.loss(programs.model, programs.guide)
    terms = decomposed(energy, programs)
    close(terms.total, expected)
    close(terms.complexity, sum(terms.complexity_per_site.values()))
    close(terms.accuracy, sum(terms.accuracy_per_site.values()))
    for groups in (terms.per_step, terms.per_level):
        close(sum((part.total for part in groups.values()), torch.zeros(())), expected)
        close(sum((p.accuracy for p in groups.values()), torch.zeros(())), terms.accuracy)


@pytest.mark.parametrize("make", [gaussian, lambda: gaussian(2), mixture, chain])
def test_sampled_terms_are_log_ratios(make: Any) -> None:
    pair = make()
    model, guide = traced(pair)
    terms = decomposed(VariationalFreeEnergy(), pair)
    latent = [n for n, s in guide.items() if s["type"] == "sample" and n in model and n != "points"]
    assert [*terms.complexity_per_site] == latent
    for site in latent:
        log_ratio = guide[site]["log_prob_sum"] - model[site]["log_prob_sum"]
        close(terms.complexity_per_site[site], log_ratio)
    for site, accuracy in terms.accuracy_per_site.items():
        assert model[site]["is_observed"]
        close(accuracy, model[site]["log_prob_sum"])
    assert len(terms.accuracy_per_site) == sum(
        site["type"] == "sample" and site["is_observed"] for site in model.values()
    )


@pytest.mark.parametrize("make", [gaussian, chain])
def test_analytic_terms_are_divergences(make: Any) -> None:
    pair = make()
    model, guide = traced(pair)
    terms = decomposed(VariationalFreeEnergy(TraceMeanField_ELBO()), pair)
    for site, complexity in terms.complexity_per_site.items():
        close(complexity, kl_divergence(guide[site]["fn"], model[site]["fn"]).sum())


def test_enumerated_terms_are_expectations() -> None:
    pair = mixture(enumerated=True)
    terms = decomposed(VariationalFreeEnergy(TraceEnum_ELBO()), pair)
    q, p = torch.tensor([0.1, 0.3, 0.6]), torch.tensor([0.2, 0.5, 0.3])
    close(terms.complexity_per_site["kind"], (q * (q / p).log()).sum())
    accuracy = sum(
        q[kind] * (0.4 if side else 0.6) * dist.Normal(float(kind - side), 1.0).log_prob(x)
        for kind, side, x in itertools.product(range(3), range(2), DATA)
    )
    close(terms.accuracy_per_site["x"], accuracy)


# The posterior itself


def simplex(*shape: int) -> st.SearchStrategy[Tensor]:
    """Probabilities over the last dim."""
    size = torch.Size(shape).numel()
    logits = st.lists(st.floats(-3, 3), min_size=size, max_size=size)
    return logits.map(lambda x: torch.tensor(x).reshape(shape).softmax(-1))


def joint(start: Tensor, move: Tensor, see: Tensor, seen: list[int]) -> Tensor:
    """log p(s_0..s_T, o_0..o_T) for all paths of states."""
    steps = len(seen)
    table = torch.zeros([len(start)] * steps)
    for path in itertools.product(range(len(start)), repeat=steps):
        p = start[path[0]].log() + see[path[0], seen[0]].log()
        for t in range(1, steps):
            p = p + move[path[t - 1], path[t]].log() + see[path[t], seen[t]].log()
        table[path] = p
    return table


@settings(max_examples=8)
@given(
    simplex(3), simplex(3, 3), simplex(3, 2), st.lists(st.integers(0, 1), min_size=3, max_size=3)
)
def test_free_energy_of_the_posterior_is_the_surprise(
    start: Tensor, move: Tensor, see: Tensor, seen: list[int]
) -> None:
    """A chain of states, enumerated; its posterior by the sum over all of their paths."""
    log_joint = joint(start, move, see, seen)
    log_evidence = log_joint.reshape(-1).logsumexp(0)
    posterior = (log_joint - log_evidence).exp()
    conditionals = [
        posterior.sum((1, 2)),
        posterior.sum(2) / posterior.sum((1, 2))[:, None],
        posterior / posterior.sum(2, keepdim=True),
    ]

    def model() -> None:
        state: Any = None
        for t, o in enumerate(seen):
            probs = start if state is None else move[state]
            state = pyro.sample(f"s_{t}", dist.Categorical(probs))
            pyro.sample(f"o_{t}", dist.Categorical(see[state]), obs=torch.tensor(o))

    @config_enumerate
    def guide() -> None:
        path: tuple[Tensor, ...] = ()
        for t, table in enumerate(conditionals):
            path = (*path, pyro.sample(f"s_{t}", dist.Categorical(table[path] if path else table)))

    terms = VariationalFreeEnergy(TraceEnum_ELBO(max_plate_nesting=0)).decompose(model, guide)
    close(terms.total, -log_evidence)
    for t, o in enumerate(seen):
        marginal = posterior.sum([d for d in range(3) if d != t])
        close(terms.accuracy_per_site[f"o_{t}"], (marginal * see[:, o].log()).sum())
    first = conditionals[0]
    close(terms.complexity_per_site["s_0"], (first * (first / start).log()).sum())
    assert [*terms.per_step] == [0, 1, 2]


# Steps and levels


def test_steps_and_levels_hold_their_sites() -> None:
    terms = decomposed(VariationalFreeEnergy(), chain())
    assert {step: {*part.complexity_per_site} for step, part in terms.per_step.items()} == {
        0: {"level2/context_0", "level1/state_0"},
        1: {"level1/state_1"},
        None: set(),
    }
    levels = terms.per_level
    assert [*levels] == [1, 2, None]
    assert {*levels[1].accuracy_per_site} == {"level1/view_0", "level1/view_1"}
    assert {*levels[2].accuracy_per_site} == {"level2/mood_0"}
    assert {*levels[None].accuracy_per_site} == {"bonus"}
    close(levels[None].total, -terms.per_site["bonus"])


def test_a_level_has_the_factor_below_the_level_above_it_once() -> None:
    """F_1 = KL[q(s_1) || p(s_1|s_2)] - accuracy, F_2 = KL[q(s_2) || p(s_2)], under E_q."""

    def model() -> None:
        above = pyro.sample("level2/s", dist.Normal(0.0, 1.0))
        below = pyro.sample("level1/s", dist.Normal(above, 1.0))
        pyro.sample("level1/o", dist.Normal(below, 1.0), obs=torch.tensor(1.3))

    def guide() -> None:
        pyro.sample("level2/s", dist.Normal(0.4, 0.8))
        pyro.sample("level1/s", dist.Normal(0.9, 0.6))

    elbo = Trace_ELBO(num_particles=200_000, vectorize_particles=True, max_plate_nesting=0)
    levels = decomposed(VariationalFreeEnergy(elbo), Pair(model, guide)).per_level

    def entropy(width: float) -> float:
        return dist.Normal(0.0, width).entropy().item()

    def expected_log(mean: float, variance: float) -> float:
        return dist.Normal(0.0, 1.0).log_prob(torch.tensor(mean)).item() - variance / 2

    top = -entropy(0.8) - expected_log(0.4, 0.8**2)
    link = expected_log(0.9 - 0.4, 0.6**2 + 0.8**2)
    senses = expected_log(1.3 - 0.9, 0.6**2)
    assert levels[2].total.item() == pytest.approx(top, abs=0.01)
    assert levels[1].total.item() == pytest.approx(-entropy(0.6) - link - senses, abs=0.02)


# What else there is to score


def test_what_the_guide_alone_scores_is_complexity() -> None:
    def model() -> None:
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.deterministic("double", 2 * z)
        pyro.factor("nudge", 0.25 * z)
        pyro.sample("x", dist.Normal(z, 1.0), obs=torch.tensor(1.0))

    def guide() -> None:
        aux = pyro.sample("aux", dist.Normal(0.0, 1.0), infer={"is_auxiliary": True})
        pyro.factor("twist", -aux, has_rsample=True)
        pyro.sample("z", dist.Normal(aux, 1.0))

    model_trace, guide_trace = traced(Pair(model, guide))
    terms = decomposed(VariationalFreeEnergy(), Pair(model, guide))
    assert {*terms.complexity_per_site} == {"aux", "twist", "z"}
    assert {*terms.accuracy_per_site} == {"nudge", "x"}
    for site in ("aux", "twist"):
        close(terms.complexity_per_site[site], guide_trace[site]["log_prob_sum"])
    close(terms.accuracy_per_site["nudge"], model_trace["nudge"]["log_prob_sum"])


@pytest.mark.parametrize("elbo", [Trace_ELBO, TraceMeanField_ELBO])
@pytest.mark.parametrize("auto", [AutoNormal, AutoStructured])
def test_what_an_auto_guide_draws_for_a_site_is_of_that_site(auto: Any, elbo: type[ELBO]) -> None:
    pair = chain()
    guide = auto(pair.model)
    pyro.set_rng_seed(1)
    guide()
    pyro.set_rng_seed(4)
    expected = elbo().loss(pair.model, guide)
    terms = decomposed(VariationalFreeEnergy(elbo()), Pair(pair.model, guide))
    close(terms.total, expected)
    sites = {"level2/context_0", "level1/state_0", "level1/state_1"}
    assert {*terms.complexity_per_site} == sites
    assert {*terms.per_level} == {1, 2, None}
    close(terms.per_level[None].complexity, 0.0)


@pytest.mark.parametrize("auto", [AutoMultivariateNormal, AutoNormalMessenger])
def test_auto_guides_add_up(auto: Any) -> None:
    pair = gaussian()
    guide = auto(pair.model)
    pyro.set_rng_seed(1)
    guide()
    pyro.set_rng_seed(4)
    expected = Trace_ELBO().loss(pair.model, guide)
    terms = decomposed(VariationalFreeEnergy(), Pair(pair.model, guide))
    close(terms.total, expected)
    assert {"mean", "z"} <= {*terms.complexity_per_site}
    assert {*terms.accuracy_per_site} == {"x"}


def test_what_is_summed_out_of_the_model_is_evidence() -> None:
    elbo, pair = CASES["enum, model"]
    terms = decomposed(VariationalFreeEnergy(elbo()), pair())
    _, guide = traced(Pair(poutine.block(pair().model, hide=["kind"]), pair().guide))
    mean = guide["mean"]["value"]
    options = torch.stack([torch.zeros(()), mean])[:, None]
    log_joint = dist.Normal(options, 1.0).log_prob(DATA) + torch.tensor([[0.7], [0.3]]).log()
    close(terms.accuracy_per_site["x"], log_joint.logsumexp(0).sum())
    assert {*terms.complexity_per_site} == {"mean"}
    assert {*terms.accuracy_per_site} == {"x"}


def test_options_do_not_change_free_energy_itself() -> None:
    energy = VariationalFreeEnergy(weight=lambda site, step: 0.1, free_bits=30.0)
    assert (
        decomposed(energy, gaussian()).total
        == decomposed(VariationalFreeEnergy(), gaussian()).total
    )


def test_programs_get_their_numbers() -> None:
    """A tensor that the program makes a number of stays one, in the same process."""
    kinds: set[type] = set()

    def model() -> None:
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        kinds.add(type(z.item()))
        pyro.sample("x", dist.Normal(z.item(), 1.0), obs=torch.tensor(1.0))

    def guide() -> None:
        kinds.add(type(pyro.sample("z", dist.Normal(0.0, 1.0)).item()))

    decomposed(VariationalFreeEnergy(), Pair(model, guide))
    assert kinds == {float}
    assert isinstance(torch.ones(()).item(), float)


def test_it_works_where_gradients_are_off_and_leaves_none() -> None:
    pair = gaussian()
    with torch.no_grad():
        terms = decomposed(VariationalFreeEnergy(), pair)
        assert not torch.is_grad_enabled()
    close(terms.total, decomposed(VariationalFreeEnergy(), pair).total)
    assert all(p.grad is None for _, p in pyro.get_param_store().named_parameters())


def test_programs_without_sites() -> None:
    terms = VariationalFreeEnergy().decompose(lambda: None, lambda: None)
    close(terms.total, 0.0)
    assert terms.per_site == terms.complexity_per_site == {}


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_renyis_bound_is_no_sum_over_sites(alpha: float) -> None:
    energy = VariationalFreeEnergy(RenyiELBO(alpha=alpha, num_particles=3))
    with pytest.raises(ValueError, match="`elbo`: expected one whose value is a sum over sites"):
        decomposed(energy, gaussian())
