"""Graphs of variables and factors."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from .._checks import batch_dims, complain, known_names, numbers
from ..conjugacy import (
    DTYPE,
    Approximation,
    Beliefs,
    Chain,
    ExpectedLogDensity,
    Factor,
    Family,
    Program,
    SiteFactor,
    Variable,
    message,
    starting,
)
from ..conjugacy import free_energy as free_energy_of


class FactorGraph:
    r"""Variables, and the factors of their joint density.

    .. math:: p(x, z) = \prod_f f(z_f), \qquad
              F = E_q[\log q(z)] - \sum_f E_q[\log f(z_f)]

    A factor is one function: from the moments of its arguments to the expectation of its
    logarithm. Whatever is linear in the moments of each argument has exact messages, by
    differentiation; :mod:`~pyro_activeinf.messages.library` holds those of common use.

    Plates are batch dims of variables: functions broadcast, and what they return is summed up.

    Example:
        >>> from pyro_activeinf import messages
        >>> from pyro_activeinf.messages import library
        >>> graph = messages.FactorGraph()
        >>> level = graph.variable("level", messages.Gaussian())
        >>> noise = graph.variable("noise", messages.Gamma())
        >>> graph.factor(library.gaussian, x=level, mean=0.0, precision=0.01)
        >>> graph.factor(library.gamma, x=noise, shape=1.0, rate=1.0)
        >>> seen = graph.observe("seen", messages.Gaussian(), torch.tensor([1.0, 2.0, 3.0]))
        >>> graph.factor(library.gaussian, x=seen, mean=level, precision=noise)
        >>> passing = messages.VariationalMessagePassing(graph)
        >>> round(passing.update_beliefs()["level"].mean.item(), 2)
        1.99
    """

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}
        self.factors: dict[str, Factor] = {}
        self.observed: dict[str, Any] = {}  # moments
        self.log_base = torch.zeros(())  # log h of all that is observed
        self.program: Program | None = None  # that the graph was read off, if any
        self._starts: dict[str, Tensor] = {}

    def variable(
        self,
        name: str,
        family: Family,
        batch_shape: tuple[int, ...] = (),
        initial: Tensor | None = None,
    ) -> Variable:
        """Add an unknown.

        Args:
            name: of the variable.
            family: of its belief.
            batch_shape: of a batch of independent ones, a plate.
            initial: natural coordinates ``(*batch, size)`` of the belief to begin with.

        Raises:
            ValueError: for a name that is taken, or coordinates of another shape.
            TypeError: for a family that is none.
        """
        self._require_new(name)
        _require_family(family)
        found = Variable(name, family, batch_dims(batch_shape))
        if initial is not None:
            self._starts[name] = _start(found, initial)
        self.variables[name] = found
        return found

    def observe(self, name: str, family: Family, value: Any) -> str:
        """Add a known value ``(*batch, *event)``; returns its name.

        Raises:
            ValueError: for a name that is taken, or values that are not finite or that the
                family does not have.
            TypeError: for a family that is none.
        """
        self._require_new(name)
        _require_family(family)
        seen = _double(numbers(name, value))
        if not bool(seen.isfinite().all()):
            way_out = "Leave out what is missing, or make it a variable."
            raise ValueError(complain(name, "finite numbers", "NaN or infinity", way_out))
        event = tuple(seen.shape[seen.dim() - len(family.event_shape) :])
        if event != family.event_shape:
            expected = f"values of shape (*batch, {str(family.event_shape)[1:-1]})"
            raise ValueError(complain(name, expected, f"shape {tuple(seen.shape)}"))
        statistics = family.statistics(seen)
        if bool(statistics.isnan().any()):
            expected = f"values that {type(family).__name__} may have"
            raise ValueError(complain(name, expected, "one out of range"))
        self.observed[name] = family.moments(statistics)
        self.log_base = self.log_base + family.log_base(seen).sum()
        return name

    def factor(
        self, function: Callable[..., Tensor] | Factor, name: str | None = None, **arguments: Any
    ) -> None:
        """Add a factor.

        Args:
            function: the expected log density, a function of moments; or a whole factor, such as
                :class:`~pyro_activeinf.messages.Nonlinear`.
            name: of the factor; that of the function, with a number, if left out.
            arguments: each a variable, the name of something unknown or observed, or a known
                value. One whose parameter is annotated with moments, as those of the library,
                is handed over as moments.

        Raises:
            ValueError: for a name that is unknown or taken, arguments that are missing or too
                many, or a variable whose family has not the moments that are asked for.
        """
        if isinstance(function, Factor):
            self._add(function)
            return
        if not callable(function):
            expected = "a function of moments, such as messages.library.gaussian"
            raise TypeError(complain("function", expected, repr(function)))
        label = name or self._label(getattr(function, "__name__", "factor"))
        unknown, known = {}, {}
        hints = _hints(function)
        _require_arguments(label, function, arguments)
        for argument, value in arguments.items():
            key = value.name if isinstance(value, Variable) else value
            if isinstance(key, str):
                known_names(argument, [key], [*self.variables, *self.observed])
            if isinstance(key, str) and key in self.variables:
                unknown[argument] = self.variables[key]
            elif isinstance(key, str):
                known[argument] = self.observed[key]
            else:
                known[argument] = _moments(hints.get(argument), value)
        made = ExpectedLogDensity(label, function, unknown, known)
        for argument, variable in unknown.items():
            _require_moments(made, argument, hints.get(argument), variable)
        self._add(made)

    @classmethod
    def from_program(
        cls,
        model: Callable[..., Any],
        *args: Any,
        approximation: Approximation | None = None,
        joint: Collection[str] = (),
        apart: Collection[str] = (),
    ) -> FactorGraph:
        """Read a graph off a Pyro program, see :class:`~pyro_activeinf.conjugacy.Program`.

        Args:
            model: a Pyro program, conditioned on what is observed.
            args: that it is called with.
            approximation: of what is not linear, ``Sampled()`` or ``Laplace()``.
            joint: Gaussian sites that are one vector, in addition.
            apart: stems of sites over time that are no chain.

        Raises:
            ValueError: for a site whose belief has no family, or a name that is of no site.
            TypeError: for a program, an approximation or names that are none.
        """
        graph = cls()
        graph.take(Program.read(model, args, approximation, joint, apart))
        return graph

    def take(self, program: Program) -> None:
        """Have the variables and factors of a program, in place of those before."""
        self.program, self.factors = program, {}
        self.variables = dict(program.variables)
        for factor in program.factors:
            self._add(factor)

    @property
    def approximate(self) -> list[str]:
        """Names of the factors whose messages are approximations."""
        return [name for name, factor in self.factors.items() if factor.approximate]

    def around(self, variable: str) -> list[Factor]:
        """The factors of a variable."""
        return [factor for factor in self.factors.values() if variable in factor.variables]

    def beliefs(self) -> Beliefs:
        """Beliefs to begin with: given ones, or what the priors say, with some noise.

        The noise, which follows torch's generator, is there to break symmetries.

        Raises:
            ValueError: for a variable in no factor.
        """
        for name in self.variables:
            if not self.around(name):
                expected = "a variable in at least one factor"
                raise ValueError(complain(name, expected, "one in none"))
        return starting(self.variables, list(self.factors.values())).moved(self._starts)

    def free_energy(self, beliefs: Beliefs) -> Tensor:
        """F of beliefs, in nats: a function of beliefs and of what the graph knows.

        Differentiable by parameters of a program, and by known values of factors. Where beliefs
        are those of least F, that is the derivative of the optimum.

        Raises:
            TypeError: for beliefs that are none.
        """
        if not isinstance(beliefs, Beliefs):
            raise TypeError(complain("beliefs", "Beliefs, such as those of a graph", repr(beliefs)))
        factors = list(self.factors.values())
        if torch.is_grad_enabled():
            factors = [f.live() if isinstance(f, SiteFactor) else f for f in factors]
        return free_energy_of(factors, beliefs) - self.log_base

    def filtered(self, chain: str) -> Distribution:
        """What each step of a chain and all before it say, with batch shape ``(*batch, time)``.

        Raises:
            ValueError: for a variable that is no chain, or depends on other unknown ones.
        """
        known_names("chain", [chain], list(self.variables))
        variable, factors = self.variables[chain], self.around(chain)
        if not isinstance(variable.family, Chain):
            raise ValueError(complain("chain", "a chain", type(variable.family).__name__))
        if others := {name for factor in factors for name in factor.variables} - {chain}:
            way_out = "Smooth: VariationalMessagePassing(graph).update_beliefs()."
            got = f"one that depends on {sorted(others)}"
            raise ValueError(complain("chain", "a chain of known parameters", got, way_out))
        anywhere = {
            chain: torch.zeros(variable.shape, dtype=DTYPE)
        }  # messages are the same at all beliefs
        motion, evidence = torch.zeros_like(anywhere[chain]), torch.zeros_like(anywhere[chain])
        for factor in factors:
            sent = message(factor, chain, anywhere)
            if bool(variable.family.split(sent)[-1].any()):  # of pairs of steps
                motion = motion + sent
            else:
                evidence = evidence + sent
        return variable.family.filtered(motion, evidence)

    def _add(self, factor: Factor) -> None:
        if factor.name in self.factors:
            raise ValueError(complain("name", "a new name", repr(factor.name)))
        known_names("factor", factor.variables, list(self.variables))
        self.factors[factor.name] = factor

    def _label(self, stem: str) -> str:
        taken = [name for name in self.factors if name.rpartition("_")[0] == stem or name == stem]
        return f"{stem}_{len(taken)}" if taken else stem

    def _require_new(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(complain("name", "a string", repr(name)))
        if name in self.variables or name in self.observed:
            raise ValueError(complain("name", "a new name", repr(name)))


def _start(variable: Variable, initial: Tensor) -> Tensor:
    natural = _double(numbers("initial", initial))
    if natural.shape != variable.shape or not bool(variable.family.valid(natural).all()):
        expected = f"natural coordinates of shape {variable.shape}, within the domain"
        raise ValueError(complain("initial", expected, f"shape {tuple(natural.shape)}"))
    return natural


def _require_family(family: Any) -> None:
    if not isinstance(family, Family):
        raise TypeError(
            complain("family", "a family of beliefs, such as messages.Gaussian()", repr(family))
        )


def _require_arguments(
    name: str, function: Callable[..., Any], arguments: Mapping[str, Any]
) -> None:
    signature = inspect.signature(function)
    try:
        signature.bind(**arguments)
    except TypeError as wrong:
        expected = f"the arguments {list(signature.parameters)}"
        raise ValueError(complain(name, expected, f"{list(arguments)}: {wrong}")) from None


def _require_moments(
    factor: ExpectedLogDensity, argument: str, kind: Any, variable: Variable
) -> None:
    """A family of another kind may do, if it has the moments that are used."""
    missing = set(getattr(kind, "_fields", ())) - set(variable.family.moments_type._fields)
    if missing and not _computes(factor):
        expected = f"a variable with the moments {list(kind._fields)}"
        got = f"'{variable.name}', {type(variable.family).__name__}, without {sorted(missing)}"
        raise ValueError(complain(argument, expected, got))


def _computes(factor: ExpectedLogDensity) -> bool:
    """Whether a factor finds all moments that it uses."""
    variables = factor.unknown.values()
    means = {v.name: v.family.mean(v.family.neutral().expand(v.shape)) for v in variables}
    try:
        factor.expected(means)
    except AttributeError:
        return False
    return True


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    target = function if hasattr(function, "__annotations__") else type(function).__call__
    try:
        return typing.get_type_hints(target)
    except NameError:
        return {}


def _moments(kind: Any, value: Any) -> Any:
    """A known value as what the parameter asks for."""
    if isinstance(value, tuple) or not hasattr(kind, "at"):
        return _double(value) if isinstance(value, Tensor) else value
    return kind.at(torch.as_tensor(value, dtype=DTYPE))


def _double(value: Tensor) -> Tensor:
    return value.to(DTYPE) if value.is_floating_point() else value
