"""Sweeps of coordinate ascent against free energies by brute force."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from pyro_activeinf.filters.coordinates import Coupling, Iterate, Shared, respond
from pyro_activeinf.filters.mean_field import LogJoint
from tests.bridge import as_array
from tests.filters.potentials import free_energy, random_joint
from tests.oracles import assert_close
from tests.strategies import SEEDS

ROWS, STARTS = 3, 2


def marginals(seed: int, joint: LogJoint) -> list[Tensor]:
    """Random log-probabilities of the coupled factors, (rows, starts, size)."""
    rng = np.random.default_rng(seed)
    sizes = [joint.unary[f].shape[-1] for f in joint.coupled]
    return [torch.as_tensor(rng.dirichlet(np.ones(n), (ROWS, STARTS))).log() for n in sizes]


def whole(joint: LogJoint, iterate: Iterate, start: int) -> list[Tensor]:
    """Marginals of all the factors, those that are not coupled at their exact posteriors."""
    found = [torch.log_softmax(u, -1) for u in joint.unary]
    for f, q in zip(joint.coupled, iterate.log_probs, strict=True):
        found[f] = q[:, start]
    return found


@settings(max_examples=40)
@given(seed=SEEDS, count=st.integers(2, 4))
def test_free_energy_of_an_iterate_is_that_of_its_marginals(seed: int, count: int) -> None:
    joint = random_joint(seed, ROWS, count)
    assume(joint.shared)
    iterate = joint.coupling.start(marginals(seed, joint))
    for current in (iterate, joint.coupling.sweep(iterate)):
        for start in range(STARTS):
            truth = free_energy(joint, whole(joint, current, start))
            found = current.free_energy[:, start] - joint.log_alone
            assert_close(as_array(found), truth, 1e-10)
            assert (current.contradiction == 0).all()


@settings(max_examples=40)
@given(seed=SEEDS)
def test_the_update_of_a_factor_is_the_best_of_all_its_marginals(seed: int) -> None:
    joint = random_joint(seed, ROWS)
    assume(joint.shared)
    coupling, given_ = joint.coupling, marginals(seed, joint)
    probs = [q.exp() for q in given_]
    for f, sharing in enumerate(coupling.sharing):
        told = [shared.seen_by(f, probs) for shared in sharing]
        best = respond(coupling.log_unary[f], sum(told[1:], told[0]))
        least = coupling.start([*given_[:f], best, *given_[f + 1 :]]).free_energy
        for other in (given_[f], marginals(seed + 1, joint)[f], best.roll(1, -1)):
            tried = coupling.start([*given_[:f], other, *given_[f + 1 :]]).free_energy
            assert (least <= tried + 1e-12).all()


def test_contradictions_are_lowered_first_and_end_where_possible() -> None:
    differ = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]).log()
    coupling = Coupling((torch.zeros(1, 1, 2),) * 2, (Shared.of((0, 1), differ, True),))
    start = coupling.start([torch.tensor([[[0.6, 0.4]]]).log(), torch.tensor([[[0.7, 0.3]]]).log()])
    assert float(start.contradiction) == pytest.approx(0.6 * 0.7 + 0.4 * 0.3)
    assert float(start.free_energy) == math.inf
    after = coupling.sweep(start)
    assert float(after.contradiction) == 0.0
    assert [q.exp().flatten().tolist() for q in after.log_probs] == [[0.0, 1.0], [1.0, 0.0]]
    assert bool(after.betters(start, 0.0))
    assert not bool(start.betters(after, 0.0))


def test_values_without_prior_probability_are_no_way_out() -> None:
    log_unary = torch.tensor([-math.inf, 0.0, 0.0])
    told = torch.tensor([[0.0, 0.0], [0.0, 0.5], [3.0, 0.7]])
    assert respond(log_unary, told).tolist() == [-math.inf, 0.0, -math.inf]


def test_rows_are_swept_apart() -> None:
    joint = random_joint(5, ROWS, 4, zeros=0.3)
    start = joint.coupling.start(marginals(5, joint))
    both = joint.coupling.sweep(start)
    row = torch.tensor([1])
    alone = joint.coupling.take(row).sweep(start.take(row))
    for together, apart in zip(both.log_probs, alone.log_probs, strict=True):
        assert_close(as_array(together[1:2].exp()), as_array(apart.exp()), 1e-14)
