"""Random evidence that factors share, and what it amounts to by brute force over joint states."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from pyro_activeinf.filters.mean_field import LogJoint, Potential
from tests.oracles import Array


def random_potential(
    rng: np.random.Generator,
    states: Array,
    sizes: Sequence[int],
    factors: Sequence[int],
    zeros: float,
) -> Potential:
    """A likelihood with exact zeros, but not for the states (rows, factor) that are given."""
    shape = (len(states), *(sizes[f] for f in factors))
    values = rng.random(shape) ** 3 * (rng.random(shape) >= zeros)
    values[(np.arange(len(states)), *(states[:, f] for f in factors))] = rng.random(len(states))
    return Potential(tuple(factors), torch.as_tensor(values).log())


def random_joint(seed: int, rows: int = 1, count: int = 3, zeros: float = 0.0) -> LogJoint:
    """As many factors as pieces of evidence, each of which has up to three of them."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 5, size=count)
    prior = [torch.as_tensor(rng.dirichlet(np.ones(n), size=rows)).log() for n in sizes]
    states = np.stack([rng.integers(n, size=rows) for n in sizes], -1)
    evidence = []
    for _ in range(count):
        size = int(rng.integers(1, min(count, 3) + 1))
        factors = sorted(rng.permutation(count)[:size].tolist())
        evidence.append(random_potential(rng, states, sizes.tolist(), factors, zeros))
    return LogJoint.of(prior, evidence)


def log_table(joint: LogJoint) -> Array:
    """log p(s, o), shape (rows, *sizes)."""
    sizes = [u.shape[-1] for u in joint.unary]
    total = np.zeros((len(joint.constant), *sizes)) + joint.constant.numpy().reshape(
        -1, *[1] * len(sizes)
    )
    tables = [((f,), u) for f, u in enumerate(joint.unary)]
    tables += [(p.factors, p.log_values) for p in joint.shared]
    for factors, values in tables:
        shape = [n if f in factors else 1 for f, n in enumerate(sizes)]
        total = total + values.detach().numpy().reshape(-1, *shape)
    return total


def log_evidence(joint: LogJoint) -> Array:
    """log p(o), shape (rows,)."""
    with np.errstate(divide="ignore"):
        return np.log(np.exp(log_table(joint)).reshape(len(joint.constant), -1).sum(-1))


def free_energy(joint: LogJoint, log_probs: Sequence[Tensor]) -> Array:
    """E_q[log q(s) - log p(s, o)] of marginals (rows, size), shape (rows,)."""
    table = log_table(joint)
    found = []
    for row in range(len(table)):
        q = reduce(np.multiply.outer, [x[row].detach().exp().numpy() for x in log_probs])
        known = q > 0
        found.append(float((q[known] * (np.log(q[known]) - table[row][known])).sum()))
    return np.array(found)
