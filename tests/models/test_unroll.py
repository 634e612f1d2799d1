"""The unrolled program is a Pyro model: its evidence, its samples and its training are right."""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro import poutine
from pyro.infer import (
    MCMC,
    NUTS,
    SVI,
    Predictive,
    Trace_ELBO,
    TraceEnum_ELBO,
    config_enumerate,
    infer_discrete,
)
from pyro.nn import PyroParam, PyroSample
from torch import Tensor, nn
from torch.distributions import constraints

from pyro_activeinf.compile import compile_program
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import POMDP, GenerativeModel, TMaze, unroll
from pyro_activeinf.models.series import ObservationSite, Observed
from pyro_activeinf.models.unroll import summed_out
from tests import oracles
from tests.bridge import library_actions, library_observations, pomdp
from tests.compile.programs import RandomProgram
from tests.models import forward
from tests.models.episodes import log_evidence, random_batch
from tests.oracles import Arrays
from tests.strategies import SEEDS, Episode, models_with_episodes, random_episode, random_model

EYE = torch.eye(2, dtype=torch.float64)


def no_guide(*_: Any) -> None:
    pass


def minus_log_evidence(model: Any, *args: Any, batch_dims: int = 0) -> float:
    return float(TraceEnum_ELBO(max_plate_nesting=batch_dims).loss(model, no_guide, *args))


@pytest.fixture(autouse=True)
def empty_parameter_store() -> Any:
    pyro.clear_param_store()
    yield
    pyro.clear_param_store()


class Coin(GenerativeModel):
    """A coin that is turned with a chance of 0.3, and seen with an error of ``self.error``."""

    actions: Any = None

    def __init__(self, error: Any = 0.1) -> None:
        super().__init__()
        self.error = error

    def initial(self) -> Tensor:
        return pyro.sample("side", dist.Categorical(torch.ones(2) / 2))

    def transition(self, side: Tensor, action: Any) -> Tensor:
        assert action is None
        return pyro.sample("side", dist.Categorical(0.4 * EYE[side] + 0.3))

    def observe(self, side: Tensor) -> None:
        error = torch.as_tensor(self.error)
        heads = torch.stack([error, 1 - error], -1)
        pyro.sample("seen", dist.Bernoulli(heads[side]))


# Evidence


@given(st.integers(1, 5).flatmap(models_with_episodes), st.booleans())
@settings(max_examples=40)
def test_the_elbo_with_an_empty_guide_is_the_evidence(
    case: tuple[Arrays, Episode], configured: bool
) -> None:
    arrays, episode = case
    given_ = library_observations(episode.observations), library_actions(arrays, episode.actions)
    model = pomdp(arrays)
    loss = minus_log_evidence(config_enumerate(model) if configured else model, *given_)
    assert loss == pytest.approx(-oracles.log_evidence(arrays, *episode), abs=1e-9)


def test_evidence_of_a_long_episode() -> None:
    arrays = random_model(4, num_states=(2, 3), num_outcomes=(3, 2))
    episode = random_episode(arrays, 5, 40)
    model = pomdp(arrays)
    given_ = library_observations(episode.observations), library_actions(arrays, episode.actions)
    belief = oracles.initial_table(arrays)
    expected = 0.0
    for t, observation in enumerate(episode.observations):
        if t:
            belief = belief @ oracles.transition_table(arrays, episode.actions[t - 1])
        belief = belief * oracles.likelihood(arrays, observation)
        expected -= math.log(belief.sum())
        belief = belief / belief.sum()
    assert minus_log_evidence(model, *given_) == pytest.approx(expected, abs=1e-8)


@given(SEEDS, SEEDS, st.integers(1, 3), st.integers(1, 4))
@settings(max_examples=60)
def test_evidence_of_any_program_in_batches_with_values_missing(
    program_seed: int, episode_seed: int, size: int, steps: int
) -> None:
    program = RandomProgram(program_seed)
    tables = compile_program(program)
    batch = random_batch(program, tables, episode_seed, size, steps)
    if not batch.observations:
        batch.observations["o0"] = torch.full((size, steps), -1)
        if tables.outcomes[0].support.dim() == 2:
            batch.observations["o0"] = torch.full((size, steps, tables.outcomes[0].size), -1)
    args = (program, batch.observations, batch.actions)
    loss = minus_log_evidence(unroll, *args, batch_dims=1)
    assert loss == pytest.approx(-log_evidence(tables, batch), abs=1e-8)


def test_two_batch_dims_and_shared_actions() -> None:
    arrays = random_model(11, num_states=(2, 2), num_outcomes=(2, 3))
    episodes = [random_episode(arrays, seed, 3, missing=0.3) for seed in range(6)]
    actions = episodes[0].actions
    seen = [library_observations(episode.observations) for episode in episodes]
    observations = {name: torch.stack([o[name] for o in seen]).reshape(2, 3, 3) for name in seen[0]}
    loss = minus_log_evidence(
        pomdp(arrays), observations, library_actions(arrays, actions), batch_dims=2
    )
    expected = -sum(oracles.log_evidence(arrays, e.observations, actions) for e in episodes)
    assert math.isfinite(expected)
    assert loss == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("missing", [-1.0, math.nan])
def test_missing_bernoulli(missing: float) -> None:
    model = Coin()
    with_gap = {"seen": torch.tensor([1.0, missing, 0.0])}
    # the error twice seen right, twice wrong, over both sides and one or two turns
    stay = 0.7**2 + 0.3**2
    same = 2 * 0.9 * 0.1
    other = 0.9 * 0.9 + 0.1 * 0.1
    expected = -math.log(0.5 * (stay * same + (1 - stay) * other))
    assert minus_log_evidence(model, with_gap) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.long, torch.bool])
def test_observations_of_any_dtype(dtype: torch.dtype) -> None:
    values = torch.tensor([1, 0, 1])
    losses = {
        minus_log_evidence(Coin(), {"seen": values.to(kind)}) for kind in (dtype, torch.float64)
    }
    assert len(losses) == 1
    positions = torch.tensor([0, 1, 1]).to(dtype)
    losses = {
        minus_log_evidence(TMaze().double(), {"position": p}, torch.tensor([1, 1]))
        for p in (positions, positions.long())
    }
    assert len(losses) == 1


@pytest.mark.parametrize(
    "observations",
    [{}, {"seen": torch.full((3,), -1.0)}, {"seen": torch.full((3,), math.nan)}],
)
def test_nothing_seen_is_no_evidence(observations: dict[str, Tensor]) -> None:
    assert minus_log_evidence(Coin(), observations) == pytest.approx(0.0, abs=1e-12)


def test_values_that_cannot_be_are_told() -> None:
    with pytest.raises(
        ValueError, match=r"`observations\['seen'\]`: expected values in the support"
    ):
        minus_log_evidence(Coin(), {"seen": torch.tensor([1.0, 3.0])})


def test_random_numbers_have_no_part_in_the_evidence() -> None:
    program = RandomProgram(5)
    tables = compile_program(program)
    batch = random_batch(program, tables, 1, 2, 3)
    args = (program, batch.observations, batch.actions)
    losses = set()
    for seed in range(4):
        pyro.set_rng_seed(seed)
        losses.add(round(minus_log_evidence(unroll, *args, batch_dims=1), 10))
    assert len(losses) == 1


def site(*parents: str) -> ObservationSite:
    return ObservationSite(torch.Size([]), True, frozenset(parents))


def seen(*missing: bool) -> Observed:
    return Observed(torch.zeros(len(missing)), torch.tensor(missing))


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        ({}, set()),  # nothing seen: nothing to sum out
        ({"c": seen(False)}, {"a", "b"}),  # c depends on b, b on a
        ({"b": seen(False)}, {"a"}),
        ({"b": seen(False), "c": seen(False)}, {"a"}),
        ({"a": seen(False), "c": seen(False)}, {"b"}),
        ({"a": seen(False, True), "c": seen(False, False)}, {"a", "b"}),
        ({"a": seen(False, True), "b": seen(True, True), "c": seen(True, False)}, {"a", "b"}),
        ({"a": seen(False, True), "b": seen(True, True), "c": seen(True, True)}, set()),
        ({"d": seen(False)}, set()),
    ],
)
def test_what_is_summed_out(observed: dict[str, Observed], expected: set[str]) -> None:
    sites = {"a": site(), "b": site("a"), "c": site("b"), "d": site()}
    assert summed_out(observed, sites) == expected


# Names and shapes


def test_names_values_and_plates() -> None:
    observations = {
        "position": torch.tensor([[0, 3, 1], [0, 4, 2]]),
        "reward": torch.tensor([[0, -1, 1], [0, 0, 1]]),
    }
    model = TMaze().double()
    actions = torch.tensor([[3, 1], [3, 2]])
    trace = poutine.trace(model).get_trace(observations, actions)
    assert set(trace.stochastic_nodes) == {"batch_0"} | {
        f"{name}_{t}" for name in ("context", "location") for t in range(3)
    }
    for t in range(3):
        for name, values in observations.items():
            node = trace.nodes[f"{name}_{t}"]
            assert node["is_observed"]
            here = values[:, t] >= 0
            assert torch.equal(node["value"][here], values[:, t][here])
        frames = trace.nodes[f"context_{t}"]["cond_indep_stack"]
        assert [(frame.name, frame.dim, frame.size) for frame in frames] == [("batch_0", -1, 2)]
    states = trace.nodes["_RETURN"]["value"]
    assert len(states) == 3
    assert states[1][1] is trace.nodes["location_1"]["value"]


def test_models_without_a_class_can_be_unrolled() -> None:
    trace = poutine.trace(unroll).get_trace(RandomProgram(0), None, None)
    assert "s0_0" in trace.nodes
    assert "s0_1" not in trace.nodes


def test_deltas_are_deterministic_statements() -> None:
    class Sure(Coin):
        def transition(self, side: Tensor, action: Any) -> Tensor:
            return pyro.sample("side", dist.Delta(1 - side))

    model = Sure()
    observations = {"seen": torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, -1.0]])}
    both_ways = [0.5 * (0.9**3 + 0.1**3), 0.5 * (0.9 * 0.1 + 0.1 * 0.9)]
    expected = -sum(math.log(p) for p in both_ways)
    loss = minus_log_evidence(model, observations, batch_dims=1)
    assert loss == pytest.approx(expected, abs=1e-12)
    trace = poutine.trace(model).get_trace(observations)
    assert trace.nodes["side_1"]["value"].shape == (2,)
    assert trace.stochastic_nodes == ["batch_0", "side_0"]


def test_actions_longer_than_needed_are_cut() -> None:
    model = TMaze().double()
    observations = {"position": torch.tensor([0, 3])}
    losses = [
        minus_log_evidence(model, observations, torch.tensor(a)) for a in ([3], [3, 0], [3, -1, 9])
    ]
    assert losses == pytest.approx([losses[0]] * 3, abs=1e-12)


@pytest.mark.parametrize(
    ("observations", "actions", "message"),
    [
        ({"smell": torch.tensor([0])}, None, r"`observations`.*\['position', 'reward'\].*smell"),
        ({"position": torch.tensor([0, 1])}, None, r"`actions`.*at least 1 time steps.*0 of them"),
        (
            {"position": torch.tensor([0, 1]), "reward": torch.tensor([0])},
            torch.tensor([1]),
            r"`observations`.*one length",
        ),
        ({"position": torch.tensor(0)}, None, r"`position`.*\(\*batch, time\)"),
        (
            {"position": torch.zeros(2, 2, dtype=torch.long)},
            torch.zeros(3, 1, dtype=torch.long),
            r"`batch dims`.*broadcast.*\(2,\).*\(3,\)",
        ),
    ],
)
def test_errors_come_before_anything_is_sampled(
    observations: Any, actions: Any, message: str
) -> None:
    with poutine.trace() as tracer, pytest.raises(ValueError, match=message):
        TMaze()(observations, actions)
    assert list(tracer.trace.nodes) == []


# Sampling


def frequencies(draws: Tensor, size: int) -> Tensor:
    return torch.bincount(draws.flatten().long(), minlength=size) / draws.numel()


def assert_frequencies(draws: Tensor, probs: Tensor) -> None:
    """Within five standard deviations of a count."""
    bound = 5 * (probs * (1 - probs) / draws.numel()).sqrt() + 1e-9
    assert ((frequencies(draws, len(probs)) - probs).abs() <= bound).all()


def test_predictive_generates_observations() -> None:
    arrays = random_model(2, num_states=(2, 3), num_outcomes=(3, 2))
    model = pomdp(arrays)
    actions = [[int(u) for u in row] for row in np.random.default_rng(0).integers(0, 1, (2, 2))]
    drawn = Predictive(model, num_samples=400)(None, library_actions(arrays, actions).expand(3, 2))
    assert drawn["o1_2"].shape == drawn["s1_0"].shape == (400, 3)
    belief = oracles.initial_table(arrays)
    for t in range(3):
        if t:
            belief = belief @ oracles.transition_table(arrays, actions[t - 1])
        for m in range(2):
            probs = torch.as_tensor(belief @ oracles.outcome_table(arrays, m))
            assert_frequencies(drawn[f"o{m}_{t}"], probs)


def test_predictive_without_actions() -> None:
    drawn = Predictive(Coin(), num_samples=3)(None, torch.zeros(4))
    assert drawn["seen_4"].shape == (3,)
    assert "seen_5" not in drawn


def test_what_is_missing_can_be_predicted_given_the_states() -> None:
    model = Coin()
    observations = {"seen": torch.tensor([[1.0, -1.0], [math.nan, 0.0]])}
    sides = {"side_0": torch.ones(500, 2), "side_1": torch.zeros(500, 2)}
    longs = {name: value.long() for name, value in sides.items()}
    drawn = Predictive(model, longs, return_sites=("seen_0", "seen_1"))(observations)
    assert (drawn["seen_0"][:, 0] == 1).all()
    assert (drawn["seen_1"][:, 1] == 0).all()
    assert_frequencies(drawn["seen_0"][:, 1], torch.tensor([0.1, 0.9]))
    assert_frequencies(drawn["seen_1"][:, 0], torch.tensor([0.9, 0.1]))
    absent = Predictive(model, num_samples=5)({}, None)
    assert absent["seen_0"].shape == (5,)


def test_what_is_missing_is_predicted_for_each_of_the_batch() -> None:
    class Noise(Coin):
        def observe(self, side: Tensor) -> None:
            super().observe(side)
            pyro.sample("noise", dist.Bernoulli(torch.tensor(0.3)))  # depends on nothing

    seen = torch.ones(2000, 1)
    trace = poutine.trace(Noise()).get_trace({"seen": seen})
    assert trace.nodes["noise_0"]["value"].shape == (2000,)
    assert_frequencies(trace.nodes["noise_0"]["value"], torch.tensor([0.7, 0.3]))
    partly = {"seen": seen, "noise": torch.full((2000, 1), math.nan)}
    trace = poutine.trace(Noise()).get_trace(partly)
    assert_frequencies(trace.nodes["noise_0"]["value"], torch.tensor([0.7, 0.3]))


class Clued(Coin):
    """Whether the coin is seen right depends on a clue, of the same step."""

    def observe(self, side: Tensor) -> None:
        clear = pyro.sample("clear", dist.Bernoulli(torch.tensor([0.5, 0.8])[side]))
        error = torch.where(clear == 1, 0.05, 0.4)
        pyro.sample("seen", dist.Bernoulli(torch.where(side == 1, 1 - error, error)))


def test_a_clue_that_is_missing_is_summed_out() -> None:
    model = Clued()
    tables = compile_program(model)
    batch = {
        "clear": torch.tensor([[1.0, math.nan, 0.0], [-1.0, -1.0, 1.0]]),
        "seen": torch.tensor([[1.0, 1.0, -1.0], [0.0, 1.0, 1.0]]),
    }
    expected = -forward.log_evidence(
        tables, [{"clear": 1, "seen": 1}, {"seen": 1}, {"clear": 0}], [[]] * 2
    ) - forward.log_evidence(tables, [{"seen": 0}, {"seen": 1}, {"clear": 1, "seen": 1}], [[]] * 2)
    assert minus_log_evidence(model, batch, batch_dims=1) == pytest.approx(expected, abs=1e-12)
    trace = poutine.trace(model).get_trace(batch)
    assert not trace.nodes["clear_0"]["is_observed"]
    assert trace.nodes["clear_2"]["is_observed"]  # all there
    only_seen = {"seen": batch["seen"]}
    steps = [[{"seen": int(v)} if v >= 0 else {} for v in row] for row in batch["seen"]]
    expected = -sum(forward.log_evidence(tables, row, [[]] * 2) for row in steps)
    assert minus_log_evidence(model, only_seen, batch_dims=1) == pytest.approx(expected, abs=1e-12)


def test_infer_discrete_draws_from_the_posterior() -> None:
    model = Clued()
    observations = {"seen": torch.tensor([1.0, 0.0]), "clear": torch.tensor([-1.0, 1.0])}
    wide = {name: value.expand(2000, 2) for name, value in observations.items()}
    wide["clear"] = wide["clear"].clone()
    wide["clear"][0, 0] = 1.0  # some of a batch
    guess = infer_discrete(model, first_available_dim=-2)
    trace = poutine.trace(guess).get_trace(wide)
    smooth = ExactFilter(model).smooth(observations)
    for t, probs in enumerate(smooth.probs):
        assert_frequencies(trace.nodes[f"side_{t}"]["value"][1:], probs)


# Training


class Learned(Coin):
    """The chance of error is learned."""

    def __init__(self, constrained: bool) -> None:
        super().__init__()
        del self.error
        if constrained:
            self.error = PyroParam(torch.tensor(0.4), constraints.unit_interval)
        else:
            self.logit = nn.Parameter(torch.logit(torch.tensor(0.4)))

    def observe(self, side: Tensor) -> None:
        error = self.error if hasattr(self, "error") else self.logit.sigmoid()
        heads = torch.stack([error, 1 - error], -1)
        pyro.sample("seen", dist.Bernoulli(heads[side]))


def episodes_of_a_coin(error: float, size: int, steps: int) -> dict[str, Tensor]:
    trace = poutine.trace(Coin(error)).get_trace(None, torch.zeros(size, steps - 1))
    seen = torch.stack([trace.nodes[f"seen_{t}"]["value"] for t in range(steps)], -1)
    return {"seen": seen}


def trained(model: Any, elbo: Any, data: Any) -> list[float]:
    svi = SVI(model, no_guide, pyro.optim.Adam({"lr": 0.15}), elbo)
    return [float(svi.step(data)) for _ in range(35)]


def trained_locally(model: Any, elbo: Any, data: Any) -> list[float]:
    """Without the parameter store: the ELBO as a module, and an optimizer of torch."""
    loss = elbo(model, no_guide)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.15)
    losses = []
    for _ in range(35):
        optimizer.zero_grad()
        losses.append(loss(data))
        losses[-1].backward()
        optimizer.step()
    assert len(pyro.get_param_store()) == 0
    return [float(value.detach()) for value in losses]


@pytest.mark.parametrize("constrained", [True, False])
@pytest.mark.parametrize("local", [False, True])
def test_svi_learns_a_likelihood(constrained: bool, local: bool) -> None:
    data = episodes_of_a_coin(0.05, 200, 6)
    data["seen"][torch.rand(200, 6) < 0.1] = math.nan
    elbo = TraceEnum_ELBO(max_plate_nesting=1)
    with pyro.settings.context(module_local_params=local):
        model = Learned(constrained)
        losses = trained_locally(model, elbo, data) if local else trained(model, elbo, data)
        learned = model.error if constrained else model.logit.sigmoid()
    assert losses[-1] < losses[0] - 20
    assert learned.item() == pytest.approx(0.05, abs=0.04)
    # the loss is the sum of the exact filter's free energies
    observed = {"seen": data["seen"][:3]}
    with pyro.settings.context(module_local_params=local):
        loss = elbo.loss(model, no_guide, observed)
    smooth = ExactFilter(model).smooth(observed)
    assert loss == pytest.approx(smooth.free_energy.sum().item(), abs=1e-8)


def test_a_guide_of_the_states_is_no_better_than_the_evidence() -> None:
    observations = {"seen": torch.tensor([1.0, -1.0, 0.0])}
    model = Coin()

    def guide(*_: Any) -> None:
        for t in range(3):
            pyro.sample(f"side_{t}", dist.Categorical(torch.tensor([0.4, 0.6])))

    exact = minus_log_evidence(model, observations)
    losses = [Trace_ELBO().loss(model, guide, observations) for _ in range(300)]
    assert exact < np.mean(losses) < exact + 3
    assert np.mean(np.exp(-np.array(losses))) == pytest.approx(math.exp(-exact), rel=0.2)


def test_nuts_over_a_random_parameter() -> None:
    class Random(Coin):
        def __init__(self) -> None:
            super().__init__(PyroSample(dist.Beta(2.0, 4.0)))

    data = episodes_of_a_coin(0.1, 15, 3)
    model = Random()
    kernel = NUTS(model, max_plate_nesting=1, adapt_step_size=True)
    mcmc = MCMC(kernel, num_samples=120, warmup_steps=40, disable_progbar=True)
    mcmc.run(data)
    draws = mcmc.get_samples()["error"]
    assert draws.shape == (120,)

    grid = torch.linspace(0.005, 0.995, 100)
    log_joint = torch.tensor(
        [-minus_log_evidence(Coin(float(e)), data, batch_dims=1) for e in grid]
    ) + dist.Beta(2.0, 4.0).log_prob(grid)
    weights = log_joint.softmax(-1)
    mean = (weights * grid).sum()
    spread = ((weights * (grid - mean) ** 2).sum()).sqrt()
    assert draws.mean().item() == pytest.approx(mean.item(), abs=5 * spread.item() / math.sqrt(40))
    assert draws.std().item() == pytest.approx(spread.item(), rel=0.5)


def test_a_random_parameter_is_drawn_once_for_an_episode() -> None:
    model = Coin(PyroSample(dist.Beta(2.0, 4.0)))
    trace = poutine.trace(model).get_trace({"seen": torch.ones(2, 3)})
    assert trace.stochastic_nodes[0] == "error"
    assert trace.nodes["error"]["value"].shape == ()
    values = [trace.nodes[f"seen_{t}"]["fn"].probs for t in range(3)]
    error = trace.nodes["error"]["value"]
    for probs in values:
        wrong = torch.minimum((probs - error).abs(), (probs - (1 - error)).abs())
        assert wrong.max() < 1e-12


# The future


def test_future_follows_a_belief_and_a_policy() -> None:
    model = TMaze().double()
    exact = ExactFilter(model)
    belief = exact.update(exact.predict(exact.initial(), 3), {"position": 4})
    policy = torch.tensor([2, 1])
    drawn = Predictive(model.future, num_samples=600)(belief, policy)
    assert set(drawn) == {
        f"{name}_{t}" for name in ("context", "location", "position", "reward") for t in (2, 3)
    }
    assert (drawn["context_2"] == 1).all()
    assert (drawn["location_3"] == RIGHT).all()
    assert_frequencies(drawn["reward_3"], torch.tensor([0.0, 0.98, 0.02]))


RIGHT = 2


def test_future_of_batches() -> None:
    arrays = random_model(7, num_states=(2, 3), num_outcomes=(3,))
    model = pomdp(arrays)
    exact = ExactFilter(model)
    n, several = 3000, isinstance(model.actions, gym.spaces.MultiDiscrete)
    policies = library_actions(arrays, [[0, 0]] * 2).expand(n, -1, *[-1] * several)
    trace = poutine.trace(model.future).get_trace(exact.initial(), policies)  # a policy each
    assert trace.nodes["o0_1"]["value"].shape == (n,)
    assert [f.name for f in trace.nodes["o0_1"]["cond_indep_stack"]] == ["batch_0"]
    belief = exact.initial()
    for t in (1, 2):
        belief = exact.predict(belief, policies[0, t - 1])
        assert_frequencies(trace.nodes[f"s0_{t}"]["value"], belief.marginals["s0"].probs)
        assert_frequencies(trace.nodes[f"s1_{t}"]["value"], belief.marginals["s1"].probs)
    states = trace.nodes["_RETURN"]["value"]
    assert len(states) == 2
    assert states[0][1] is trace.nodes["s1_1"]["value"]
    many = exact.initial((2, n))
    trace = poutine.trace(model.future).get_trace(many, policies[0])  # a belief each
    assert trace.nodes["o0_1"]["value"].shape == (2, n)
    assert_frequencies(trace.nodes["s1_2"]["value"], belief.marginals["s1"].probs)


def test_each_policy_starts_from_a_state_of_its_own() -> None:
    model = Coin()
    belief = ExactFilter(model).initial()
    trace = poutine.trace(model.future).get_trace(belief, torch.zeros(2000, 1))
    # 0.7 or 0.3, if all of them had started on the same side
    assert_frequencies(trace.nodes["side_1"]["value"], torch.tensor([0.5, 0.5]))


def test_future_of_several_controls() -> None:
    model = POMDP(
        A=[np.eye(2), np.eye(3)],
        B=[np.eye(2)[:, None, :].repeat(2, 1), np.eye(3)[:, None, :].repeat(3, 1)],
        A_dependencies=[[0], [1]],
    )
    policy = torch.tensor([[1, 2], [0, 1]])
    assert model.actions == gym.spaces.MultiDiscrete([2, 3])
    trace = poutine.trace(model.future).get_trace(ExactFilter(model).initial(), policy)
    found = [[int(trace.nodes[f"o{m}_{t}"]["value"]) for m in (0, 1)] for t in (1, 2)]
    assert found == policy.tolist()
    with pytest.raises(ValueError, match=r"`policy`.*\(\*batch, time, 2\), got \(2,\)"):
        model.future(ExactFilter(model).initial(), torch.tensor([1, 2]))


def test_future_without_actions_and_with_random_parameters() -> None:
    model = Coin()
    belief = ExactFilter(model).initial()
    random = Coin(PyroSample(dist.Beta(2.0, 4.0)))
    trace = poutine.trace(random.future).get_trace(belief, torch.zeros(3))
    assert trace.stochastic_nodes[0] == "error"
    error = trace.nodes["error"]["value"]
    for t in (1, 2, 3):
        probs = trace.nodes[f"seen_{t}"]["fn"].probs
        assert min(abs(probs - error), abs(probs - (1 - error))) < 1e-12


def test_future_refuses_what_does_not_broadcast() -> None:
    model = Coin()
    belief = ExactFilter(model).initial((2,))
    with pytest.raises(ValueError, match=r"`batch dims`.*'belief': \(2,\), 'policy': \(3,\)"):
        model.future(belief, torch.zeros(3, 4))


@pytest.mark.parametrize("action", [-1, 9, 0.5])
def test_actions_outside_the_space_are_refused(action: float) -> None:
    with pytest.raises(ValueError, match="`actions`"):
        TMaze()({"position": torch.tensor([0, 3])}, torch.tensor([action]))


def test_observations_outside_the_support_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`observations\['position'\]`.*\[7\]"):
        TMaze()({"position": torch.tensor([0, 7])}, torch.tensor([3]))
