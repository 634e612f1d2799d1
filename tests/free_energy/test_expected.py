"""Expected free energy as an ELBO: of given policies, and of guides to policies."""

from __future__ import annotations

import math
import weakref
from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, config_enumerate
from pyro.nn import PyroModule
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pyro_activeinf import ExpectedFreeEnergy, GenerativeModel
from pyro_activeinf.filters import ExactFilter, FactorizedFilter, GaussianFilter, ParticleFilter
from pyro_activeinf.free_energy import Exact, Gaussian, Nested, score_policies
from pyro_activeinf.models import TMaze
from tests.free_energy.futures import chain

SEEN = {"position": 0, "reward": 0}
ALL = torch.cartesian_prod(torch.arange(4), torch.arange(4))


def start(filter: Any, batch: tuple[int, ...] = ()) -> Any:
    return filter.update(filter.initial(batch), SEEN)


@pytest.mark.parametrize("kind", [ExactFilter, FactorizedFilter])
def test_policies_of_a_maze_as_the_tables_score_them(kind: Any) -> None:
    energy, filter = ExpectedFreeEnergy(), kind(TMaze())
    terms = energy.decompose(TMaze(), None, start(filter, (2,)), ALL)
    truth = score_policies(filter, start(filter, (2,)), ALL)
    torch.testing.assert_close(terms.values, truth.values, rtol=0, atol=1e-9)
    assert isinstance(energy.chosen, Exact)
    loss = ExpectedFreeEnergy(precision=2.0).loss(TMaze(), None, start(filter), ALL)
    assert loss == pytest.approx(float(2 * truth.total[0].sum()), abs=1e-9)
    only = ExpectedFreeEnergy(terms={"epistemic"}).loss(TMaze(), None, start(filter), ALL)
    assert only == pytest.approx(-float(truth.epistemic[0].sum()), abs=1e-9)


def test_policies_of_a_maze_by_particles() -> None:
    maze, exact = TMaze(), ExactFilter(TMaze())
    truth = score_policies(exact, start(exact), ALL).total.sum(-1)
    particles = ParticleFilter(maze, num_particles=1500)
    energy = ExpectedFreeEnergy()
    terms = energy.decompose(maze, None, start(particles), ALL)
    assert isinstance(energy.chosen, Exact)
    errors = terms.standard_error["total"].square().sum(-1).sqrt()
    away = (terms.total.sum(-1) - truth).abs()
    assert bool((away < 3 * errors + 1e-3).all())
    assert int(terms.total.sum(-1).argmin()) == int(truth.argmin())


def test_preferences_over_outcomes_states_and_steps() -> None:
    exact = ExactFilter(TMaze())
    policies = torch.tensor([[3, 1]])

    def home(step: int) -> None:
        pyro.sample("location", dist.Categorical(logits=torch.tensor([0.0, step, 0.0, -step])))

    def worth(preferences: Any) -> Tensor:
        energy = ExpectedFreeEnergy(preferences=preferences)
        return energy.decompose(TMaze(), None, start(exact), policies).pragmatic[0]

    log_p = [torch.tensor([0.0, t, 0.0, -t]).log_softmax(-1) for t in (1.0, 2.0)]
    truth = torch.stack([log_p[0][3], log_p[1][1]])
    torch.testing.assert_close(worth(home), truth, rtol=0, atol=1e-9)
    flat = worth({"reward": dist.Categorical(torch.ones(3) / 3)})
    torch.testing.assert_close(flat, torch.full((2,), -math.log(3)), rtol=0, atol=1e-9)
    with pytest.raises(ValueError, match="`site 'elsewhere' of prefer`"):
        worth({"elsewhere": dist.Normal(0.0, 1.0)})


def test_gradient_to_real_actions_by_finite_differences() -> None:
    known = chain(0)
    policies = torch.tensor([[[0.3], [-0.2]], [[1.0], [0.5]]], requires_grad=True)
    for energy in (ExpectedFreeEnergy(), ExpectedFreeEnergy(Nested(), num_particles=40)):

        def loss(values: Tensor, energy: ExpectedFreeEnergy = energy) -> Tensor:
            pyro.set_rng_seed(1)
            return energy.differentiable_loss(known.model, None, known.filter.initial(), values)

        (slope,) = torch.autograd.grad(loss(policies), policies)
        for place in [(0, 0, 0), (1, 1, 0)]:
            nudge = torch.zeros_like(policies)
            nudge[place] = 1e-5
            with torch.no_grad():
                difference = (loss(policies + nudge) - loss(policies - nudge)) / 2e-5
            assert float(slope[place]) == pytest.approx(float(difference), abs=1e-6)
            assert abs(float(slope[place])) > 1e-3


def test_svi_finds_the_best_action() -> None:
    known = chain(1)
    belief = known.filter.initial()

    class Choice(PyroModule):
        def __init__(self) -> None:
            super().__init__()
            self.action = nn.Parameter(torch.zeros(1))

        def forward(self, belief: Any) -> None:
            pyro.sample("action_0", dist.Normal(self.action, 0.3).to_event(1))

    guide = Choice()
    energy = ExpectedFreeEnergy(Gaussian(), precision=5.0, num_policies=20)
    svi = SVI(known.model, guide, pyro.optim.Adam({"lr": 0.05}), loss=energy)
    for _ in range(80):
        svi.step(belief)
    grid = torch.linspace(-4, 4, 2001)[:, None, None]
    scores = score_policies(GaussianFilter(known.model), belief, grid).total.sum(-1)
    best = grid[scores.argmin()].squeeze()
    assert abs(float(best)) < 3.9
    assert float(guide.action.detach()) == pytest.approx(float(best), abs=0.15)


class Categoricals(PyroModule):
    """Two independent actions."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(2, 4))

    def forward(self, belief: Any) -> None:
        for t in range(2):
            pyro.sample(f"action_{t}", dist.Categorical(logits=self.logits[t]))


def test_a_discrete_guide_by_enumeration_and_by_its_score() -> None:
    exact, guide = ExactFilter(TMaze()), Categoricals()
    belief = start(exact)
    with torch.no_grad():
        guide.logits += torch.randn(2, 4) / 2
    log_q = guide.logits.log_softmax(-1)
    log_q = (log_q[0][ALL[:, 0]] + log_q[1][ALL[:, 1]]).reshape(-1)
    scores = 4.0 * score_policies(exact, belief, ALL).total.sum(-1)
    truth = (log_q.exp() * (log_q + math.log(16) + scores)).sum()
    (slope,) = torch.autograd.grad(truth, guide.logits)

    energy = ExpectedFreeEnergy(precision=4.0)
    loss = energy.differentiable_loss(TMaze(), config_enumerate(guide), belief)
    (by_list,) = torch.autograd.grad(loss, guide.logits)
    assert float(loss.detach()) == pytest.approx(float(truth.detach()), abs=1e-9)
    torch.testing.assert_close(by_list, slope, rtol=0, atol=1e-9)

    sampled = ExpectedFreeEnergy(precision=4.0, num_policies=4000)
    loss = sampled.differentiable_loss(TMaze(), guide, belief)
    (by_score,) = torch.autograd.grad(loss, guide.logits)
    assert float(loss.detach()) == pytest.approx(float(truth.detach()), abs=0.1)
    torch.testing.assert_close(by_score, slope, rtol=0, atol=0.1)


def test_as_a_module_and_as_a_loss() -> None:
    exact, guide = ExactFilter(TMaze()), Categoricals()
    energy = ExpectedFreeEnergy()
    marked = config_enumerate(guide)
    module: Any = energy(TMaze(), marked)
    value = module(start(exact))
    number = energy.loss_and_grads(TMaze(), marked, start(exact))
    assert number == pytest.approx(float(value.detach()), abs=1e-12)
    value.backward()
    assert guide.logits.grad is not None


def test_decompose_a_guide_gives_the_terms_of_its_draws() -> None:
    exact = ExactFilter(TMaze())
    energy = ExpectedFreeEnergy(num_policies=7)
    terms = energy.decompose(TMaze(), Categoricals(), start(exact, (3,)))
    assert terms.total.shape == (3, 7, 2)


def test_a_filter_in_place_of_the_model_scores_in_its_own_way() -> None:
    exact = ExactFilter(TMaze(), joint_outcomes=False)
    energy = ExpectedFreeEnergy()
    terms = energy.decompose(exact, None, start(exact), ALL)
    truth = score_policies(exact, start(exact), ALL)
    torch.testing.assert_close(terms.values, truth.values, rtol=0, atol=0)
    known = chain(0)
    guide = config_enumerate(Categoricals())
    assert math.isfinite(energy.loss(exact, guide, start(exact)))
    with pytest.raises(ValueError, match="`model`: expected the model itself"):
        ExpectedFreeEnergy(Nested()).loss(known.filter, None, known.belief, torch.zeros(1, 1, 1))


class Counting(TMaze):
    """Counts the calls of its programs."""

    def __init__(self) -> None:
        super().__init__()
        self.moves, self.looks = 0, 0

    def transition(self, state: Any, action: Any) -> Any:
        self.moves += 1
        return super().transition(state, action)

    def observe(self, state: Any) -> Any:
        self.looks += 1
        return super().observe(state)


def test_one_call_of_each_program_for_a_step_of_all_policies() -> None:
    maze = Counting()
    particles = ParticleFilter(maze, num_particles=50)
    belief, energy = start(particles, (3,)), ExpectedFreeEnergy(Nested())
    energy.decompose(maze, None, belief, ALL)
    before = maze.moves, maze.looks
    energy.decompose(maze, None, belief, ALL)
    assert (maze.moves - before[0], maze.looks - before[1]) == (2, 2)


class Peak(TorchDispatchMode):
    """Counts the numbers that are held in tensors made meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, int] = {}
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for x in found if isinstance(found, tuple | list) else [found]:
            if isinstance(x, Tensor):
                self._note(x.untyped_storage())
        return found

    def _note(self, storage: Any) -> None:
        key = storage._cdata
        if key not in self.alive:
            self.alive[key] = storage.nbytes()
            weakref.finalize(storage, self.alive.pop, key, None)
            self.most = max(self.most, sum(self.alive.values()))


@pytest.mark.parametrize("kind", ["particles", "Gaussian"])
def test_chunks_keep_within_the_memory_limit(kind: str) -> None:
    known = chain(0)
    count = 64
    particles = ParticleFilter(known.model, num_particles=count)
    belief = particles.initial() if kind == "particles" else known.filter.initial()
    policies = torch.randn(400, 3, 1)
    results = 400 * 3 * 8 * 8 * 2  # bytes of the terms, and of a copy

    def peak(limit: int) -> int:
        energy = ExpectedFreeEnergy(Nested(), num_particles=count, memory_limit=limit)
        with torch.no_grad():
            energy.decompose(known.model, None, belief, policies[:2])
            with Peak() as seen:
                energy.decompose(known.model, None, belief, policies)
        return seen.most

    limit = 2**21
    assert peak(2**30) > 3 * limit
    assert peak(limit) < limit + results


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"estimator": "nested"}, TypeError, "`estimator`: expected an Estimator"),
        ({"preferences": 3}, TypeError, "`preferences`: expected a distribution"),
        ({"observations": "o"}, TypeError, "`observations`: expected a list of names"),
        ({"precision": -1.0}, ValueError, "`precision`: expected a number >= 0"),
        ({"num_particles": 0}, ValueError, "`num_particles`: expected an integer"),
        ({"terms": {"hope"}}, ValueError, "`terms`: expected names among"),
    ],
)
def test_wrong_settings(settings: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        ExpectedFreeEnergy(**settings)


class Unbounded(GenerativeModel):
    """For actions without bounds, with a habit."""

    actions = gym.spaces.Box(-math.inf, math.inf, ())

    def initial(self) -> Tensor:
        return pyro.sample("s", dist.Normal(0.0, 1.0))

    def transition(self, s: Tensor, action: Tensor) -> Tensor:
        return pyro.sample("s", dist.Normal(s + action, 1.0))

    def observe(self, s: Tensor) -> None:
        pyro.sample("o", dist.Normal(s, 1.0))

    def habit(self) -> None:
        pyro.sample("action", dist.Normal(1.0, 2.0))


def test_a_habit_is_the_prior_of_a_policy() -> None:
    def guide(belief: Any) -> None:
        pyro.sample("action_0", dist.Normal(0.5, 1.0))

    filter = GaussianFilter(Unbounded())
    energy = ExpectedFreeEnergy(num_policies=20_000, terms={"pragmatic"})
    loss = energy.loss(Unbounded(), guide, filter.initial())
    divergence = torch.distributions.kl_divergence(dist.Normal(0.5, 1.0), dist.Normal(1.0, 2.0))
    assert loss == pytest.approx(float(divergence), abs=0.03)


def test_calls_that_miss_something() -> None:
    energy, exact = ExpectedFreeEnergy(), ExactFilter(TMaze())
    with pytest.raises(ValueError, match="`policies`: expected policies to score, or a guide"):
        energy.loss(TMaze(), None, exact.initial())
    with pytest.raises(TypeError, match="`belief`: expected a belief of a filter"):
        energy.loss(TMaze(), None, torch.zeros(3), ALL)
    with pytest.raises(ValueError, match="`observations`: expected names of the outcomes"):
        energy.loss(lambda: None, lambda: None)
