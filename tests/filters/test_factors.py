"""Motion, evidence and worth of single factors, of a program with dependences within a step."""

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.compile import Tables, compile_program
from pyro_activeinf.filters.factors import (
    factor_evidence,
    factor_motions,
    factor_outcomes,
    positions,
    propagate,
    restricted,
)
from pyro_activeinf.models import GenerativeModel
from tests.bridge import as_array
from tests.filters.programs import Linked, random_probs, transition_by_hand
from tests.oracles import assert_close


class TwoHands(GenerativeModel):
    """Left moves with one control, right with both; who is seen depends on either or on none."""

    actions = gym.spaces.MultiDiscrete([2, 3])

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(3)
        self.register_buffer("left", random_probs(rng, 2, 2, 2))
        self.register_buffer("right", random_probs(rng, 3, 2, 2, 3, 3))

    def initial(self) -> tuple[Tensor, Tensor]:
        left = pyro.sample("left", dist.Categorical(torch.tensor([0.2, 0.8])))
        return left, pyro.sample("right", dist.Categorical(torch.tensor([0.1, 0.2, 0.7])))

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        left, right = state
        first, second = action.unbind(-1)
        moved = pyro.sample("left", dist.Categorical(self.left[left, first]))
        table = self.right[right, left, first, second]
        return moved, pyro.sample("right", dist.Categorical(table))

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        pyro.sample("noise", dist.Categorical(torch.tensor([0.4, 0.6])))
        pyro.sample("seen", dist.Categorical(torch.eye(3)[state[1]] * 0.7 + 0.1))


def marginals(rng: np.random.Generator, tables: Tables, *batch: int) -> list[Tensor]:
    """Random log-probabilities of each factor, (*batch, size)."""
    return [random_probs(rng, *batch, site.size).log() for site in tables.states]


def test_initial_marginals_follow_the_order_of_the_program() -> None:
    model = Linked()
    tables = compile_program(model)
    weather, mood = propagate(factor_motions(tables, tables.initial), [], [])
    assert_close(as_array(weather.exp()), as_array(model.weather))
    assert_close(as_array(mood.exp()), as_array(model.weather @ model.mood))


def test_parents_of_the_same_step_count_by_their_predicted_marginals() -> None:
    model = Linked()
    tables = compile_program(model)
    rng = np.random.default_rng(1)
    weather, mood = marginals(rng, tables, 4)
    motions = factor_motions(tables, tables.transition)
    action = torch.tensor([0, 1, 1, 0])
    found = propagate(motions, [weather, mood], [action])
    for i, u in enumerate(action.tolist()):
        joint = np.outer(as_array(weather[i].exp()), as_array(mood[i].exp())).ravel()
        moved = (joint @ transition_by_hand(model, u)).reshape(2, 3)
        assert_close(as_array(found[0][i].exp()), moved.sum(1))
        sway = as_array(model.sway[:, u])  # (mood, weather', mood')
        expected = np.einsum("m,w,mwn->n", as_array(mood[i].exp()), moved.sum(1), sway)
        assert_close(as_array(found[1][i].exp()), expected)


@pytest.mark.parametrize("scale", [1.0, 400.0])
def test_each_factor_moves_by_its_own_controls(scale: float) -> None:
    """Also where probabilities underflow: then in logs."""
    model = TwoHands()
    tables = compile_program(model)
    motions = factor_motions(tables, tables.transition)
    assert [motion.controls for motion in motions] == [(0,), (0, 1)]
    rng = np.random.default_rng(2)
    before = [(q * scale).log_softmax(-1) for q in marginals(rng, tables, 6)]
    first, second = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 1, 2, 0, 1, 2])
    left, right = propagate(motions, before, [first, second])
    for i in range(6):
        u, v = int(first[i]), int(second[i])
        here, there = (as_array(q[i].exp()) for q in before)
        assert_close(as_array(left[i].exp()), here @ as_array(model.left[:, u]), 1e-13)
        table = as_array(model.right[:, :, u, v])
        assert_close(as_array(right[i].exp()), np.einsum("r,l,rln->n", there, here, table), 1e-13)


def test_underflowing_probabilities_are_kept() -> None:
    tables = compile_program(TwoHands())
    motions = factor_motions(tables, tables.transition)
    low = [torch.tensor([0.0, -2000.0]), torch.tensor([0.0, -5.0, -5.0]).log_softmax(-1)]
    identity = torch.eye(2).log().unsqueeze(1)
    left = motions[0].__class__(0, (0,), (), (), (), identity)
    found = propagate([left], low[:1], [])
    assert found[0].tolist() == [0.0, -2000.0]


def test_actions_fan_out_over_a_batch() -> None:
    tables = compile_program(TwoHands())
    motions = factor_motions(tables, tables.transition)
    before = marginals(np.random.default_rng(2), tables, 4, 1)
    fanned = propagate(motions, before, [torch.tensor([0, 1]), torch.tensor([2, 0])])
    for f in range(2):
        assert fanned[f].shape == (4, 2, tables.states[f].size)
    for j, action in enumerate(([0, 2], [1, 0])):
        alone = propagate(motions, before, [torch.tensor(u) for u in action])
        for f in range(2):
            assert_close(as_array(fanned[f][:, j]), as_array(alone[f][:, 0]))


def test_evidence_is_a_table_over_the_factors_it_depends_on() -> None:
    tables = compile_program(TwoHands())
    noise, seen = factor_evidence(tables)
    assert (noise.factors, seen.factors) == ((), (1,))
    assert noise({"seen": 0}) is None
    found = noise({"noise": torch.tensor([0, 1])})
    assert found is not None
    assert_close(as_array(found.log_values.exp()), [0.4, 0.6])
    assert found.flat.shape == (2, 1)


def test_linked_sites_are_evidence_together() -> None:
    model = Linked()
    tables = compile_program(model)
    pair, third = factor_evidence(tables)
    assert (pair.name, pair.factors, pair.sizes) == ("first+second", (0, 1), (2, 3))
    assert (third.name, third.factors) == ("third", (0,))
    found = pair({"second": 2})
    assert found is not None
    truth = np.einsum("ma,aw->wm", as_array(model.first), as_array(model.second[:, :, 2]))
    assert_close(as_array(found.log_values.exp()), truth)


def test_tables_are_restricted_to_what_some_sites_depend_on() -> None:
    tables = compile_program(TwoHands())
    part = restricted(tables, ["seen"])
    assert [site.name for site in part.states] == ["right"]
    assert [site.name for site in part.outcomes] == ["seen"]
    assert positions(tables, part) == (1,)


def test_sites_are_scored_apart_unless_linked() -> None:
    tables = compile_program(TwoHands())
    outcomes = factor_outcomes(tables, ())
    assert [factors for factors, _ in outcomes.parts] == [(), (1,)]
    linked = compile_program(Linked())
    assert [factors for factors, _ in factor_outcomes(linked, ()).parts] == [(0, 1), (0,)]
