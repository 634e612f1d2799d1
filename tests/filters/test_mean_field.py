"""Mean-field inference against brute force over joint states."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pyro_activeinf.filters.mean_field import LogJoint, MeanField, Potential, minimize
from tests.bridge import as_array
from tests.filters.potentials import free_energy, log_evidence, log_table, random_joint
from tests.oracles import assert_close
from tests.strategies import SEEDS


def solved(joint: LogJoint) -> MeanField:
    return minimize(joint, max_sweeps=200, tolerance=1e-12)


@settings(max_examples=60)
@given(seed=SEEDS, count=st.integers(1, 5), zeros=st.sampled_from([0.0, 0.4, 0.7]))
def test_free_energy_bounds_the_evidence_and_is_that_of_the_marginals(
    seed: int, count: int, zeros: float
) -> None:
    joint = random_joint(seed, 4, count, zeros)
    found = solved(joint)
    last = as_array(found.trace[:, -1])
    assert_close(last, free_energy(joint, found.log_probs), 1e-10)
    assert (last >= -log_evidence(joint) - 1e-10).all()
    mode = log_table(joint).reshape(4, -1).max(-1)
    assert (last <= -mode + 1e-10).all()
    for q in found.log_probs:
        assert_close(as_array(q.exp().sum(-1)), np.ones(4), 1e-12)


def test_evidence_on_single_factors_is_exact_at_once() -> None:
    rng = np.random.default_rng(0)
    prior = [torch.as_tensor(rng.dirichlet(np.ones(n), size=2)).log() for n in (2, 3)]
    evidence = [Potential((1,), torch.as_tensor(rng.random((2, 3))).log())]
    evidence += [Potential((1,), torch.as_tensor(rng.random((2, 3))).log())]
    evidence += [Potential((), torch.tensor([-0.5, -2.0]))]
    joint = LogJoint.of(prior, evidence)
    found = solved(joint)
    assert found.trace.shape == (2, 1)
    assert found.sweeps.tolist() == [0, 0]
    assert_close(as_array(-found.trace[:, 0]), log_evidence(joint), 1e-12)
    assert_close(as_array(found.log_probs[0]), as_array(prior[0]), 1e-12)


def at_once(joint: LogJoint, count: int) -> list[list[Tensor]]:
    """Marginals after each of so many updates of all the factors at the same time."""
    current = [torch.log_softmax(u, -1) for u in joint.unary]
    found = []
    for _ in range(count):
        probs = [q.exp() for q in current]
        current = []
        for f, log_unary in enumerate(joint.unary):
            told = torch.zeros_like(log_unary)
            for potential in joint.shared:
                others = probs[1 - f]
                values = potential.log_values if f == 0 else potential.log_values.mT
                told = told + (values @ others.unsqueeze(-1)).squeeze(-1)
            current.append(torch.log_softmax(log_unary + told, -1))
        found.append(current)
    return found


def test_converges_where_updating_all_factors_at_once_oscillates() -> None:
    """Two lamps, each probably off; a sensor says, rightly in 95 %, that just one of them is on."""
    lamps = [torch.tensor([[0.6, 0.4]]).log(), torch.tensor([[0.6, 0.4]]).log()]
    sensor = torch.tensor([[[0.05, 0.95], [0.95, 0.05]]]).log()
    joint = LogJoint.of(lamps, [Potential((0, 1), sensor)])
    loop = at_once(joint, 200)
    off, on = sorted([float(q[0, 1].exp()) for q in marginals] for marginals in loop[-2:])
    assert max(off) < 0.1  # now both are off, now both are on, for ever
    assert min(on) > 0.85
    found = solved(joint)
    assert int(found.sweeps) < 20
    least = min(float(free_energy(joint, marginals)[0]) for marginals in loop)
    assert float(found.trace[0, -1]) < least - 0.2
    one, other = sorted(float(q[0, 1].exp()) for q in found.log_probs)
    assert one < 0.1
    assert other > 0.85


def test_settles_on_one_of_two_explanations_that_exclude_each_other() -> None:
    """One bit or the other, for certain: log 2 nats are lost, as F = 2 log 2 says."""
    even = torch.full((1, 2), 0.5).log()
    differ = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]).log()
    joint = LogJoint.of([even, even], [Potential((0, 1), differ)])
    found = solved(joint)
    assert sorted(q.exp().flatten().tolist() for q in found.log_probs) == [[0.0, 1.0], [1.0, 0.0]]
    assert float(found.trace[0, -1]) == pytest.approx(2 * math.log(2))
    assert -log_evidence(joint)[0] == pytest.approx(math.log(2))


def test_values_that_the_others_allow_stay_possible() -> None:
    """Not both: the more probable bit is on, and the other must be off for certain."""
    prior = [torch.tensor([[0.2, 0.8]]).log(), torch.tensor([[0.7, 0.3]]).log()]
    not_both = torch.tensor([[[1.0, 1.0], [1.0, 0.0]]]).log()
    found = solved(LogJoint.of(prior, [Potential((0, 1), not_both)]))
    assert_close(as_array(found.log_probs[0].exp()), [[0.2, 0.8]], 1e-12)
    assert found.log_probs[1].exp().tolist() == [[1.0, 0.0]]
    assert float(found.trace[0, -1]) == pytest.approx(-math.log(0.7))


NEVER = torch.tensor([-math.inf, 0.0], dtype=torch.float64)
SECOND = torch.tensor([[0.0, 1.0], [1.0, 1.0]], dtype=torch.float64).log()
DIFFER = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64).log().expand(2, 2, 2)


@pytest.mark.parametrize(
    ("evidence", "impossible"),
    [
        ([Potential((), NEVER)], [True, False]),
        ([Potential((0,), SECOND)], [True, False]),
        ([Potential((0, 1), DIFFER)], [True, False]),
        ([Potential((0,), SECOND), Potential((1, 2), DIFFER)], [True, False]),
        ([Potential((0, 1), DIFFER), Potential((1, 2), DIFFER)], [True, False]),
        ([Potential(pair, DIFFER) for pair in ((0, 1), (1, 2), (0, 2))], [True, True]),
    ],
    ids=["whatever the state", "alone", "shared", "one of two", "chain", "triangle"],
)
def test_impossible_evidence_is_recognized(
    evidence: list[Potential], impossible: list[bool]
) -> None:
    """Of the first row it is known for certain that all the factors are 0."""
    prior = [torch.tensor([[1.0, 0.0], [0.5, 0.5]]).log()] * 3
    assert LogJoint.of(prior, evidence).impossible.tolist() == impossible


def test_gradients_of_the_free_energy_are_finite_and_right() -> None:
    """At the minimum, F changes with the evidence as if the marginals stayed."""
    joint = random_joint(4, 1, 3, zeros=0.4)
    table = joint.shared[0].log_values.exp().requires_grad_()
    possible = table > 0

    def found(values: Tensor) -> Tensor:
        log_values = torch.where(possible, torch.where(possible, values, 1.0).log(), -math.inf)
        shared = (Potential(joint.shared[0].factors, log_values), *joint.shared[1:])
        return solved(LogJoint(joint.constant, joint.unary, shared)).trace[0, -1]

    (gradient,) = torch.autograd.grad(found(table), table)
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0.01
    with torch.no_grad():
        for index in possible.nonzero()[:4]:
            step = torch.zeros_like(table)
            step[tuple(index)] = 1e-5
            change = (found(table + step) - found(table - step)) / 2e-5
            assert float(gradient[tuple(index)]) == pytest.approx(float(change), abs=1e-6)
