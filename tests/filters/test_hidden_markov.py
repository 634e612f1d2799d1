"""Discrete states under outcomes of any kind, against enumeration and quadrature."""

import copy
import itertools
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import Agent, ExpectedFreeEnergy, GenerativeModel
from pyro_activeinf.filters import ExactFilter, HiddenMarkovFilter, ParticleFilter
from pyro_activeinf.free_energy import Exact, Mixed
from pyro_activeinf.models import LinearGaussian, TMaze
from pyro_activeinf.planning import OpenLoop

double = partial(torch.tensor, dtype=torch.float64)
START = double([0.3, 0.7])
MOVE = double([[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.6, 0.4]]])  # (actions, from, to)
LAMP = double([[0.7, 0.3], [0.4, 0.6]])
LEVEL, WIDTH = double([0.0, 1.5]), double([1.0, 0.6])


class Machine(GenerativeModel):
    """A hidden mode that shows a lamp and a level."""

    actions = gym.spaces.Discrete(2)

    def initial(self) -> Tensor:
        return pyro.sample("mode", dist.Categorical(START))

    def transition(self, mode: Tensor, action: Tensor) -> Tensor:
        return pyro.sample("mode", dist.Categorical(MOVE[action, mode]))

    def observe(self, mode: Tensor) -> None:
        pyro.sample("lamp", dist.Categorical(LAMP[mode]))
        pyro.sample("level", dist.Normal(LEVEL[mode], WIDTH[mode]))

    def prefer(self) -> None:
        pyro.sample("level", dist.Normal(torch.tensor(1.0), 0.5))
        pyro.sample("lamp", dist.Categorical(torch.tensor([0.2, 0.8])))


LAMPS, LEVELS = torch.tensor([0, 1, 1, 0]), double([0.1, 1.2, torch.nan, 0.4])
ACTIONS = torch.tensor([1, 0, 1])
EPISODE = {"lamp": LAMPS, "level": LEVELS}


def paths() -> tuple[Tensor, Tensor]:
    """Every path of modes, and the logarithm of its probability with what was seen."""
    modes = torch.tensor(list(itertools.product(range(2), repeat=4)))
    seen = dist.Normal(LEVEL[modes], WIDTH[modes]).log_prob(LEVELS.nan_to_num())
    log_joint = START[modes[:, 0]].log() + LAMP[modes, LAMPS].log().sum(-1)
    log_joint = log_joint + torch.where(LEVELS.isnan(), 0.0, seen).sum(-1)
    moves = [MOVE[ACTIONS[t], modes[:, t], modes[:, t + 1]].log() for t in range(3)]
    return modes, log_joint + sum(moves)


def test_filtering_and_smoothing_are_sums_over_paths() -> None:
    modes, log_joint = paths()
    weights = log_joint.softmax(0)
    found = HiddenMarkovFilter(Machine()).smooth(EPISODE, ACTIONS)
    truth = torch.stack([weights @ (modes == k).to(weights) for k in range(2)], -1)
    torch.testing.assert_close(found.probs, truth, atol=1e-12, rtol=0)
    torch.testing.assert_close(found.free_energy, -log_joint.logsumexp(0), atol=1e-12, rtol=0)
    carrier, total = HiddenMarkovFilter(Machine()), torch.zeros(())
    belief = carrier.initial((1,))
    for t in range(4):
        belief = carrier.predict(belief, ACTIONS[t - 1]) if t else belief
        belief = carrier.update(belief, {"lamp": LAMPS[t], "level": LEVELS[t]})
        total = total + belief.free_energy
    torch.testing.assert_close(belief.probs[0], truth[-1], atol=1e-12, rtol=0)
    torch.testing.assert_close(total[0], found.free_energy, atol=1e-12, rtol=0)


def quadrature(q: Tensor) -> tuple[Tensor, Tensor]:
    """Epistemic and pragmatic value of both outcomes together."""
    level = torch.linspace(-9, 9, 20001)
    p = dist.Normal(LEVEL[:, None], WIDTH[:, None]).log_prob(level)[:, None] + LAMP.log()[..., None]
    joint = q[:, None, None] * p.exp() * (level[1] - level[0])
    mixture = (q.log()[:, None, None] + p).logsumexp(0)
    worth = dist.Normal(1.0, 0.5).log_prob(level) + torch.tensor([0.2, 0.8]).log()[:, None]
    return (joint * (p - mixture)).sum(), (joint * worth).sum()


def test_what_is_expected_of_discrete_and_real_outcomes() -> None:
    model = Machine()
    carrier = HiddenMarkovFilter(model)
    energy = ExpectedFreeEnergy()
    terms = energy.decompose(model, None, carrier.initial(), torch.tensor([[0], [1]]))
    by_itself = HiddenMarkovFilter(model, Mixed()).look_ahead(carrier.initial())
    drawn = HiddenMarkovFilter(model, num_draws=2000).look_ahead(carrier.initial())
    assert isinstance(energy.chosen, Mixed)
    for u in range(2):
        epistemic, pragmatic = quadrature(START @ MOVE[u])
        for found in (terms.epistemic[u, 0], by_itself.epistemic[u]):
            assert float(found) == pytest.approx(float(epistemic), abs=1e-4)
        for found in (terms.pragmatic[u, 0], by_itself.pragmatic[u]):
            assert float(found) == pytest.approx(float(pragmatic), abs=1e-4)
        error = (drawn.total[u] + epistemic + pragmatic).abs()
        assert error < 4 * drawn.standard_error["total"][u]  # type: ignore[attr-defined]


def test_discrete_outcomes_are_those_of_the_exact_filter() -> None:
    exact, carrier = ExactFilter(TMaze()), HiddenMarkovFilter(TMaze(), Exact())
    seen = {"position": torch.tensor([0, 0, -1]), "reward": torch.tensor([0, -1, -1])}
    ours, theirs = (each.update(each.initial((3,)), seen) for each in (carrier, exact))
    torch.testing.assert_close(ours.probs, theirs.probs)
    torch.testing.assert_close(ours.free_energy, theirs.free_energy)
    plans = [OpenLoop(2)(each, ours) for each in (carrier, exact)]
    torch.testing.assert_close(plans[0].probs, plans[1].probs)


def test_gradients_reach_what_the_programs_hold() -> None:
    class Learned(Machine):
        def __init__(self) -> None:
            super().__init__()
            self.level = torch.nn.Parameter(LEVEL.clone())

        def observe(self, mode: Tensor) -> None:
            pyro.sample("level", dist.Normal(self.level[mode], 1.0))

        def prefer(self) -> None:
            """Nothing."""

    model = Learned()
    carrier = HiddenMarkovFilter(model)

    def surprise() -> Tensor:
        return carrier.update(carrier.initial(), {"level": torch.tensor(1.0)}).free_energy

    (slope,) = torch.autograd.grad(surprise(), model.level)
    with torch.no_grad():
        before = float(surprise())
        model.level.add_(1e-6 * slope)
        after = float(surprise())
    assert (after - before) / 1e-6 == pytest.approx(float(slope @ slope), rel=1e-4)


def test_an_agent_lives_by_it() -> None:
    pyro.set_rng_seed(0)
    agent = Agent(Machine(), planner=OpenLoop(2))
    assert isinstance(agent.filter, HiddenMarkovFilter)
    agent.perceive({"lamp": 1, "level": np.float32(0.2)})
    assert agent.act().item() in {0, 1}
    before = agent.belief
    with pytest.raises(ValueError, match="positive probability"):
        agent.perceive({"level": torch.tensor(torch.inf)})
    assert agent.belief is before


def test_copied_as_what_it_is_made_of() -> None:
    carrier = copy.deepcopy(HiddenMarkovFilter(Machine(), Mixed(), 7))
    assert (carrier.estimator, carrier.num_draws) == (Mixed(), 7)
    assert carrier.observation_sites == ParticleFilter(Machine()).observation_sites


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ((Machine,), TypeError, "model"),
        ((LinearGaussian(torch.eye(1)),), ValueError, "site 's' of initial"),
        ((Machine(), "mixed"), TypeError, "estimator"),
        ((Machine(), None, 0), ValueError, "num_draws"),
    ],
)
def test_refuses_what_does_not_fit(arguments: Any, error: type[Exception], named: str) -> None:
    with pytest.raises(error, match=named):
        HiddenMarkovFilter(*arguments)
