"""Planning by inference: regulators, bounds, batches, several solutions, and the wrong spaces."""

from __future__ import annotations

import math
import threading
from functools import partial

import gymnasium as gym
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import GenerativeModel
from pyro_activeinf.filters import ExactFilter, Filter, GaussianFilter, ParticleFilter
from pyro_activeinf.free_energy.policies import score_policies
from pyro_activeinf.free_energy.policy_guides import policy_free_energy
from pyro_activeinf.models import Corridor, TMaze
from pyro_activeinf.planning import (
    CategoricalPolicy,
    CrossEntropy,
    EnumeratedPolicies,
    FlowPolicy,
    GaussianPolicy,
    OpenLoop,
    Planner,
    PolicyPrior,
    Proposal,
    Variational,
)
from pyro_activeinf.records import Belief
from tests.planning.regulator import LinearFilter, best_plan
from tests.planning.test_cross_entropy import Lazy, cart, no_cost

ADAM = partial(torch.optim.Adam, lr=0.1)


def test_plans_as_a_linear_quadratic_regulator() -> None:
    model = cart(kind=Lazy)
    filter = GaussianFilter(model)
    for precision in (1.0, 16.0):
        posterior = Variational(4, 8, precision=precision)(filter, filter.initial())
        control = torch.full((1, 1), 1 / (precision * 0.5**2))
        expected = best_plan(model, model.mean, 4, control)
        torch.testing.assert_close(posterior.policies[0], expected, atol=2e-4, rtol=0)


def test_any_optimizer_will_do() -> None:
    model = cart(kind=Lazy)
    filter = LinearFilter(model)
    posterior = Variational(4, 120, optimizer=ADAM, num_particles=8)(filter, filter.initial())
    expected = best_plan(model, model.mean, 4, torch.full((1, 1), 4.0))
    torch.testing.assert_close(posterior.policies[0], expected, atol=0.05, rtol=0)


def test_its_covariance_is_that_of_the_posterior() -> None:
    """q* is Gaussian where G is quadratic and bounds are far: its precision is gamma times G''."""
    filter = LinearFilter(cart(bound=200.0))
    planner = Variational(3, 20, precision=2.0)
    posterior = planner(filter, filter.initial())

    def score(u: Tensor) -> Tensor:
        return score_policies(filter, filter.initial(), u[None]).total.sum()

    hessian = torch.autograd.functional.hessian(score, posterior.policies[0]).reshape(3, 3)
    guide = planner._last._kept[filter].found
    with torch.no_grad():
        draws = policy_free_energy(filter, guide, filter.initial(), num_particles=30_000).policies
    found = draws.reshape(-1, 3).mT.cov()
    torch.testing.assert_close(found, torch.linalg.inv(2.0 * hessian), rtol=0.05, atol=0.05)


def test_members_of_a_batch_are_planned_for_by_themselves() -> None:
    model = cart(bound=50.0)
    filter = LinearFilter(model)
    belief = filter.update(
        filter.initial((2, 1)), {"o": torch.tensor([[[-2.0, 0.0]], [[3.0, 1.0]]])}
    )
    posterior = Variational(3, 15, precision=32.0, restarts=2)(filter, belief)
    assert posterior.policies.shape == (2, 1, 2, 3, 1)
    assert posterior.probs.shape == posterior.action_probs.shape == (2, 1, 2)
    for i in range(2):
        expected = best_plan(model, belief.mean[i, 0], 3, no_cost())
        torch.testing.assert_close(posterior.policies[i, 0, 0], expected, atol=0.05, rtol=0)


def test_policies_stay_within_the_bounds() -> None:
    filter = LinearFilter(cart(bound=0.3))
    posterior = Variational(3, 10, precision=16.0)(filter, filter.initial())
    assert posterior.policies.abs().max() <= 0.3
    assert posterior.policies[0, 0].item() == pytest.approx(0.3, abs=0.01)


def test_goes_on_from_its_last_solution() -> None:
    model = cart(kind=Lazy)
    filter = LinearFilter(model)
    planner = Variational(6, 20, precision=16.0)
    first = planner(filter, filter.initial())
    moved = filter.predict(filter.initial(), first.policies[0, 0])
    idle = Variational(6, 1, precision=16.0, optimizer=partial(torch.optim.Adam, lr=1e-4))
    fresh = idle(filter, moved)
    idle._last = planner._last
    warm = idle(filter, moved)
    expected = best_plan(model, moved.mean, 6, torch.full((1, 1), 0.25))
    assert (warm.policies[0] - expected).abs().max() < 0.1
    assert (fresh.policies[0] - expected).abs().max() > 1.0


def test_what_it_learned_leaves_no_trace_elsewhere() -> None:
    model = cart()
    model.A = torch.nn.Parameter(model.A)
    filter = GaussianFilter(model)
    Variational(2, 2, FlowPolicy(2), restarts=2)(filter, filter.initial())
    assert model.A.grad is None
    assert not list(pyro.get_param_store().keys())


def test_plans_of_several_threads_do_not_disturb_each_other() -> None:
    found, faults = {}, []

    def plan(bound: float) -> None:
        try:
            for _ in range(3):
                filter = GaussianFilter(cart(bound=bound))
                planner = Variational(3, 10, precision=16.0)
                found[bound] = planner(filter, filter.initial()).policies[0, 0].item()
        except ValueError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=plan, args=(bound,)) for bound in (0.2, 0.3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert found == pytest.approx({0.2: 0.2, 0.3: 0.3}, abs=0.02)
    assert not pyro.settings.get("module_local_params")


def test_what_gradients_do_not_pass_through_is_refused() -> None:
    class Switch(GenerativeModel):
        actions = gym.spaces.Box(-1.0, 1.0, (1,))

        def initial(self) -> Tensor:
            return pyro.sample("on", dist.Bernoulli(torch.tensor(0.5)))

        def transition(self, state: Tensor, action: Tensor) -> Tensor:
            return pyro.sample("on", dist.Bernoulli(logits=action[..., 0] + state))

        def observe(self, state: Tensor) -> None:
            pyro.sample("light", dist.Bernoulli(0.2 + 0.6 * state))

        def prefer(self) -> None:
            pyro.sample("light", dist.Bernoulli(torch.tensor(0.9)))

    pyro.set_rng_seed(0)
    filter = ParticleFilter(Switch(), num_particles=200)
    with pytest.raises(ValueError, match=r"`filter`.*differentiable.*CrossEntropy"):
        Variational(2, 3)(filter, filter.initial())
    found = CrossEntropy(2, samples=64, elites=8)(filter, filter.initial())
    assert found.policies[0, 0].item() > 0


class Somewhere(PolicyPrior):
    """A density over two numbers, to be fitted."""

    def __init__(self, proposal: Proposal | None = None) -> None:
        self.begin = proposal

    def log_prob(self, filter: Filter, belief: Belief, policies: Tensor) -> Tensor:
        return self.density(policies[..., 0, 0], policies[..., 1, 0])

    def proposal(self, filter: Filter, belief: Belief, horizon: int) -> Proposal | None:
        return self.begin

    def density(self, x: Tensor, y: Tensor) -> Tensor:
        raise NotImplementedError


class Crescent(Somewhere):
    def density(self, x: Tensor, y: Tensor) -> Tensor:
        return -(((x + y.square() - 0.5) / 0.1).square() + (y / 0.5).square()) / 2


class Pair(Somewhere):
    def density(self, x: Tensor, y: Tensor) -> Tensor:
        one = dist.Normal(0.8, 0.15).log_prob(x) + dist.Normal(-0.8, 0.15).log_prob(y)
        two = dist.Normal(-0.8, 0.15).log_prob(x) + dist.Normal(0.8, 0.15).log_prob(y)
        return torch.logaddexp(one, two)


def free_energy(planner: Variational, prior: Somewhere, filter: Filter) -> float:
    """Of the guide that a planner has fitted."""
    belief = filter.initial()
    guide = planner._last._kept[filter].found
    with torch.no_grad():
        found = policy_free_energy(
            filter,
            guide,
            belief,
            log_prior=partial(prior.log_prob, filter, belief),
            precision=0.0,
            num_particles=2000,
        )
    return found.value.item()


def evidence(prior: Somewhere, bound: float) -> float:
    """-log Z by quadrature."""
    grid = torch.linspace(-bound, bound, 801)
    cell = (grid[1] - grid[0]).item() ** 2
    return -(prior.density(grid[:, None], grid).logsumexp((0, 1)) + math.log(cell)).item()


def test_a_flow_fits_what_a_gaussian_cannot() -> None:
    filter, prior = LinearFilter(cart(bound=1.5)), Crescent()
    gaussian = Variational(2, 30, precision=0.0, prior=prior)
    gaussian(filter, filter.initial())
    optimizer = partial(torch.optim.Adam, lr=0.02)
    flow = Variational(2, 150, FlowPolicy(4), precision=0.0, prior=prior, optimizer=optimizer)
    flow(filter, filter.initial())
    truth = evidence(prior, 1.5)
    assert free_energy(gaussian, prior, filter) > truth + 0.3
    assert truth - 0.02 < free_energy(flow, prior, filter) < truth + 0.12


def test_restarts_find_several_solutions() -> None:
    filter = LinearFilter(cart(bound=1.5))
    planner = Variational(2, 15, GaussianPolicy(0.2), precision=0.0, restarts=8, prior=Pair())
    posterior = planner(filter, filter.initial())
    sides = posterior.policies[:, 0, 0] > 0
    assert sides.any()
    assert not sides.all()
    near = (posterior.policies.abs() - 0.8).abs().flatten(1).amax(-1) < 0.1
    assert posterior.probs[near].sum() > 0.95
    torch.testing.assert_close(posterior.probs.sum(), torch.tensor(1.0))


def test_begins_where_the_prior_proposes() -> None:
    filter = LinearFilter(cart(bound=1.5))
    proposal = Proposal(torch.tensor([[-0.7], [0.7]]), torch.full((2, 1), 0.1))
    planner = Variational(2, 10, GaussianPolicy(0.1), precision=0.0, prior=Pair(proposal))
    posterior = planner(filter, filter.initial())
    expected = torch.tensor([[-0.8], [0.8]])
    torch.testing.assert_close(posterior.policies[0], expected, atol=0.02, rtol=0)


PLANNERS: dict[str, Planner] = {
    "search": CrossEntropy(4, samples=1024, elites=16, iterations=6, spread=1.0),
    "inference": Variational(
        4, 12, GaussianPolicy(0.1), precision=64.0, restarts=64, num_particles=4
    ),
}


@pytest.mark.parametrize("name", PLANNERS)
def test_senses_before_it_commits_from_the_horizon_on_that_enumeration_gives(name: str) -> None:
    counted = GaussianFilter(Corridor(), anticipate=True)
    real = GaussianFilter(Corridor(pushes=None), anticipate=True)
    assert isinstance(counted.actions, gym.spaces.Discrete)
    senses: dict[int, bool] = {}
    for horizon in (4, 5):
        listed = OpenLoop(horizon)(counted, counted.initial())
        best = listed.policies[listed.expected_free_energy.argmin()]
        planner = PLANNERS[name]
        planner.horizon = horizon  # type: ignore[attr-defined]
        found = planner(real, real.initial())
        senses[horizon] = bool(best[0] == 0)  # away from the goal, to the beacon
        assert (found.policies[0, 0].item() < -1.5) == senses[horizon]
        assert found.expected_free_energy[0] < listed.expected_free_energy.min() + 0.05
    assert senses == {4: False, 5: True}


def test_counted_actions_step_by_step() -> None:
    exact = ExactFilter(TMaze())
    belief = exact.update(exact.initial((2,)), {"position": 0})
    planner = Variational(2, 60, CategoricalPolicy(), precision=4.0, restarts=4)
    posterior = planner(exact, belief)
    assert posterior.policies.shape == (2, 4, 2)
    assert posterior.action_probs.shape == (2, 4)
    torch.testing.assert_close(posterior.action_probs.sum(-1), torch.ones(2))
    best = OpenLoop(2)(exact, belief).expected_free_energy.amin(-1)
    torch.testing.assert_close(posterior.expected_free_energy[:, 0], best, atol=0.2, rtol=0)


@pytest.mark.parametrize("guide", [GaussianPolicy(), FlowPolicy()])
def test_real_guides_refuse_counted_actions(guide: GaussianPolicy | FlowPolicy) -> None:
    exact = ExactFilter(TMaze())
    with pytest.raises(ValueError, match="take OpenLoop"):
        Variational(2, 1, guide)(exact, exact.initial())


@pytest.mark.parametrize("guide", [CategoricalPolicy(), EnumeratedPolicies()])
def test_counting_guides_refuse_real_actions(guide: CategoricalPolicy | EnumeratedPolicies) -> None:
    filter = LinearFilter(cart())
    with pytest.raises(ValueError, match="actions"):
        Variational(2, 1, guide)(filter, filter.initial())


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("horizon", 0),
        ("steps", 0),
        ("restarts", 0),
        ("num_particles", 0),
        ("precision", math.inf),
        ("terms", {"risk"}),
    ],
)
def test_refuses_wrong_arguments(argument: str, value: object) -> None:
    with pytest.raises(ValueError, match=argument):
        Variational(**{"horizon": 2, "steps": 1, argument: value})  # type: ignore[arg-type]


def test_refuses_what_is_no_kind_of_guide() -> None:
    with pytest.raises(TypeError, match="GaussianPolicy"):
        Variational(2, 1, "gaussian")  # type: ignore[arg-type]


def test_refuses_flows_without_an_inverse() -> None:
    filter = LinearFilter(cart())
    with pytest.raises(ValueError, match="affine_coupling"):
        Variational(2, 1, FlowPolicy(kind="planar"))(filter, filter.initial())


def test_says_where_free_energy_is_not_finite() -> None:
    class Never(Somewhere):
        def density(self, x: Tensor, y: Tensor) -> Tensor:
            return x - math.inf

    filter = LinearFilter(cart())
    with pytest.raises(ValueError, match="CrossEntropy does not"):
        Variational(2, 3, prior=Never())(filter, filter.initial())
    with pytest.raises(ValueError, match="none among the candidates"):
        CrossEntropy(2, prior=Never())(filter, filter.initial())
