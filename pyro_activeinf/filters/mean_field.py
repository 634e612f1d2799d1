"""Mean-field inference: the product of marginals that comes closest to a posterior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .. import ops
from .coordinates import Coupling, Shared
from .descent import descend
from .elimination import Scope, most_probable


@dataclass(frozen=True)
class Potential:
    """What one observation says of the factors that it depends on: log p(o | s)."""

    factors: tuple[int, ...]  # ascending
    log_values: Tensor  # (*batch, *sizes of the factors)

    @property
    def batch_shape(self) -> torch.Size:
        """Shape of the batch of observations."""
        return self.log_values.shape[: self.log_values.dim() - len(self.factors)]

    @property
    def flat(self) -> Tensor:
        """The log-values over joint states, ``(*batch, joint)``."""
        return self.log_values.reshape(*self.batch_shape, -1)

    def rows(self, batch: torch.Size) -> Potential:
        """The same over a batch that is flattened, ``(rows, *sizes)``."""
        sizes = self.log_values.shape[len(self.batch_shape) :]
        return Potential(self.factors, self.log_values.expand(*batch, *sizes).reshape(-1, *sizes))


@dataclass(frozen=True)
class LogJoint:
    """log p(s, o) of one step, a sum of tables: of no factor, of one factor, of several."""

    constant: Tensor  # (rows)
    unary: tuple[Tensor, ...]  # of each factor: (rows, size)
    shared: tuple[Potential, ...]

    @classmethod
    def of(cls, log_prior: Sequence[Tensor], evidence: Sequence[Potential]) -> LogJoint:
        """Add up the prior ``(rows, size)`` of each factor, and evidence."""
        constant, unary = torch.zeros_like(log_prior[0][:, 0]), list(log_prior)
        for potential in evidence:
            if len(potential.factors) == 1:
                unary[potential.factors[0]] = unary[potential.factors[0]] + potential.log_values
            elif not potential.factors:
                constant = constant + potential.log_values
        shared = (potential for potential in evidence if len(potential.factors) > 1)
        return cls(constant, tuple(unary), tuple(shared))

    @cached_property
    def coupled(self) -> tuple[int, ...]:
        """The factors that share evidence with others."""
        return tuple(sorted({f for potential in self.shared for f in potential.factors}))

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        """The factors of each shared table, numbered among those coupled."""
        position = {f: i for i, f in enumerate(self.coupled)}
        return tuple(tuple(position[f] for f in p.factors) for p in self.shared)

    @cached_property
    def log_mass(self) -> tuple[Tensor, ...]:
        """Log-evidence of each factor by itself, ``(rows)``."""
        return tuple(ops.logsumexp(log_values, -1) for log_values in self.unary)

    @cached_property
    def log_alone(self) -> Tensor:
        """Log-evidence of all that no factors share, ``(rows)``."""
        masses = (self.log_mass[f] for f in range(len(self.unary)) if f not in self.coupled)
        return sum(masses, self.constant)

    @cached_property
    def mode(self) -> tuple[list[Tensor], Tensor]:
        """The most probable values of the coupled factors, and (a bound of) their log p(s, o)."""
        unary = [self.unary[f] for f in self.coupled]
        scopes = [*((i,) for i in range(len(unary))), *self.scopes]
        tables = [*unary, *(potential.log_values for potential in self.shared)]
        return most_probable([u.shape[-1] for u in unary], scopes, tables)

    @cached_property
    def impossible(self) -> Tensor:
        """Whether no state can have shown the evidence, ``(rows)``."""
        ruled_out = self.log_alone == -math.inf
        return ruled_out | (self.mode[1] == -math.inf) if self.shared else ruled_out

    @property
    def coupling(self) -> Coupling:
        """What the coupled factors share."""
        has_zeros = any(bool((p.log_values == -math.inf).any()) for p in self.shared)
        shared = (
            Shared.of(scope, potential.log_values, has_zeros)
            for scope, potential in zip(self.scopes, self.shared, strict=True)
        )
        return Coupling(tuple(self.unary[f].unsqueeze(1) for f in self.coupled), tuple(shared))


@dataclass(frozen=True)
class MeanField:
    """Marginals at a minimum of variational free energy, and how they came there."""

    log_probs: tuple[Tensor, ...]  # of each factor: (rows, size)
    trace: Tensor  # (rows, 1 + sweeps): F at the start and after each sweep, in nats
    sweeps: Tensor  # (rows): how many it took


def minimize(joint: LogJoint, max_sweeps: int, tolerance: float) -> MeanField:
    r"""Minimize the free energy of a product of marginals by coordinate ascent.

    .. math::
        F = E_q[\log q(s) - \log p(s, o)], \quad q(s) = \prod_f q_f(s_f), \qquad
        q_f \propto \exp E_{q_{-f}}[\log p(s, o)]

    One factor is updated at a time, to the exact minimum over its marginal: F never rises.
    Factors that share no evidence are exact at once. The others are swept over from two starts,
    of which the one that ends lower counts: each factor's own prediction and evidence, and all
    the probability on the most probable joint state (with it F is at most -log p(s, o) of that).

    Args:
        joint: not ``impossible``.
        max_sweeps: number of sweeps at most.
        tolerance: a sweep that lowers F by no more than this is the last one; in nats.

    Returns:
        F is infinite where no marginals were found that leave out every joint state that cannot
        show what was seen; see :func:`~.coordinates.respond`.

    Reference: Jordan, Ghahramani, Jaakkola and Saul (1999), "An introduction to variational
    methods for graphical models", Machine Learning 37; Winn and Bishop (2005), "Variational
    message passing", JMLR 6.

    Example:
        >>> lamps = [torch.tensor([[0.7, 0.3]]).log(), torch.tensor([[0.6, 0.4]]).log()]
        >>> one_is_on = Potential((0, 1), torch.tensor([[[0.1, 0.9], [0.9, 0.1]]]).log())
        >>> found = minimize(LogJoint.of(lamps, [one_is_on]), max_sweeps=50, tolerance=1e-10)
        >>> [q.exp().round(decimals=2).tolist() for q in found.log_probs]
        [[[0.89, 0.11]], [[0.21, 0.79]]]
    """
    pairs = zip(joint.unary, joint.log_mass, strict=True)
    log_probs = [log_values - log_mass.unsqueeze(-1) for log_values, log_mass in pairs]
    if not joint.shared:
        sweeps = torch.zeros_like(joint.constant, dtype=torch.long)
        return MeanField(tuple(log_probs), -joint.log_alone.unsqueeze(-1), sweeps)
    coupled = [log_probs[f] for f in joint.coupled]
    certain = [_certain(value, q) for value, q in zip(joint.mode[0], coupled, strict=True)]
    starts = [torch.stack(pair, 1) for pair in zip(coupled, certain, strict=True)]
    descent = descend(joint.coupling, starts, max_sweeps, tolerance).lower(tolerance)
    for f, found in zip(joint.coupled, descent.log_probs, strict=True):
        log_probs[f] = found
    trace = descent.trace - joint.log_alone.unsqueeze(-1)
    return MeanField(tuple(log_probs), trace, descent.sweeps)


def _certain(value: Tensor, like: Tensor) -> Tensor:
    """All the probability on a value ``(rows)``, as log-probabilities."""
    values = torch.arange(like.shape[-1], device=like.device)
    return torch.where(values == value.unsqueeze(-1), like.new_zeros(()), -math.inf)
