"""What a factor says about the values of its variables together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.func import grad, jacrev, vmap

from .. import ops
from .._checks import complain
from ..conjugacy import (
    DTYPE,
    Bernoulli,
    Categorical,
    Factor,
    Family,
    Gaussian,
    Listed,
    MultivariateGaussian,
    Variable,
)
from ..conjugacy.gaussian import LOG_2PI

Naturals = Mapping[str, Tensor]  # variable -> natural coordinates (size)


class Potential(ABC):
    r"""An unnormalized density over several variables, which messages can be multiplied to.

    The log density at values is the expected one of beliefs that are certain of them, so that
    the function that a factor is gives this as well.
    """

    @abstractmethod
    def times(self, messages: Naturals) -> Potential:
        """Multiplied by messages to it."""

    @abstractmethod
    def marginal(self, variable: str) -> Tensor:
        """With all others summed out, in natural coordinates of one variable: ``(size)``."""

    @abstractmethod
    def log_total(self) -> Tensor:
        """Logarithm of the sum over all values, or of the integral."""


def potential_of(factor: Factor, variables: Mapping[str, Variable]) -> Potential:
    """The potential of a factor.

    Raises:
        ValueError: where its variables are neither all discrete nor all Gaussian, or in batches.
    """
    mine = [variables[name] for name in factor.variables]
    if any(variable.batch_shape for variable in mine):
        way_out = "Make each one a variable, or take a chain."
        raise ValueError(complain(factor.name, "variables without batch dims", "some", way_out))
    if all(isinstance(v.family, Categorical | Bernoulli | Listed) for v in mine):
        return _tabulated(factor, mine)
    if all(isinstance(v.family, Gaussian | MultivariateGaussian) for v in mine):
        return _quadratic(factor, mine)
    kinds = sorted({type(variable.family).__name__ for variable in mine})
    way_out = "VariationalMessagePassing takes any."
    expected = "variables that are all discrete or all Gaussian"
    raise ValueError(complain(factor.name, expected, kinds, way_out))


@dataclass(frozen=True)
class Table(Potential):
    """Of discrete variables."""

    variables: tuple[Variable, ...]
    logs: Tensor  # (*values of each variable)

    def times(self, messages: Naturals) -> Table:
        """Add their logarithms."""
        logs = self.logs
        for k, variable in enumerate(self.variables):
            if variable.name in messages:
                each = by_value(variable, messages[variable.name])
                logs = logs + each.reshape(-1, *[1] * (logs.dim() - k - 1))
        return replace(self, logs=logs)

    def marginal(self, variable: str) -> Tensor:
        """Sum over all others."""
        names = [v.name for v in self.variables]
        k = names.index(variable)
        each = ops.logsumexp(self.logs.movedim(k, 0).reshape(self.logs.shape[k], -1), -1)
        each = each - ops.logsumexp(each, -1)
        return (
            each
            if isinstance(self.variables[k].family, Categorical | Listed)
            else each[1:] - each[:1]
        )

    def log_total(self) -> Tensor:
        """Sum over all values."""
        return ops.logsumexp(self.logs.flatten(), -1)


def by_value(variable: Variable, natural: Tensor) -> Tensor:
    """Natural coordinates as a logarithm for each value."""
    if isinstance(variable.family, Categorical | Listed):
        return natural
    return torch.cat([torch.zeros_like(natural), natural])


def _tabulated(factor: Factor, variables: Sequence[Variable]) -> Table:
    values = [_values(variable.family) for variable in variables]
    places = torch.cartesian_prod(*(torch.arange(len(each)) for each in values))
    places = places.reshape(-1, len(values))
    certain = {
        variable.name: variable.family.statistics(values[k][places[:, k]])
        for k, variable in enumerate(variables)
    }
    logs = vmap(factor.expected)(certain)
    return Table(tuple(variables), logs.reshape([len(v) for v in values]))


def _values(family: Family) -> Tensor:
    if isinstance(family, Listed):
        return family.values
    return torch.arange(family.dim if isinstance(family, Categorical) else 2)


@dataclass(frozen=True)
class Quadratic(Potential):
    """Of Gaussian variables, one after the other in a vector: c + h'x - x'Jx / 2."""

    variables: tuple[Variable, ...]
    precision: Tensor  # (d, d)
    shift: Tensor  # (d)
    constant: Tensor  # ()

    def times(self, messages: Naturals) -> Quadratic:
        """Add their coordinates."""
        precision, shift = self.precision.clone(), self.shift.clone()
        for variable, place in zip(self.variables, self._places(), strict=True):
            if variable.name in messages:
                first, second = _first_and_second(variable, messages[variable.name])
                shift[place] = shift[place] + first
                precision[place, place] = precision[place, place] - second - second.mT
        return replace(self, precision=precision, shift=shift)

    def marginal(self, variable: str) -> Tensor:
        """Integrate over all others."""
        names = [v.name for v in self.variables]
        k = names.index(variable)
        place = self._places()[k]
        kept = torch.zeros(len(self.shift), dtype=torch.bool)
        kept[place] = True
        gone = ~kept
        pivot = _factored(self.precision[gone][:, gone], names)
        across = self.precision[gone][:, kept]
        solved = torch.cholesky_solve(
            torch.cat([across, self.shift[gone].unsqueeze(-1)], -1), pivot
        )
        precision = self.precision[kept][:, kept] - across.mT @ solved[:, :-1]
        shift = self.shift[kept] - across.mT @ solved[:, -1]
        return torch.cat([shift, -precision.flatten() / 2])

    def log_total(self) -> Tensor:
        """Integrate over all values."""
        pivot = _factored(self.precision, [v.name for v in self.variables])
        white = torch.linalg.solve_triangular(pivot, self.shift.unsqueeze(-1), upper=False)
        log_det = pivot.diagonal().log().sum()
        return self.constant + white.square().sum() / 2 - log_det + len(pivot) / 2 * LOG_2PI

    def _places(self) -> list[slice]:
        found, start = [], 0
        for variable in self.variables:
            size = _dim(variable)
            found.append(slice(start, start + size))
            start += size
        return found


def _factored(precision: Tensor, names: Sequence[str]) -> Tensor:
    pivot, wrong = torch.linalg.cholesky_ex(precision)
    if bool(wrong):
        expected = f"a proper Gaussian over {list(names)}"
        way_out = "Give each variable a proper prior; on loopy graphs, try damping."
        raise ValueError(complain("graph", expected, "one that cannot be integrated", way_out))
    return pivot


def _dim(variable: Variable) -> int:
    return variable.family.event_shape[0] if variable.family.event_shape else 1


def _first_and_second(variable: Variable, natural: Tensor) -> tuple[Tensor, Tensor]:
    d = _dim(variable)
    return natural[:d], natural[d:].reshape(d, d)


def _quadratic(factor: Factor, variables: Sequence[Variable]) -> Quadratic:
    sizes = [_dim(variable) for variable in variables]

    def log_density(x: Tensor) -> Tensor:
        pieces = zip(variables, x.split(sizes), strict=True)
        certain = {v.name: v.family.statistics(p.reshape(v.family.event_shape)) for v, p in pieces}
        return factor.expected(certain)

    origin = torch.zeros(sum(sizes), dtype=DTYPE)
    bend = jacrev(grad(log_density))(origin)
    return Quadratic(tuple(variables), -bend, grad(log_density)(origin), log_density(origin))
