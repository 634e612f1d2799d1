"""The natural gradient on problems whose solution is known."""

from __future__ import annotations

import math
import sys
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.distributions import constraints
from pyro.infer import SVI, Trace_ELBO, TraceMeanField_ELBO
from pyro.infer.autoguide import (
    AutoDelta,
    AutoLaplaceApproximation,
    AutoMultivariateNormal,
    AutoNormal,
)
from pyro.nn import PyroModule, PyroParam
from torch import Tensor, nn
from torch.distributions import kl_divergence

from pyro_activeinf import conjugacy
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.free_energy import VariationalFreeEnergy
from pyro_activeinf.geometry import (
    ConjugateGradient,
    Dense,
    ExponentialMap,
    FirstOrder,
    MultivariateNormal,
    NaturalGradient,
    Retraction,
    StatisticalManifold,
    natural_gradient_step,
    natural_step,
)
from pyro_activeinf.guides import Amortized
from pyro_activeinf.learning import NaturalGradientSVI
from pyro_activeinf.models import LinearGaussian, TMaze
from pyro_activeinf.planning import Variational

PRECISIONS = torch.logspace(-3, 3, 5, dtype=torch.float64)


class Recognition(PyroModule):
    """A Gaussian with a full covariance."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.loc = PyroParam(torch.zeros(size))
        self.scale_tril = PyroParam(torch.eye(size), constraints.lower_cholesky)

    @property
    def belief(self) -> Any:
        return dist.MultivariateNormal(self.loc, scale_tril=self.scale_tril)

    def forward(self) -> None:
        pyro.sample("weights", self.belief)


class Single(PyroModule):
    def __init__(self) -> None:
        super().__init__()
        self.loc = PyroParam(torch.tensor(0.0))
        self.scale = PyroParam(torch.tensor(1.0), constraints.positive)

    def forward(self) -> None:
        pyro.sample("z", dist.Normal(self.loc, self.scale))


class Concentrated(PyroModule):
    def __init__(self) -> None:
        super().__init__()
        self.counts = PyroParam(torch.ones(3), constraints.positive)

    def forward(self) -> None:
        pyro.sample("p", dist.Dirichlet(self.counts))


def posterior() -> Any:
    """Of the weights of a regression whose inputs are correlated: condition 1e6."""
    turn = torch.linalg.qr(torch.randn(5, 5)).Q
    precision = (turn * PRECISIONS) @ turn.T
    return dist.MultivariateNormal(torch.randn(5), precision_matrix=(precision + precision.T) / 2)


def steps_until(optimizer: Any, excess: Any, tolerance: float, most: int) -> int | None:
    for step in range(most):
        optimizer.zero_grad()
        loss = excess()
        if loss.item() < tolerance:
            return step
        loss.backward()
        optimizer.step()
    return None


def test_one_step_is_exact_on_a_conjugate_gaussian() -> None:
    guide, goal = Recognition(5), posterior()
    optimizer = NaturalGradient(guide, lr=1.0, retraction=ExponentialMap())
    kl_divergence(guide.belief, goal).backward()
    optimizer.step()
    assert torch.allclose(guide.loc, goal.loc, rtol=1e-6, atol=1e-8)
    assert torch.allclose(
        guide.belief.precision_matrix, goal.precision_matrix, rtol=1e-6, atol=1e-6
    )


def test_far_fewer_steps_than_adam() -> None:
    goal = posterior()
    guide = Recognition(5)
    optimizer = NaturalGradient(guide, retraction=ExponentialMap())
    ours = steps_until(optimizer, lambda: kl_divergence(guide.belief, goal), 1e-3, 10)
    assert ours is not None
    for rate in (0.03, 0.3):
        other = Recognition(5)
        adam = torch.optim.Adam(other.parameters(), rate)

        def excess(other: Recognition = other) -> Tensor:
            return kl_divergence(other.belief, goal)

        assert steps_until(adam, excess, 1e-3, 20 * ours) is None


def test_small_steps_of_first_order_go_the_same_way() -> None:
    goal, ends = posterior(), []
    for retraction in (FirstOrder(), ExponentialMap(1.0), ExponentialMap(0.0)):
        pyro.clear_param_store()
        guide = Recognition(5)
        optimizer = NaturalGradient(guide, lr=1e-7, retraction=retraction)
        kl_divergence(guide.belief, goal).backward()
        optimizer.step()
        cov = guide.belief.covariance_matrix
        ends.append(torch.cat([guide.loc, (cov - torch.eye(5)).flatten()]).detach())
    for end in ends[1:]:
        assert torch.allclose(end, ends[0], rtol=1e-3, atol=1e-9)


def model_of_one() -> None:
    pyro.sample("z", dist.Normal(3.0, 0.01))


@pytest.mark.parametrize("local", [False, True])
def test_through_svi(local: bool) -> None:
    with pyro.settings.context(module_local_params=local):
        guide = Single()
        optimizer = NaturalGradient(guide, retraction=ExponentialMap())
        svi = SVI(model_of_one, guide, optimizer.for_svi(), TraceMeanField_ELBO())
        svi.step()
        assert guide.loc.item() == pytest.approx(3.0, rel=1e-9)
        assert guide.scale.item() == pytest.approx(0.01, rel=1e-9)
        assert svi.optim.get_state()["natural_gradient"]["param_groups"]


def test_through_the_elbo_as_a_module() -> None:
    guide = Single()
    energy = VariationalFreeEnergy(TraceMeanField_ELBO())(model_of_one, guide)
    optimizer = NaturalGradient(guide, retraction=ExponentialMap())

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = energy()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert energy().item() == pytest.approx(0.0, abs=1e-9)


def test_a_function_whose_parameters_are_in_the_store() -> None:
    def guide(size: int) -> None:
        loc = pyro.param("loc", torch.zeros(size))
        scale = pyro.param("scale", torch.ones(size), constraint=constraints.positive)
        with pyro.plate("all", size):
            pyro.sample("z", dist.Normal(loc, scale))

    def model(size: int) -> None:
        with pyro.plate("all", size):
            pyro.sample("z", dist.Normal(torch.arange(1.0, size + 1), 0.1))

    optimizer = NaturalGradient(guide, retraction=ExponentialMap())
    SVI(model, optimizer.guide, optimizer.for_svi(), TraceMeanField_ELBO()).step(3)
    assert torch.allclose(pyro.param("loc"), torch.arange(1.0, 4.0))


def test_other_families_are_exact_in_one_step() -> None:
    guide = Concentrated()
    goal = dist.Dirichlet(torch.tensor([3.0, 0.7, 20.0]))
    optimizer = NaturalGradient(guide, retraction=ExponentialMap())
    kl_divergence(dist.Dirichlet(guide.counts), goal).backward()
    optimizer.step()
    assert torch.allclose(guide.counts, goal.concentration, rtol=1e-7)


def test_auto_guides_reach_the_posterior() -> None:
    def model() -> None:
        z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z, 0.1).to_event(1), obs=torch.tensor([1.0, -1.0]))

    for make in (AutoNormal, AutoMultivariateNormal):
        pyro.set_rng_seed(1)
        guide = make(model)
        guide()
        energy = Trace_ELBO(num_particles=50, vectorize_particles=True)(model, guide)
        optimizer = NaturalGradient(guide, lr=0.3, damping=1e-6, trust_region=5.0)
        for _ in range(25):
            optimizer.zero_grad()
            energy().backward()
            optimizer.step()
            assert optimizer.nats <= 5.0
        found = guide.quantiles([0.5])["z"][0]
        assert torch.allclose(found, torch.tensor([1.0, -1.0]) / 1.01, atol=0.05)


def test_conjugate_gradients_solve_as_a_dense_solver_does() -> None:
    guide = Recognition(3)
    goal = dist.MultivariateNormal(torch.randn(3), torch.diag(torch.tensor([1.0, 2.0, 0.5])))
    kl_divergence(guide.belief, goal).backward()
    gradient = torch.cat([one.grad.reshape(-1) for one in guide.parameters()])
    fisher = NaturalGradient(guide).fisher()
    dense = Dense().solve(fisher, gradient, 0.0)
    assert torch.allclose(ConjugateGradient().solve(fisher, gradient, 0.0), dense, atol=1e-7)
    assert torch.allclose(fisher.product(dense), fisher.matrix() @ dense, atol=1e-9)


def test_information_of_a_network_with_samples_of_the_score() -> None:
    """A transformed site has no family: its score is sampled; it agrees with the base's metric."""
    net = nn.Linear(1, 2)
    flow = dist.transforms.AffineTransform(1.0, 2.0)

    def guide_of(make: Any) -> Any:
        class Guide(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.net = net

            def forward(self) -> None:
                loc, log_scale = self.net(torch.ones(4, 1)).unbind(-1)
                with pyro.plate("data", 4):
                    pyro.sample("z", make(dist.Normal(loc, log_scale.exp())))

        return Guide()

    exact = NaturalGradient(guide_of(lambda base: base)).fisher().matrix()
    sampled = NaturalGradient(
        guide_of(lambda base: dist.TransformedDistribution(base, [flow])), num_samples=32
    )
    terms = sampled.fisher().terms
    assert terms[0].family is None
    scores = torch.cat([term.coordinates.reshape(-1, 4) for term in terms])[:2000]
    params = list(net.parameters())
    rows = torch.autograd.grad(scores[:, 0], params, torch.eye(2000), is_grads_batched=True)
    flat = torch.cat([row.flatten(1) for row in rows], -1)
    found = 4 * flat.T @ flat / 2000
    assert torch.allclose(found, exact, rtol=0.15, atol=0.15 * exact.max().item())


def test_a_network_that_recognizes_an_episode() -> None:
    """Later states depend on earlier ones: the information is averaged over several runs."""
    with pyro.settings.context(module_local_params=True):
        one = torch.eye(1)
        model = LinearGaussian(one, C=one, Q=one, R=one)
        guide = Amortized(model, [8])
        data = {"o": 2 * torch.randn(2, 3, 1)}
        guide(data)
        energy = VariationalFreeEnergy(num_particles=20, vectorize_particles=True)(model, guide)
        optimizer = NaturalGradient(guide, lr=0.3, damping=1e-2, trust_region=0.2, num_samples=2)
        losses = []
        for _ in range(8):
            optimizer.zero_grad()
            loss = energy(data)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0] - 1.0


def test_momentum_is_carried_along() -> None:
    goal = dist.Normal(3.0, 0.5)
    for retraction in (FirstOrder(), ExponentialMap(1.0)):
        pyro.clear_param_store()
        guide = Single()
        optimizer = NaturalGradient(guide, lr=0.4, momentum=0.3, retraction=retraction)
        for _ in range(30):
            optimizer.zero_grad()
            kl_divergence(dist.Normal(guide.loc, guide.scale), goal).backward()
            optimizer.step()
        assert guide.loc.item() == pytest.approx(3.0, abs=1e-4)
        assert guide.scale.item() == pytest.approx(0.5, abs=1e-4)


def guide_of_one() -> None:
    loc = pyro.param("loc", torch.tensor(0.0))
    scale = pyro.param("scale", torch.tensor(1.0), constraint=constraints.positive)
    pyro.sample("z", dist.Normal(loc, scale))


def wide_model() -> None:
    pyro.sample("z", dist.Normal(1.0, 0.5))


def test_momentum_outlives_a_restart() -> None:
    ends = []
    for restarted in (False, True):
        pyro.clear_param_store()
        optimizer = NaturalGradient(guide_of_one, lr=0.2, momentum=0.3)
        svi = SVI(wide_model, optimizer.guide, optimizer.for_svi(), TraceMeanField_ELBO())
        for _ in range(3):
            svi.step()
        if restarted:
            saved = svi.optim.get_state()
            optimizer = NaturalGradient(guide_of_one, lr=0.3)
            svi = SVI(wide_model, optimizer.guide, optimizer.for_svi(), TraceMeanField_ELBO())
            svi.optim.set_state(saved)
        for _ in range(3):
            svi.step()
        ends.append(pyro.param("loc").item())
    assert ends[0] == ends[1]


def test_one_mechanism_for_all_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of SVI by messages, of a point on its manifold, and of a guide's parameters.

    All three go through one function, which is told apart by what is put into its place.
    """
    seen, rho = torch.tensor([1.0, 2.5, 4.0]), 0.3
    calls: list[str] = []

    def watched(room: Any) -> None:
        def told(natural: Tensor, toward: Tensor, rho: float) -> Tensor:
            calls.append(room.__name__.rsplit(".", 1)[1])
            return natural_step(natural, toward, rho)

        assert room.natural_step is natural_step  # no second one
        monkeypatch.setattr(room, "natural_step", told)

    def model() -> None:
        z = pyro.sample("z", dist.Normal(0.0, 2.0))
        with pyro.plate("rows", 3):
            pyro.sample("x", dist.Normal(z, 0.5), obs=seen)

    assert conjugacy.step is natural_step
    watched(sys.modules["pyro_activeinf.conjugacy.rule"])
    watched(sys.modules["pyro_activeinf.geometry.statistical"])
    watched(sys.modules["pyro_activeinf.planning.natural"])

    svi = NaturalGradientSVI(model, rho=rho)
    space = StatisticalManifold(dist.Normal)
    svi.step()
    start = space.point(svi.marginals["z"])
    calls.clear()
    svi.step()
    by_messages = space.point(svi.marginals["z"])
    assert calls == ["rule"]

    precision = 1 / 4 + 3 / 0.25
    posterior = dist.Normal(seen.sum() / 0.25 / precision, torch.tensor(precision**-0.5))
    point = start.clone().requires_grad_()
    space.kl(point, posterior).backward()
    on_manifold = natural_gradient_step(space, start, point.grad, rate=rho, alpha=1.0)
    assert torch.allclose(on_manifold, by_messages, rtol=1e-9)
    assert calls == ["rule", "statistical"]

    guide = Single()
    guide.loc, guide.scale = start.unbind()
    optimizer = NaturalGradient(guide, lr=rho)
    kl_divergence(dist.Normal(guide.loc, guide.scale), posterior).backward()
    optimizer.step()
    assert torch.allclose(torch.stack([guide.loc, guide.scale]), by_messages, rtol=1e-9)
    assert calls == ["rule", "statistical", "statistical"]

    filter = ExactFilter(TMaze())
    start_ = filter.update(filter.initial(), {"position": 0, "reward": 0})
    Variational(1, steps=2)(filter, start_)
    assert set(calls[3:]) == {"natural"}


@pytest.mark.parametrize("scale", [1e-3, 10.0, 1e4])
@pytest.mark.parametrize("retraction", [None, FirstOrder()])
def test_a_poor_start_is_left_safely(scale: float, retraction: Retraction | None) -> None:
    """Steps of rate 1: one is enough where distributions are met; the others stay near."""
    guide, goal = Single(), dist.Normal(3.0, 0.5)
    guide.scale = torch.tensor(scale)
    optimizer = NaturalGradient(guide, retraction=retraction)
    found = steps_until(
        optimizer, lambda: kl_divergence(dist.Normal(guide.loc, guide.scale), goal), 1e-9, 40
    )
    assert found is not None
    assert retraction is not None or found == 1


def test_a_step_of_first_order_changes_no_distribution_by_much() -> None:
    """Of many that are independent, each may go as far as one alone."""

    class Many(PyroModule):
        def __init__(self) -> None:
            super().__init__()
            self.loc = PyroParam(torch.zeros(50))

        def forward(self) -> None:
            with pyro.plate("all", 50):
                pyro.sample("z", dist.Normal(self.loc, 1.0))

    guide = Many()
    (-9.0 * guide.loc.sum()).backward()
    NaturalGradient(guide, retraction=FirstOrder()).step()
    assert torch.allclose(guide.loc, torch.tensor(2.0).sqrt())  # a nat
    (-9.0 * guide.loc.sum()).backward()
    NaturalGradient(guide, retraction=FirstOrder(math.inf)).step()
    assert torch.allclose(guide.loc, torch.tensor(2.0).sqrt() + 18.0)


def test_a_network_moves_straight_and_no_distribution_by_much() -> None:
    """Its weights are of all distributions, so that none can be put where it should be."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(3, 2)

        def forward(self) -> None:
            loc, log_scale = self.net(torch.eye(4)[:, :3]).unbind(-1)
            with pyro.plate("data", 4):
                pyro.sample("z", dist.Normal(loc, log_scale.exp()))

    ends = []
    for retraction in (None, FirstOrder()):
        pyro.set_rng_seed(0)
        guide = Net()
        optimizer = NaturalGradient(guide, retraction=retraction)
        (-50.0 * guide.net(torch.eye(4)[:, :3])).sum().backward()
        before = [one.detach().clone() for one in guide.parameters()]
        optimizer.step()
        ends.append(torch.cat([one.detach().reshape(-1) for one in guide.parameters()]))
    assert torch.equal(*ends)
    moved = ends[0] - torch.cat([one.reshape(-1) for one in before])
    assert 0 < moved.abs().max() < 3


@pytest.mark.parametrize("make", [AutoDelta, AutoLaplaceApproximation])
def test_point_masses_are_explained(make: Any) -> None:
    guide = make(model_of_one)
    guide()
    optimizer = NaturalGradient(guide)
    svi = SVI(model_of_one, guide, optimizer.for_svi(), Trace_ELBO())
    with pytest.raises(ValueError, match="point masses alone"):
        svi.step()


def test_a_gaussian_guide_of_low_rank_is_exact() -> None:
    class Low(PyroModule):
        def __init__(self) -> None:
            super().__init__()
            self.loc = PyroParam(torch.zeros(3))
            self.factor = PyroParam(torch.ones(3, 1))
            self.diag = PyroParam(torch.ones(3), constraints.positive)

        def forward(self) -> None:
            pyro.sample("z", dist.LowRankMultivariateNormal(self.loc, self.factor, self.diag))

    fisher = NaturalGradient(Low()).fisher()
    assert isinstance(fisher.terms[0].family, MultivariateNormal)
    precision = torch.linalg.inv(torch.ones(3, 3) + torch.eye(3))
    assert torch.allclose(fisher.matrix()[:3, :3], precision, rtol=1e-9)


def test_two_guides_in_one_store_are_told_apart() -> None:
    Single()()
    guide = Single()
    kl_divergence(dist.Normal(guide.loc, guide.scale), dist.Normal(1.0, 1.0)).backward()
    with pytest.raises(ValueError, match="module_local_params"):
        NaturalGradient(guide).step()


def test_random_numbers_are_left_alone() -> None:
    guide = Single()
    optimizer = NaturalGradient(guide)
    kl_divergence(dist.Normal(guide.loc, guide.scale), dist.Normal(1.0, 1.0)).backward()
    pyro.set_rng_seed(3)
    expected = torch.rand(2)
    pyro.set_rng_seed(3)
    optimizer.step()
    assert torch.equal(torch.rand(2), expected)


def test_a_step_that_is_not_finite_is_not_taken() -> None:
    guide = Single()
    optimizer = NaturalGradient(guide)
    (guide.loc * float("nan")).backward()
    with pytest.raises(ValueError, match="`step`"):
        optimizer.step()
    assert guide.loc.item() == 0.0


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(TypeError, match="`guide`"):
        NaturalGradient(3)
    with pytest.raises(ValueError, match="Call it once"):
        NaturalGradient(AutoNormal(model_of_one))
    with pytest.raises(ValueError, match="a function with parameters"):
        NaturalGradient(lambda: None).step()
    with pytest.raises(ValueError, match="`momentum`"):
        NaturalGradient(Single(), momentum=1.0)
    with pytest.raises(ValueError, match="`momentum`"):
        NaturalGradient(Single(), momentum="some")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`retraction`"):
        NaturalGradient(Single(), retraction=ExponentialMap)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`solver`"):
        NaturalGradient(Single(), solver=Dense)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`lr`"):
        NaturalGradient(Single(), lr=-1.0)
    with pytest.raises(ValueError, match="`trust_region`"):
        NaturalGradient(Single(), trust_region=-1.0)
