"""Stochastic variational inference by natural gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

from torch import Tensor, nn
from torch.distributions import Distribution
from torch.utils import _pytree as pytree

from .._checks import complain, known_names, positive_int, strings
from ..conjugacy import (
    Approximation,
    Beliefs,
    Factor,
    Program,
    free_energy,
    guide_of,
    starting,
    update,
    usual_order,
)
from ..conjugacy.windows import pressed, widened
from .annealing import RobbinsMonro, Schedule


class NaturalGradientSVI:
    r"""Beliefs about the latent sites of any Pyro program, by natural gradients of F.

    .. math:: \lambda \leftarrow (1 - \rho_t) \lambda + \rho_t \nabla_\mu E_q[\log p(x, z)]

    The guide is a product over sites, each of the exponential family of its prior; one without
    such a prior has a Gaussian, carried to its support. Where the log-density of a site is linear
    in the statistics of its variables, the gradient is exact: with :math:`\rho = 1` a step is
    one round of coordinate ascent. Elsewhere it is that of samples, reparameterized, with respect
    to the mean coordinates; a step that would raise F of the same samples is halved until it
    does not.

    Beliefs about counts are lists of values, which grow from step to step for as long as values
    beyond their ends matter.

    Where a plate is subsampled, each step reads the program anew, with other rows. Sites in such
    a plate are local: they are fit to the rows of the step, before the global ones move by
    :math:`\rho_t`.

    Args:
        model: a Pyro program, conditioned on what is observed.
        rho: a number in (0, 1], or a function of the step such as
            :class:`~pyro_activeinf.learning.RobbinsMonro`.
        order: in which sites are updated; as in the program, discrete ones last, if left out.
        local_sweeps: rounds over the local sites in a step.
        approximation: of what is not linear: :class:`~pyro_activeinf.conjugacy.Sampled` or
            :class:`~pyro_activeinf.conjugacy.Laplace`.

    Raises:
        ValueError: for a rho out of its range, or a number of sweeps below 1.
        TypeError: for a program, a rho, an order or an approximation that is none.

    Attributes:
        beliefs: what is believed now; ``None`` before the first step.
        steps: how many there were.

    Reference: Hoffman et al. (2013), "Stochastic variational inference", JMLR; Khan and Lin
    (2017), "Conjugate-computation variational inference", AISTATS.

    Example:
        >>> import pyro, pyro.distributions as dist, torch
        >>> def model(x):
        ...     level = pyro.sample("level", dist.Normal(0.0, 1.0))
        ...     with pyro.plate("rows", len(x)):
        ...         pyro.sample("x", dist.Normal(level, 1.0), obs=x)
        >>> svi = NaturalGradientSVI(model, rho=1.0)
        >>> loss = svi.step(torch.tensor([1.0, 2.0, 3.0]))
        >>> round(svi.marginals["level"].mean.item(), 3)  # 6 / (3 + 1)
        1.5
    """

    def __init__(
        self,
        model: Callable[..., Any],
        rho: float | Schedule | None = None,
        *,
        order: tuple[str, ...] | None = None,
        local_sweeps: int = 5,
        approximation: Approximation | None = None,
    ) -> None:
        _require_kinds(model, rho, order, approximation)
        self.model = model
        self.rho = RobbinsMonro() if rho is None else rho
        self.order = order
        self.local_sweeps = positive_int("local_sweeps", local_sweeps)
        self.approximation = approximation
        self.beliefs: Beliefs | None = None
        self.steps = 0
        self._program: Program | None = None
        self._traits: list[Any] = []
        self._ended: set[str] = set()  # counts of which no more values matter
        _size(self.rho, 0)

    def step(self, *args: Any) -> float:
        """Take a step, and return F of the beliefs after it, in nats: an estimate, of some rows.

        Args:
            args: that the program is called with.

        Raises:
            ValueError: for a program that cannot be read, or messages that add up to no
                distribution. The beliefs stay as they were.
        """
        program = self._read(args)
        factors, rho = program.factors, _size(self.rho, self.steps)
        beliefs = self._kept(program)
        local = [name for name in self._order(program) if program.variables[name].scale != 1]
        others = [name for name in self._order(program) if name not in local]
        sizes = [(name, 1.0) for name in local * self.local_sweeps] + [(n, rho) for n in others]
        for name, size in sizes:
            around = _around(factors, name)
            bends = not all(factor.linear(name, beliefs.means) for factor in around)
            beliefs = update(around, beliefs, name, size, safe=bends)
        loss = float(free_energy(factors, beliefs))
        program, beliefs = self._longer(program, beliefs)
        self.beliefs, self._program, self._traits = beliefs, program, _traits(args)
        self._held = args  # so that no other takes their place
        self.steps += 1
        return loss

    @property
    def marginals(self) -> dict[str, Distribution]:
        """The belief about each site.

        Raises:
            ValueError: before the first step.
        """
        beliefs = self._found()[1]
        return {
            name: variable.family.distribution(beliefs.natural[name])
            for name, variable in beliefs.variables.items()
        }

    @property
    def guide(self) -> Callable[..., dict[str, Tensor]]:
        """The beliefs as a Pyro guide, for ``Predictive`` or an ELBO.

        Raises:
            ValueError: before the first step.
        """
        return guide_of(*self._found())

    def _found(self) -> tuple[Program, Beliefs]:
        if self._program is None or self.beliefs is None:
            raise ValueError(complain("beliefs", "beliefs to look at", "none", "Take a step."))
        return self._program, self.beliefs

    def _read(self, args: tuple[Any, ...]) -> Program:
        """The program, read anew where something in it can have changed."""
        known = self._program
        fixed = not isinstance(self.model, nn.Module) and _traits(args) == self._traits
        if known is None or not fixed or known.subsampled:
            self._ended = set()
            lists = {} if known is None else known.plan.lists
            again = self.steps > 0
            return Program.read(self.model, args, self.approximation, quiet=again, lists=lists)
        return known.renewed()

    def _longer(self, program: Program, beliefs: Beliefs) -> tuple[Program, Beliefs]:
        """With more values of counts, where they have come to matter."""
        self._ended -= pressed(program, beliefs)
        return widened(program, beliefs, self._ended) or (program, beliefs)

    def _kept(self, program: Program) -> Beliefs:
        """Beliefs of earlier steps, and new ones about what is local or of another shape."""
        new = starting(program.variables, program.factors)
        if self.beliefs is None:
            return new
        old = self.beliefs
        kept = {
            name: old.natural[name]
            for name, variable in program.variables.items()
            if variable.scale == 1 and old.variables.get(name) == variable
        }
        return new.moved(kept)

    def _order(self, program: Program) -> tuple[str, ...]:
        if self.order is None:
            return usual_order(program.variables)
        known_names("order", self.order, list(program.variables))
        return self.order


def _require_kinds(model: Any, rho: Any, order: Any, approximation: Any) -> None:
    if not callable(model):
        raise TypeError(complain("model", "a Pyro program", repr(model)))
    if not callable(rho) and not isinstance(rho, Real | None):
        raise TypeError(complain("rho", "a number, or a function of the step", repr(rho)))
    if order is not None:
        strings("order", order)
    if not isinstance(approximation, Approximation | None):
        raise TypeError(complain("approximation", "Sampled() or Laplace()", repr(approximation)))


def _size(rho: float | Schedule, step: int) -> float:
    size = float(rho(step)) if callable(rho) else float(rho)
    if not 0 < size <= 1:
        way_out = "For a schedule, take a tau of at least 1."
        raise ValueError(complain("rho", "steps of a size in (0, 1]", size, way_out))
    return size


def _around(factors: Sequence[Factor], name: str) -> list[Factor]:
    return [factor for factor in factors if name in factor.variables]


def _traits(args: tuple[Any, ...]) -> list[Any]:
    """What is the same for the same arguments, unchanged; tensors change in place."""
    leaves = pytree.tree_flatten(args)[0]
    return [_trait(x) for x in leaves]


def _trait(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        return id(leaf), leaf._version
    plain = isinstance(leaf, bool | int | float | str | None)
    return leaf if plain else object()  # of which nothing is known
