"""Programs read as factors, against filters, smoothers, sums and what is written by hand."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.conjugacy import (
    ApproximateMessageWarning,
    Categorical,
    DiscreteChain,
    Gamma,
    GaussianChain,
    MultivariateGaussian,
    Program,
    Transformed,
)
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.messages import FactorGraph, SumProduct, VariationalMessagePassing
from pyro_activeinf.models import POMDP, LinearGaussian
from tests import kalman


def inferred(model: Any, *args: Any, **options: Any) -> tuple[Any, VariationalMessagePassing]:
    passing = VariationalMessagePassing(FactorGraph.from_program(model, *args, **options), 200)
    return passing.update_beliefs(), passing


def test_densities_at_certain_beliefs_are_those_of_the_program() -> None:
    """E_q[log f] of a q that is certain is log f: the interpolation is exact."""

    def model(x: Tensor) -> None:
        share = pyro.sample("share", dist.Dirichlet(torch.ones(2)))
        with pyro.plate("kinds", 2):
            place = pyro.sample("place", dist.Normal(0.0, 3.0))
            noise = pyro.sample("noise", dist.Gamma(2.0, 1.0))
        with pyro.plate("rows", 3):
            kind = pyro.sample("kind", dist.Categorical(share))
            pyro.sample("x", dist.Normal(place[kind], noise[kind].rsqrt()), obs=x)

    x = torch.randn(3)
    program = Program.read(model, (x,))
    share, place = torch.tensor([0.3, 0.7]), torch.tensor([-1.3, 2.2])
    noise, kind = torch.tensor([0.4, 3.0]), torch.tensor([1, 0, 1])
    values = {"share": share, "place": place, "noise": noise, "kind": kind}
    means = {n: v.family.statistics(values[n]) for n, v in program.variables.items()}
    found = {factor.name: factor.expected(means) for factor in program.factors}
    torch.testing.assert_close(found["kind"], share[kind].log().sum())
    wanted = dist.Normal(place[kind], noise[kind].rsqrt()).log_prob(x).sum()
    torch.testing.assert_close(found["x"], wanted)
    prior = dist.Gamma(2.0, 1.0).log_prob(noise).sum() + noise.log().sum()  # less the base 1/x
    torch.testing.assert_close(found["noise"], prior)


def test_a_sum_over_a_plate_makes_one_vector() -> None:
    design, y = torch.randn(15, 3), torch.randn(15)

    def model() -> None:
        with pyro.plate("columns", 3):
            weights = pyro.sample("weights", dist.Normal(0.0, torch.tensor([1.0, 2.0, 3.0])))
        with pyro.plate("rows", 15):
            pyro.sample("y", dist.Normal(design @ weights, 0.5), obs=y)

    found, passing = inferred(model)
    precision = torch.diag(torch.tensor([1.0, 2.0, 3.0]) ** -2) + 4 * design.T @ design
    loc = torch.linalg.solve(precision, 4 * design.T @ y)
    torch.testing.assert_close(found["weights"].loc, loc, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(found["weights"].precision_matrix, precision, rtol=1e-8, atol=1e-8)
    assert passing.graph.variables["weights"].family == MultivariateGaussian(3)


def coins(seen: Tensor, table: Tensor, shows: Tensor) -> None:
    state = None
    for t in range(len(seen)):
        probs = torch.ones(2) / 2 if state is None else table[state]
        state = pyro.sample(f"s_{t}", dist.Categorical(probs))
        pyro.sample(f"o_{t}", dist.Categorical(shows[state]), obs=seen[t])


def test_a_hidden_markov_model_is_read_as_a_chain() -> None:
    table, shows = torch.rand(2, 2).softmax(-1), torch.rand(2, 3).softmax(-1)
    seen = torch.randint(3, (9,))
    found, passing = inferred(coins, seen, table, shows)
    model = POMDP(A=[shows.T], B=[table.T.unsqueeze(-1)], D=[torch.ones(2) / 2])
    smoothed = ExactFilter(model).smooth({"o0": seen}, torch.zeros(8, dtype=torch.long))
    assert passing.graph.variables["s"].family == DiscreteChain(9, 2)
    torch.testing.assert_close(found["s"].probs, smoothed.probs, rtol=0, atol=1e-8)
    assert passing.free_energy[-1].item() == pytest.approx(smoothed.free_energy.item(), rel=1e-9)


def test_steps_can_be_kept_apart() -> None:
    table, shows = torch.rand(2, 2).softmax(-1), torch.rand(2, 3).softmax(-1)
    seen = torch.randint(3, (4,))
    together, apart = (
        inferred(coins, seen, table, shows, apart=names)[1] for names in ((), ("s",))
    )
    assert apart.graph.variables["s_2"].family == Categorical(2)
    assert apart.free_energy[-1] > together.free_energy[-1]  # a mean field is a bound


def test_a_linear_dynamical_system_is_read_as_a_chain() -> None:
    system = kalman.random_system(5, n=2, m=1, k=None)
    seen, _ = kalman.simulate(system, 0, 8)
    model = LinearGaussian(
        system.A,
        C=system.C,
        Q=system.Q,
        R=system.R,
        mean=system.mean,
        cov=system.cov,
        offset=system.offset,
    )
    found, passing = inferred(model, {"o": torch.as_tensor(seen)})
    truth = kalman.smooth(system, seen)
    assert passing.graph.variables["s"].family == GaussianChain(8, 2)
    assert np.abs(found["s"].loc.numpy() - truth.means).max() < 1e-8
    assert np.abs(found["s"].covariance_matrix.numpy() - truth.covs).max() < 1e-8
    assert passing.free_energy[-1].item() == pytest.approx(-truth.log_evidence, rel=1e-9)


def test_chains_in_a_plate_are_as_many_chains() -> None:
    x = torch.randn(5, 3)

    def model(x: Tensor) -> None:
        level = None
        with pyro.plate("series", x.shape[1]):
            for t in range(len(x)):
                before = torch.zeros(x.shape[1]) if level is None else 0.9 * level
                level = pyro.sample(f"level_{t}", dist.Normal(before, 1.0))
                pyro.sample(f"x_{t}", dist.Normal(level, 0.5), obs=x[t])

    many, _ = inferred(model, x)
    one, _ = inferred(model, x[:, 1:2])
    assert many["level"].loc.shape == (3, 5, 1)
    torch.testing.assert_close(many["level"].loc[1], one["level"].loc[0], rtol=1e-9, atol=1e-9)


def test_a_chain_with_unknown_parameters_lowers_f() -> None:
    x = torch.randn(12)

    def model(x: Tensor) -> None:
        with pyro.plate("rows", 2):
            table = pyro.sample("table", dist.Dirichlet(torch.ones(2)))
            place = pyro.sample("place", dist.Normal(0.0, 3.0))
        state = None
        for t in range(len(x)):
            probs = torch.ones(2) / 2 if state is None else table[state]
            state = pyro.sample(f"s_{t}", dist.Categorical(probs))
            pyro.sample(f"x_{t}", dist.Normal(place[state], 1.0), obs=x[t])

    found, passing = inferred(model, x)
    assert passing.free_energy.diff().max() <= 1e-9
    assert found["table"].concentration.sum().item() == pytest.approx(4 + 11)  # all transitions
    pairs = passing.beliefs.variables["s"].family.moments(passing.beliefs.means["s"]).pairs
    torch.testing.assert_close(found["table"].concentration, 1 + pairs.sum(0), rtol=1e-3, atol=1e-3)


def test_what_bends_is_told() -> None:
    def model() -> None:
        level = pyro.sample("level", dist.Normal(0.0, 1.0))
        scale = pyro.sample("scale", dist.LogNormal(0.0, 1.0))
        pyro.sample("x", dist.Normal(level.sin(), scale), obs=torch.tensor(0.5))

    with pytest.warns(ApproximateMessageWarning) as told:
        program = Program.read(model, ())
    texts = [str(each.message) for each in told]
    assert texts == ["The site x has no conjugate messages to level, scale: those are Sampled."]
    assert isinstance(program.variables["scale"].family, Transformed)
    assert program.variables["scale"].family.distribution(torch.tensor([0.0, -0.5])).sample() > 0


def test_what_does_not_bend_is_quiet() -> None:
    def model() -> None:
        rate = pyro.sample("rate", dist.Exponential(2.0))
        with pyro.plate("rows", 3):
            pyro.sample("x", dist.Poisson(rate), obs=torch.tensor([1.0, 0.0, 4.0]))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, passing = inferred(model)
    assert passing.graph.variables["rate"].family == Gamma()
    assert (found["rate"].concentration.item(), found["rate"].rate.item()) == pytest.approx((6, 5))


def test_programs_that_do_not_broadcast_are_run_again_and_again() -> None:
    def model() -> None:
        kind = pyro.sample("kind", dist.Categorical(torch.tensor([0.5, 0.5])))
        if int(kind) == 1:  # vmap cannot follow
            pyro.sample("x", dist.Normal(1.0, 1.0), obs=torch.tensor(1.0))
        else:
            pyro.sample("x", dist.Normal(-1.0, 1.0), obs=torch.tensor(1.0))

    reading = Program.read(model, ()).reading
    kind = {"kind": torch.tensor([0, 1])}
    found = reading.table(reading.sites["x"], kind, {})
    wanted = dist.Normal(torch.tensor([-1.0, 1.0]), 1.0).log_prob(torch.tensor(1.0))
    torch.testing.assert_close(found, wanted)


def test_masks_and_scales_count() -> None:
    x = torch.tensor([1.0, 2.0, 30.0])

    def model() -> None:
        level = pyro.sample("level", dist.Normal(0.0, 1.0))
        seen = pyro.poutine.mask(mask=torch.tensor([True, True, False]))
        with pyro.plate("rows", 3), seen, pyro.poutine.scale(scale=2.0):
            pyro.sample("x", dist.Normal(level, 1.0), obs=x)

    found, _ = inferred(model)
    assert found["level"].loc.item() == pytest.approx(6.0 / 5.0)


def test_what_depends_on_nothing_latent_is_part_of_f() -> None:
    loc = torch.tensor(1.0, requires_grad=True)

    def model() -> None:
        x = pyro.sample("x", dist.Normal(0.0, 1.0))
        pyro.sample("y", dist.Normal(x, 1.0), obs=torch.tensor(1.0))
        with pyro.plate("rows", 2):
            pyro.sample("alone", dist.Normal(loc, 1.0), obs=torch.tensor([3.0, 4.0]))

    passing = VariationalMessagePassing(FactorGraph.from_program(model))
    passing.update_beliefs()
    seen = dist.Normal(0.0, 2**0.5).log_prob(torch.tensor(1.0))
    wanted = seen + dist.Normal(loc, 1.0).log_prob(torch.tensor([3.0, 4.0])).sum()
    torch.testing.assert_close(passing.free_energy[-1], -wanted.detach().double())
    (slope,) = torch.autograd.grad(passing.graph.free_energy(passing.beliefs), loc)
    assert slope.item() == pytest.approx(-5.0)


def test_nothing_latent_is_named() -> None:
    with pytest.raises(ValueError, match="a program with latent sites"):
        Program.read(lambda: pyro.sample("x", dist.Normal(0.0, 1.0), obs=torch.tensor(0.0)), ())


def test_discrete_sites_that_cannot_be_listed_are_named() -> None:
    with pytest.raises(ValueError, match="`x`: expected at most 4,096 values"):
        Program.read(lambda: pyro.sample("x", dist.Multinomial(900, torch.ones(4) / 4)), ())


def test_sums_of_products_of_a_program_are_exact() -> None:
    table, shows = torch.rand(2, 2).softmax(-1), torch.rand(2, 3).softmax(-1)
    seen = torch.randint(3, (5,))
    joint, _ = inferred(coins, seen, table, shows)
    graph = FactorGraph.from_program(coins, seen, table, shows, apart=("s",))
    found: Any = SumProduct(graph).update_beliefs()
    for t in range(5):
        torch.testing.assert_close(found[f"s_{t}"].probs, joint["s"].probs[t], rtol=0, atol=1e-9)


def test_gradients_of_f_reach_parameters_of_the_program() -> None:
    """Of the evidence of a chain, against finite differences."""
    seen = torch.randint(3, (6,))
    shows = torch.rand(2, 3).softmax(-1)
    logits = torch.randn(2, 2)

    def energy(logits: Tensor) -> Tensor:
        graph = FactorGraph.from_program(coins, seen, logits.softmax(-1), shows)
        passing = VariationalMessagePassing(graph)
        passing.update_beliefs()
        assert not passing.free_energy.requires_grad
        return graph.free_energy(passing.beliefs)

    point = logits.clone().requires_grad_()
    (slope,) = torch.autograd.grad(energy(point), point)
    step = torch.zeros(2, 2)
    step[0, 1] = 1e-5
    wanted = (energy(logits + step) - energy(logits - step)) / 2e-5
    torch.testing.assert_close(slope[0, 1], wanted, rtol=1e-6, atol=1e-6)


def test_too_many_numbers_for_a_table_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyro_activeinf.conjugacy.site_factor.LARGEST", 10)

    def model() -> None:
        level = pyro.sample("level", dist.Normal(0.0, 1.0))
        with pyro.plate("rows", 20):
            pyro.sample("x", dist.Normal(level, 1.0), obs=torch.ones(20))

    with pytest.warns(ApproximateMessageWarning, match="x has no conjugate messages to level"):
        found, _ = inferred(model)
    assert found["level"].loc.item() == pytest.approx(20 / 21, abs=0.05)


def test_what_is_indexed_by_hand_may_be_in_any_order() -> None:
    order = torch.tensor([2, 0, 1, 1])
    y = torch.tensor([1.0, 2.0, 3.0, 5.0])

    def model() -> None:
        with pyro.plate("groups", 3):
            level = pyro.sample("level", dist.Normal(0.0, 1.0))
        with pyro.plate("rows", 4):
            pyro.sample("y", dist.Normal(level[order], 1.0), obs=y)

    found, passing = inferred(model)
    torch.testing.assert_close(found["level"].loc, torch.tensor([2 / 2, 8 / 3, 1 / 2]))
    assert passing.graph.variables["level"].batch_shape == (3,)


def test_only_a_reading_of_some_elements_makes_a_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyro_activeinf.conjugacy.tables.MOST_ELEMENTS", 2)

    def model() -> None:
        with pyro.plate("groups", 3):
            level = pyro.sample("level", dist.Normal(0.0, 1.0))
        pyro.sample("y", dist.Normal(level[1], 1.0), obs=torch.tensor(4.0))

    found, _ = inferred(model)
    torch.testing.assert_close(found["level"].loc, torch.tensor([0.0, 2.0, 0.0]))


def test_what_a_program_draws_by_itself_is_drawn_once() -> None:
    def model() -> None:
        weights = pyro.sample("weights", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        design = torch.randn(10, 2)
        with pyro.plate("rows", 10):
            pyro.sample("y", dist.Normal(design @ weights, 0.1), obs=design.sum(-1))

    found, passing = inferred(model)
    assert passing.graph.approximate == []
    torch.testing.assert_close(found["weights"].loc, torch.ones(2), rtol=0, atol=0.02)


def cubes(y: Tensor) -> None:
    """Steep in a vector."""
    v = pyro.sample("v", dist.MultivariateNormal(torch.zeros(2), torch.eye(2)))
    with pyro.plate("rows", len(y)):
        pyro.sample("y", dist.Normal(5 * v.pow(3).sum(), 1.0), obs=y)


@pytest.mark.parametrize("seed", range(3))
def test_beliefs_begin_at_what_is_exact(seed: int) -> None:
    torch.manual_seed(seed)
    with pytest.warns(ApproximateMessageWarning):
        graph = FactorGraph.from_program(cubes, torch.tensor([0.5, 1.0, 2.0]))
    precision = -2 * graph.beliefs().natural["v"][2:].reshape(2, 2)
    torch.testing.assert_close(precision, torch.eye(2))
    passing = VariationalMessagePassing(graph, max_iter=30)
    passing.update_beliefs()
    assert passing.free_energy[-1] < 10
    assert passing.free_energy.diff().max() <= 0


def test_a_mixture_has_the_support_of_its_components() -> None:
    def model(y: Tensor) -> None:
        sides = dist.Normal(torch.tensor([-3.0, 3.0]), 1.0)
        kind = dist.Categorical(torch.ones(2))
        level = pyro.sample("level", dist.MixtureSameFamily(kind, sides))
        pyro.sample("y", dist.Normal(level, 0.1), obs=y)

    torch.manual_seed(0)
    with pytest.warns(ApproximateMessageWarning):
        graph = FactorGraph.from_program(model, torch.tensor(2.0))
    found = VariationalMessagePassing(graph).update_beliefs()["level"]
    assert isinstance(found, dist.TransformedDistribution)
    values = found.sample(torch.Size([2000]))
    assert float(values.mean()) == pytest.approx((2.0 / 0.01 + 3.0) / 101, abs=0.02)


def test_programs_are_read_in_several_threads() -> None:
    def level(shift: float) -> float:
        x = torch.arange(5).double() + shift
        found = []
        for _ in range(5):

            def model() -> None:
                mean = pyro.sample("mean", dist.Normal(0.0, 100.0))
                with pyro.plate("rows", 5):
                    pyro.sample("x", dist.Normal(mean, 1.0), obs=x)

            graph = FactorGraph.from_program(model)
            found.append(VariationalMessagePassing(graph).update_beliefs()["mean"].mean.item())
        return max(abs(each - (2 + shift) * 5 / (5 + 1e-4)) for each in found)

    with ThreadPoolExecutor(2) as pool:
        assert max(pool.map(level, [0.0, 10.0])) < 1e-5


def test_bounds_may_differ_within_a_plate() -> None:
    low, high = torch.tensor([0.0, 1.0, 5.0]), torch.tensor([1.0, 4.0, 6.0])
    x = torch.tensor([0.3, 2.0, 5.5])

    def model(rows: slice) -> None:
        with pyro.plate("rows", len(x[rows])):
            place = pyro.sample("place", dist.Uniform(low[rows], high[rows]))
            pyro.sample("x", dist.Normal(place, 0.5), obs=x[rows])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximateMessageWarning)
        together, _ = inferred(model, slice(None))
        alone = [inferred(model, slice(i, i + 1))[0]["place"].base_dist.loc for i in range(3)]
    found = together["place"].base_dist.loc
    torch.testing.assert_close(found, torch.cat(alone), rtol=0, atol=0.05)  # of other noise


def test_matrices_have_sampled_messages() -> None:
    def model() -> None:
        matrix = pyro.sample("matrix", dist.Wishart(torch.tensor(4.0), torch.eye(2)))
        pyro.sample("x", dist.Normal(matrix.sum(), 1.0), obs=torch.tensor(3.0))

    with pytest.warns(ApproximateMessageWarning, match="x has no conjugate messages to matrix"):
        found, passing = inferred(model)
    assert passing.free_energy.diff().max() < 1e-9
    assert found["matrix"].mean.sum() < 8.0  # what the prior says


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: dist.ImproperUniform(dist.constraints.real, (), ()), "whose latent sites can be"),
        (lambda: dist.ProjectedNormal(torch.ones(3)), "whose support is that of a transformed"),
        (lambda: dist.Unit(torch.tensor(0.0)), "a latent site with numbers"),
    ],
)
def test_sites_without_a_belief_are_named(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Program.read(lambda: pyro.sample("x", make()), ())
