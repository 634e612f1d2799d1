"""Variational message passing."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

from .._checks import complain, nonnegative, positive_int
from ..conjugacy import Beliefs
from ..conjugacy.windows import pressed, widened
from .graph import FactorGraph
from .schedules import Messages, Schedule, Sequential
from .settling import stuck, tell


class VariationalMessagePassing:
    r"""Beliefs q, a product over the variables of a graph, of least variational free energy.

    .. math:: \lambda_v \leftarrow (1 - \rho) \lambda_v
              + \rho \sum_{f \ni v} \underbrace{\nabla_{\mu_v} E_q[\log f]}_{f \to v}

    A variable sends its expected statistics to its factors, and a factor sends back the
    gradient of its expected log density with respect to them, in natural coordinates. Both can
    be looked at, as ``v2f`` and ``f2v``. A chain that is one variable is kept joint.

    Args:
        graph: what is known and unknown.
        max_iter: sweeps at most.
        tolerance: the last sweep is one that lowers F by no more than this part of
            max(1, \|F\|).
        schedule: :class:`Sequential`, under which F never rises, or :class:`Parallel`.

    Raises:
        ValueError: for numbers out of their ranges, or a graph that lacks something.
        TypeError: for a graph or a schedule that is none.

    Attributes:
        beliefs: what is believed now.
        free_energy: F after each sweep ``(sweeps + 1)``, from the start on.
        converged: whether the last sweep was small enough, and not because a belief is stuck:
            where a link is too steep for any step, or too flat for a message, a warning says so.

    Reference: Winn and Bishop (2005), "Variational message passing", JMLR 6.

    Example:
        >>> from pyro_activeinf import messages
        >>> graph = messages.FactorGraph()
        >>> level = graph.variable("level", messages.Gaussian())
        >>> graph.factor(messages.library.gaussian, x=level, mean=0.0, precision=1.0)
        >>> graph.factor(messages.library.gaussian, x=3.0, mean=level, precision=1.0)
        >>> passing = VariationalMessagePassing(graph)
        >>> passing.update_beliefs()["level"].mean.item()
        1.5
        >>> passing.f2v["gaussian_1", "level"].tolist()  # mean * precision, -precision / 2
        [3.0, -0.5]
    """

    def __init__(
        self,
        graph: FactorGraph,
        max_iter: int = 100,
        tolerance: float = 1e-9,
        schedule: Schedule | None = None,
    ) -> None:
        if not isinstance(graph, FactorGraph):
            raise TypeError(complain("graph", "a FactorGraph", repr(graph)))
        if not isinstance(schedule, Schedule | None):
            raise TypeError(complain("schedule", "Sequential(), Parallel()", repr(schedule)))
        self.graph = graph
        self.max_iter = positive_int("max_iter", max_iter)
        self.tolerance = nonnegative("tolerance", tolerance)
        self.schedule = Sequential() if schedule is None else schedule
        self.beliefs: Beliefs = graph.beliefs()
        self.free_energy: Tensor = self._energy().reshape(1)
        self.converged = False
        self.f2v: Messages = {}
        self._ended: set[str] = set()  # counts of which no more values matter
        self._safe = {name for name in graph.variables if self._bends(name)}

    @property
    def v2f(self) -> Messages:
        """Messages from variables to factors: expected statistics, ``(*batch, size)``."""
        return {
            (name, factor.name): self.beliefs.means[name]
            for factor in self.graph.factors.values()
            for name in factor.variables
        }

    @property
    def marginals(self) -> dict[str, Distribution]:
        """The belief about each variable."""
        return {
            name: variable.family.distribution(self.beliefs.natural[name])
            for name, variable in self.graph.variables.items()
        }

    def update_beliefs(self) -> dict[str, Distribution]:
        """Sweep until F settles, from where the beliefs are; returns them.

        Raises:
            ValueError: for messages that add up to no distribution.
        """
        trace = [self.free_energy[-1]]
        for _ in range(self.max_iter):
            self.beliefs, self.f2v = self.schedule.sweep(self.graph, self.beliefs, self._safe)
            trace.append(self._energy())
            settled = self._settled(*trace[-2:])
            self.converged = not self._widened(settled) and settled
            if self.converged:
                break
        self.free_energy = torch.cat([self.free_energy, torch.stack(trace[1:])])
        if self.converged:
            self._look_around()
        return self.marginals

    def _look_around(self) -> None:
        """Where F has settled without being least, say so."""
        still = stuck(self.graph, self.beliefs, self.f2v, self._safe)
        tell(self.graph, self.beliefs, self.f2v, still, float(self.free_energy[-1]))
        self.converged = not still

    def _widened(self, settled: bool) -> bool:
        """Whether more values of counts have come to matter; if so, they are in the graph now.

        Beliefs that have not settled are looked at where they are at an end.
        """
        program = self.graph.program
        if program is None:
            return False
        near = pressed(program, self.beliefs)
        if settled:
            self._ended -= near
        elif not near - self._ended:
            return False
        found = widened(program, self.beliefs, self._ended)
        if found is None:
            return False
        self.graph.take(found[0])
        self.beliefs = found[1]
        return True

    def _energy(self) -> Tensor:
        with torch.no_grad():
            return self.graph.free_energy(self.beliefs)

    def _settled(self, before: Tensor, after: Tensor) -> bool:
        return bool((before - after).abs() <= self.tolerance * after.abs().clamp(min=1.0))

    def _bends(self, name: str) -> bool:
        around = self.graph.around(name)
        return not all(factor.linear(name, self.beliefs.means) for factor in around)
