"""The particle filter against Kalman, exact tables, quadrature, and itself."""

import copy
import math
from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.nn import PyroSample
from torch import Tensor

from pyro_activeinf import GenerativeModel
from pyro_activeinf.filters import ExactFilter, ParticleBelief, ParticleFilter, Stratified
from pyro_activeinf.guides import Amortized, RecognitionGuide, Whole
from pyro_activeinf.models import Bayesian, Ensemble, Neural, TMaze
from pyro_activeinf.planning import OpenLoop
from tests import kalman
from tests.filters.particles import BestProposal, Chained, Persistent, Pushed, linear, log_normal

SYSTEM = kalman.random_system(0)
SEEN, MOVES = kalman.simulate(SYSTEM, 0, 8, missing=0.2)


def filtered(
    carrier: ParticleFilter, seen: Any, moves: Any = None, batch: tuple[int, ...] = ()
) -> tuple[ParticleBelief, Tensor]:
    """The last belief, and the estimated log-evidence of all observations."""
    belief, log_evidence = carrier.initial(batch), torch.zeros(batch)
    for t, row in enumerate(seen):
        if t:
            belief = carrier.predict(
                belief, None if moves is None else torch.as_tensor(moves[t - 1])
            )
        belief = carrier.update(belief, {"o": torch.as_tensor(row)})
        log_evidence = log_evidence - belief.free_energy
    return belief, log_evidence


def test_evidence_and_moments_are_those_of_kalman() -> None:
    truth = kalman.smooth(SYSTEM, SEEN, MOVES)
    belief, log_evidence = filtered(
        ParticleFilter(linear(SYSTEM), num_particles=10_000), SEEN, MOVES
    )
    error = float(belief.evidence_error)
    assert 0 < error < 0.2
    assert abs(float(log_evidence) - truth.log_evidence) < 3 * error
    mean = belief.marginals["s"].mean.numpy()
    deviation = np.sqrt(np.diag(truth.covs[-1]))
    np.testing.assert_allclose(mean, truth.means[-1], atol=5 * float(deviation.max()) / 40)
    variance = belief.marginals["s"].variance.numpy()
    np.testing.assert_allclose(variance, deviation**2, rtol=0.15)


@pytest.mark.parametrize("resampling", [0.0, 0.5, Stratified(1.0)])
def test_evidence_is_unbiased_and_its_error_calibrated(resampling: Any) -> None:
    truth = kalman.smooth(SYSTEM, SEEN[:3], MOVES).log_evidence
    carrier = ParticleFilter(linear(SYSTEM), num_particles=1000, resampling=resampling)
    belief, log_evidence = filtered(carrier, SEEN[:3], MOVES, batch=(200,))
    ratio = (log_evidence - truth).exp()
    assert abs(float(ratio.mean()) - 1) < 3.5 * float(ratio.std()) / math.sqrt(200)
    assert 0.8 < float(belief.evidence_error.square().mean().sqrt() / ratio.std()) < 1.25


def test_the_best_proposal_has_the_exact_evidence_at_once() -> None:
    model = linear(SYSTEM)
    carrier = ParticleFilter(model, BestProposal(model), num_particles=7)
    belief, log_evidence = filtered(carrier, SEEN[:1])
    assert float(log_evidence) == pytest.approx(kalman.smooth(SYSTEM, SEEN[:1]).log_evidence)
    assert float(belief.effective_sample_size) == pytest.approx(7.0)
    assert float(belief.terms.total) == pytest.approx(float(belief.free_energy))


def test_a_guide_makes_evidence_more_certain_and_not_biased() -> None:
    model = linear(SYSTEM)
    truth = kalman.smooth(SYSTEM, SEEN[:5], MOVES).log_evidence
    errors = []
    for guide in (None, BestProposal(model)):
        carrier = ParticleFilter(model, guide, num_particles=100)
        _, log_evidence = filtered(carrier, SEEN[:5], MOVES, batch=(200,))
        ratio = (log_evidence - truth).exp()
        errors.append(float(ratio.std()))
        assert abs(float(ratio.mean()) - 1) < 3.5 * errors[-1] / math.sqrt(200)
    assert errors[1] < 0.6 * errors[0]


def test_a_guide_to_part_of_the_sites_leaves_the_rest_to_the_model() -> None:
    class Kinds(RecognitionGuide):
        def recognize(self, previous: Any, action: Any, observation: Any) -> None:
            pyro.sample("kind", dist.Bernoulli(0.5))

    model = Chained()
    observation = {"seen": torch.tensor(1), "reading": torch.tensor(2.5)}
    evidence = sum(
        p * (0.9 if kind else 0.1) * math.exp(log_normal(2.5, kind + 1.0, 1.0 + 0.25))
        for kind, p in ((0, 0.7), (1, 0.3))
    )
    for guide in (None, Kinds(model)):
        carrier = ParticleFilter(model, guide, num_particles=20_000)
        belief = carrier.update(carrier.initial(), observation)
        error = float(belief.evidence_error)
        assert abs(-float(belief.free_energy) - math.log(evidence)) < 3.5 * error < 0.1


def test_the_tmaze_by_particles_is_that_of_the_tables() -> None:
    exact, sampled = ExactFilter(TMaze()), ParticleFilter(TMaze(), num_particles=1000)
    nothing = {"position": 0, "reward": 0}
    truth = OpenLoop(2)(exact, exact.update(exact.initial(), nothing))
    start = sampled.update(sampled.initial(), nothing)
    found = OpenLoop(2)(sampled, start)
    assert int(found.probs.argmax()) == int(truth.probs.argmax())
    for i, policy in enumerate(truth.policies):
        belief = start
        for t, action in enumerate(policy):
            belief = sampled.predict(belief, action)
            terms = sampled.expected_free_energy(belief)
            for name in ("pragmatic", "epistemic", "total"):
                away = getattr(terms, name) - getattr(truth.per_step, name)[i, t]
                assert abs(float(away)) < 3.5 * float(terms.standard_error[name]) + 2e-3, name


def test_dependent_sites_missing_in_parts() -> None:
    carrier = ParticleFilter(Chained(), num_particles=20_000)
    reading = torch.tensor([2.5, 2.5, math.nan])
    belief = carrier.update(
        carrier.initial((3,)), {"seen": torch.tensor([1, -1, 1]), "reading": reading}
    )
    chances = [
        [p * (0.9 if kind == seen else 0.1) for seen in (0, 1)] for kind, p in ((0, 0.7), (1, 0.3))
    ]
    density = [[math.exp(log_normal(2.5, k + seen, 1.25)) for seen in (0, 1)] for k in (0, 1)]
    both = [[chances[k][o] * density[k][o] for o in (0, 1)] for k in (0, 1)]
    evidence = [both[0][1] + both[1][1], sum(map(sum, both)), chances[0][1] + chances[1][1]]
    away = -belief.free_energy - torch.tensor(evidence).log()
    assert bool((away.abs() < 4 * belief.evidence_error).all())
    assert "reading" in belief.terms.accuracy_per_site
    assert float(belief.terms.accuracy_per_site["reading"][2]) == 0.0


def test_nothing_observed_changes_nothing() -> None:
    carrier = ParticleFilter(Pushed(), num_particles=10)
    start = carrier.initial()
    for observation in ({}, {"o": math.nan}):
        same = carrier.update(start, observation)
        assert float(same.free_energy) == pytest.approx(0.0, abs=1e-12)
        torch.testing.assert_close(same.states["s"], start.states["s"])


def test_an_impossible_observation_is_told_and_leaves_the_belief() -> None:
    carrier = ParticleFilter(TMaze(), num_particles=50)
    start = carrier.update(carrier.initial(), {"position": 0})
    before = start.log_weights.clone()
    with pytest.raises(ValueError, match=r"positive probability.*reward.*time step 0"):
        carrier.update(start, {"reward": 1})
    with pytest.raises(ValueError, match="support"):
        carrier.update(start, {"reward": 7})
    with pytest.raises(ValueError, match="names among"):
        carrier.update(start, {"smell": 1})
    torch.testing.assert_close(start.log_weights, before)


def test_random_parameters_are_carried_and_learned_about() -> None:
    seen = [1.2, 0.9, 1.1, 0.8, 0.9]
    carrier = ParticleFilter(Persistent(), num_particles=20_000)
    start = carrier.initial()
    moved = carrier.predict(start)
    assert moved.parameters["a"] is start.parameters["a"]
    belief, log_evidence = filtered(carrier, seen)
    grid = torch.linspace(-1.5, 2.5, 801)
    given = []
    for a in grid.tolist():
        one = np.ones((1, 1))
        system = kalman.System(
            a * one, None, one, 0.16 * one, 0.09 * one, np.ones(1), 0.25 * one, np.zeros(1)
        )
        given.append(kalman.smooth(system, np.array(seen)[:, None]).log_evidence)
    log_joint = torch.tensor(given) + dist.Normal(0.5, 0.3).log_prob(grid)
    truth = float(log_joint.logsumexp(0) + math.log(grid[1] - grid[0]))
    assert abs(float(log_evidence) - truth) < 3.5 * float(belief.evidence_error) < 0.2
    expected = float((log_joint.softmax(0) * grid).sum())
    found = float((belief.weights * belief.parameters["a"]).sum())
    assert found == pytest.approx(expected, abs=0.02)


def test_members_of_an_ensemble_are_not_copied_for_a_fan_of_policies() -> None:
    torch.manual_seed(0)
    model = Neural(2, 3, gym.spaces.Box(-1.0, 1.0, (1,)), (4,), Ensemble(5))
    carrier = ParticleFilter(model, num_particles=20)
    start = carrier.initial().reshape(1)
    fan = carrier.predict(start.take(torch.zeros(6, dtype=torch.long)), torch.zeros(6, 1))
    assert fan.batch_shape == (6,)
    assert fan.states["s"].shape == (20, 6, 2)
    member = fan.parameters["dynamics.member"]
    assert member.shape == (20, 1)
    assert member.equal(start.parameters["dynamics.member"])
    assert carrier.expected_free_energy(fan).total.shape == (6,)


def test_parameters_start_at_what_a_guide_has_learned() -> None:
    model = Neural(2, 1, hidden_dims=(4,), uncertainty=Bayesian())
    guide = Amortized(model, [4])
    belief = ParticleFilter(model, guide, num_particles=30).initial((2,))
    weight = belief.parameters["dynamics.weight"]
    assert weight.shape == (30, 2, 4, 4)
    assert float(weight.std(0).max()) < 0.3  # the guide starts narrow, the prior is wide


def test_gradients_of_expected_free_energy_reach_actions() -> None:
    carrier = ParticleFilter(Pushed(), num_particles=40)
    start = carrier.initial()

    def total(actions: Tensor) -> Tensor:
        pyro.set_rng_seed(3)
        belief, found = start, torch.zeros(())
        for action in actions:
            belief = carrier.predict(belief, action)
            found = found + carrier.expected_free_energy(belief).total
        return found

    actions = torch.tensor([0.3, -0.5], requires_grad=True)
    assert torch.autograd.gradcheck(total, (actions,))


def test_gradients_of_the_evidence_reach_parameters() -> None:
    system = kalman.random_system(1)

    def evidence(scale: Tensor) -> Tensor:
        pyro.set_rng_seed(0)
        model = linear(system)
        model.C = model.C * scale
        return filtered(ParticleFilter(model, num_particles=9, resampling=0), SEEN[:3], MOVES)[1]

    assert torch.autograd.gradcheck(evidence, (torch.tensor(1.1, requires_grad=True),))


def test_a_prediction_knows_the_density_of_its_particles() -> None:
    carrier = ParticleFilter(Pushed(), num_particles=6)
    start = carrier.update(carrier.initial((2,)), {"o": torch.tensor([0.1, -0.4])})
    belief = carrier.predict(start, torch.tensor([0.5, -0.5]))
    step = carrier.prediction(belief)
    assert step.log_density is not None
    assert step.moves is not None
    means = start.states["s"].sin() + torch.tensor([0.5, -0.5])
    pairs = dist.Normal(means, 0.3).log_prob(belief.states["s"].unsqueeze(1))
    expected = (pairs + start.log_weights).logsumexp(1)
    torch.testing.assert_close(step.log_density(), expected)
    torch.testing.assert_close(step.moves().sample()["s"], belief.states["s"])
    assert carrier.prediction(start).log_density is None


def test_preferences_over_states_count_as_pragmatic_value() -> None:
    class Homely(Pushed):
        def prefer(self) -> None:
            pyro.sample("s", dist.Normal(0.0, 1.0))

    carrier = ParticleFilter(Homely(), num_particles=30)
    belief = carrier.predict(carrier.initial(), 0.5)
    terms = carrier.expected_free_energy(belief)
    expected = dist.Normal(0.0, 1.0).log_prob(belief.states["s"]).mean()
    torch.testing.assert_close(terms.pragmatic, expected)
    assert float(terms.per_site["o"].pragmatic) == 0.0


def test_looking_ahead_is_each_action_by_itself() -> None:
    carrier = ParticleFilter(TMaze(), num_particles=400)
    start = carrier.update(carrier.initial((2,)), {"position": 0})
    ahead = carrier.look_ahead(start)
    assert ahead.total.shape == (2, 4)
    for u in range(4):
        alone: Any = carrier.expected_free_energy(carrier.predict(start, u))
        for name in ("pragmatic", "epistemic", "total"):
            away = getattr(ahead, name)[:, u] - getattr(alone, name)
            assert bool((away.abs() <= 5.7 * alone.standard_error[name] + 1e-9).all()), name


def test_real_actions_are_for_other_planners() -> None:
    carrier = ParticleFilter(Pushed(), num_particles=4)
    with pytest.raises(ValueError, match=r"planning\.Variational"):
        carrier.look_ahead(carrier.initial())
    with pytest.raises(ValueError, match="action"):
        carrier.predict(carrier.initial(), None)
    with pytest.raises(ValueError, match="batch dims"):
        carrier.predict(carrier.initial((2,)), torch.zeros(3))
    assert carrier.habit() == {}


def test_runs_are_repeated_by_the_seed_alone() -> None:
    carrier = ParticleFilter(linear(SYSTEM), num_particles=20)
    again = copy.deepcopy(carrier)
    runs = []
    for each in (carrier, again):
        pyro.set_rng_seed(5)
        runs.append(filtered(each, SEEN, MOVES)[1])
    torch.testing.assert_close(runs[0], runs[1], rtol=0.0, atol=0.0)


def test_single_precision_stays_single() -> None:
    torch.set_default_dtype(torch.float32)
    carrier = ParticleFilter(Pushed(), num_particles=50)
    assert carrier.dtype == torch.float32
    belief = carrier.update(carrier.initial(), {"o": np.float64(0.3)})
    belief = carrier.predict(belief, np.float64(0.1))
    assert belief.log_weights.dtype == belief.states["s"].dtype == torch.float32
    assert carrier.expected_free_energy(belief).total.dtype == torch.float32


class Unbroadcast(Pushed):
    def transition(self, state: Tensor, action: Tensor) -> Tensor:
        return pyro.sample("s", dist.Normal(state.reshape(()), 1.0))


class Wishful(Pushed):
    def prefer(self) -> None:
        pyro.sample("luck", dist.Normal(0.0, 1.0))


class Lawless(Persistent):
    def __init__(self) -> None:
        super().__init__()
        self.a = PyroSample(dist.Normal(torch.zeros(3), 1.0))


class Lost(Pushed):
    def transition(self, state: Tensor, action: Tensor) -> Tensor:
        return pyro.sample("t", dist.Normal(state, 1.0))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: ParticleFilter(Unbroadcast()), "transition.*broadcast"),
        (lambda: ParticleFilter(Wishful()), "prefer.*luck"),
        (lambda: ParticleFilter(Lawless()), "to_event"),
        (lambda: ParticleFilter(Lost()), "no sample of"),
        (lambda: ParticleFilter(Pushed(), num_particles=0), "num_particles"),
        (lambda: ParticleFilter(Pushed(), resampling=2.0), "fraction"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(make: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()


@pytest.mark.parametrize("given", [{"model": Pushed}, {"guide": 3}, {"estimator": "nested"}])
def test_parts_of_another_kind_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(given))):
        ParticleFilter(**{"model": Pushed(), **given})


def test_a_guide_has_to_recognize_step_by_step() -> None:
    with pytest.raises(TypeError, match="instance"):
        ParticleFilter(Pushed)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="RecognitionGuide"):
        ParticleFilter(Pushed(), guide=lambda: None)
    model = Neural(2, 1, hidden_dims=(4,))
    with pytest.raises(ValueError, match="summary"):
        ParticleFilter(model, Amortized(model, [4], summary=Whole(model, 3)))


def test_a_state_that_only_the_program_can_put_together() -> None:
    class Derived(GenerativeModel):
        def initial(self) -> tuple[Tensor, Tensor]:
            s = pyro.sample("s", dist.Normal(0.0, 1.0))
            return s, s.square()

        def transition(self, state: tuple[Tensor, Tensor], action: None) -> tuple[Tensor, Tensor]:
            s = pyro.sample("s", dist.Normal(state[0], 0.1))
            return s, s.square()

        def observe(self, state: tuple[Tensor, Tensor]) -> None:
            pyro.sample("o", dist.Normal(state[1], 0.1))

    carrier = ParticleFilter(Derived(), num_particles=500)
    belief = carrier.predict(carrier.update(carrier.initial(), {"o": 1.0}))
    sizes = belief.states["s"].abs()
    assert bool(((sizes > 0.4) & (sizes < 1.5)).all())
