"""Descents from several starts: where they stop, which is kept, and that rows do not mix."""

import math

import torch

from pyro_activeinf.filters.coordinates import Coupling, Shared
from pyro_activeinf.filters.descent import Descent, descend
from pyro_activeinf.filters.mean_field import LogJoint
from tests.bridge import as_array
from tests.filters.potentials import random_joint
from tests.oracles import assert_close

TOLERANCE = 1e-10


def starts(joint: LogJoint) -> list[torch.Tensor]:
    """Uniform marginals, and the first values."""
    found = []
    for f in joint.coupled:
        even = torch.zeros_like(joint.unary[f]).log_softmax(-1)
        first = torch.full_like(even, -math.inf)
        first[:, 0] = 0.0
        found.append(torch.stack([even, first], 1))
    return found


def test_rows_come_out_as_they_would_alone_whatever_the_others_need() -> None:
    joint = random_joint(3, rows=12, count=4)
    coupling, begin = joint.coupling, starts(joint)
    found = descend(coupling, begin, 100, TOLERANCE)
    assert found.sweeps.unique().numel() > 3
    for row in range(12):
        only = torch.tensor([row])
        alone = descend(coupling.take(only), [q[only] for q in begin], 100, TOLERANCE)
        assert torch.equal(alone.sweeps[0], found.sweeps[row])
        length = alone.trace.shape[-1]
        assert_close(as_array(found.trace[row, :, :length]), as_array(alone.trace[0]), 1e-12)
        last = found.trace[row, :, -1:].expand(-1, found.trace.shape[-1] - length)
        assert_close(as_array(found.trace[row, :, length:]), as_array(last), 1e-12)
        for both, one in zip(found.log_probs, alone.log_probs, strict=True):
            assert_close(as_array(both[row].exp()), as_array(one[0].exp()), 1e-12)


def test_the_last_sweep_is_the_first_that_gains_nothing() -> None:
    joint = random_joint(3, rows=12, count=4)
    found = descend(joint.coupling, starts(joint), 100, TOLERANCE)
    falls = -found.trace.diff()
    for row in range(12):
        for start in range(2):
            last = int(found.sweeps[row, start]) - 1
            assert (falls[row, start, :last] > TOLERANCE).all()
            assert falls[row, start, last] <= TOLERANCE


def test_sweeps_are_limited() -> None:
    joint = random_joint(3, rows=12, count=4)
    found = descend(joint.coupling, starts(joint), 3, TOLERANCE)
    assert found.trace.shape == (12, 2, 4)
    assert int(found.sweeps.max()) == 3


def test_a_contradiction_that_cannot_be_lowered_ends_the_descent() -> None:
    differ = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]).log()
    coupling = Coupling((torch.zeros(1, 1, 2),) * 2, (Shared.of((0, 1), differ, True),))
    even = torch.full((1, 1, 2), 0.5).log()
    found = descend(coupling, [even, even], 100, TOLERANCE)
    assert found.sweeps.tolist() == [[1]]
    assert found.trace[0, 0, -1] == math.inf


def test_the_lower_of_two_starts_is_kept_and_the_first_where_they_are_as_low() -> None:
    trace = torch.tensor([[[3.0, 2.0], [3.0, 1.0]], [[3.0, 1.0], [2.0, 1.0 - 1e-12]]])
    log_probs = torch.arange(4.0).reshape(2, 2, 1)
    found = Descent((log_probs,), trace, torch.tensor([[5, 6], [7, 8]])).lower(TOLERANCE)
    assert found.log_probs[0].flatten().tolist() == [1.0, 2.0]
    assert found.sweeps.tolist() == [6, 7]
    assert found.trace.tolist() == [[3.0, 1.0], [3.0, 1.0]]
