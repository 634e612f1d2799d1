"""Sum-product message passing: exact on trees, loopy belief propagation elsewhere."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

from .._checks import complain, nonnegative, positive_int
from ..conjugacy import DTYPE
from .graph import FactorGraph
from .potentials import Potential, potential_of
from .schedules import Messages, required_damping


class SumProduct:
    r"""Marginals by sums of products, over discrete or Gaussian variables.

    .. math::
        m_{f \to v}(x_v) = \sum_{x \setminus x_v} f(x) \prod_{w \ne v} m_{w \to f}(x_w), \qquad
        m_{v \to f} = \prod_{g \ne f} m_{g \to v}

        F_{Bethe} = \sum_f E_{b_f}\bigl[\log \tfrac{b_f}{f}\bigr]
                    - \sum_v (d_v - 1) E_{b_v}[\log b_v]

    On a tree the marginals are exact and F is minus the log evidence. On other graphs the
    messages are passed around until they settle, and F is Bethe's approximation.

    Args:
        graph: each factor of which is over discrete variables only, or Gaussian ones only.
        max_iter: rounds at most, in each of which all messages are sent.
        tolerance: the change of natural coordinates from which on messages count as settled.
        damping: the part of each message that stays, in [0, 1): for loopy graphs.

    Raises:
        ValueError: for factors of other kinds, batches of variables, or numbers out of range.

    Attributes:
        f2v, v2f: messages, in natural coordinates.
        converged: whether they have settled.

    Reference: Kschischang, Frey and Loeliger (2001), "Factor graphs and the sum-product
    algorithm"; Yedidia, Freeman and Weiss (2005), "Constructing free-energy approximations and
    generalized belief propagation algorithms", eq. 37.

    Example:
        >>> from pyro_activeinf import messages
        >>> from pyro_activeinf.messages import library
        >>> graph = messages.FactorGraph()
        >>> for name in ("rain", "wet"):
        ...     _ = graph.variable(name, messages.Categorical(2))
        >>> graph.factor(library.categorical, x="rain", probs=torch.tensor([0.8, 0.2]))
        >>> table = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
        >>> graph.factor(library.table, x="wet", given="rain", probs=table)
        >>> SumProduct(graph).update_beliefs()["wet"].probs
        tensor([0.7600, 0.2400])
    """

    def __init__(
        self,
        graph: FactorGraph,
        max_iter: int = 1000,
        tolerance: float = 1e-12,
        damping: float = 0.0,
    ) -> None:
        if not isinstance(graph, FactorGraph):
            raise TypeError(complain("graph", "a FactorGraph", repr(graph)))
        self.graph = graph
        self.max_iter = positive_int("max_iter", max_iter)
        self.tolerance = nonnegative("tolerance", tolerance)
        self.damping = required_damping(damping)
        self.potentials: dict[str, Potential] = {
            name: potential_of(factor, graph.variables) for name, factor in graph.factors.items()
        }
        self.f2v: Messages = {}
        self._edges = [(f.name, v) for f in graph.factors.values() for v in f.variables]
        self.converged = False

    @property
    def v2f(self) -> Messages:
        """Messages from variables to factors: products of those from their other factors."""
        return {(name, factor): self._sent(name, factor) for factor, name in self.f2v}

    @property
    def is_tree(self) -> bool:
        """Whether the graph has no loops, so that marginals are exact."""
        nodes: dict[str, str] = {}

        def root(node: str) -> str:
            while node in nodes:
                node = nodes[node]
            return node

        for factor, name in self._edges:
            one, two = root(f"factor {factor}"), root(f"variable {name}")
            if one == two:
                return False
            nodes[one] = two
        return True

    def update_beliefs(self) -> dict[str, Distribution]:
        """Send messages until they settle; returns the marginals.

        Raises:
            ValueError: for Gaussian factors that cannot be integrated.
        """
        self._first_messages()
        for _ in range(self.max_iter):
            new = {edge: self._received(*edge) for edge in self._edges}
            moved = max(_distance(new[edge], self.f2v[edge]) for edge in new)
            self.f2v = {edge: self._damped(self.f2v[edge], new[edge]) for edge in new}
            self.converged = moved <= self.tolerance
            if self.converged:
                break
        return self.marginals

    @property
    def marginals(self) -> dict[str, Distribution]:
        """The belief about each variable."""
        return {
            name: variable.family.distribution(self._belief(name))
            for name, variable in self.graph.variables.items()
        }

    @property
    def free_energy(self) -> Tensor:
        """Bethe's free energy, in nats: minus the log evidence of a tree."""
        total = -self.graph.log_base
        for name, factor in self.graph.factors.items():
            sent = {v: self._sent(v, name) for v in factor.variables}
            energy = sum((_product(sent[v], self._means(v)) for v in sent), torch.zeros(()))
            total = total + energy - self.potentials[name].times(sent).log_total()
        for name, variable in self.graph.variables.items():
            degree = len(self.graph.around(name))
            entropy = variable.family.negative_entropy(self._belief(name), self._means(name))
            total = total - (degree - 1) * entropy
        return total

    def _first_messages(self) -> None:
        """From the leaves inward and back; where there are loops, from beliefs that say little."""
        while waiting := [edge for edge in self._edges if edge not in self.f2v]:
            ready = [edge for edge in waiting if self._ready(*edge)]
            if ready:
                self.f2v |= {edge: self._received(*edge) for edge in ready}
            else:
                families = {v: self.graph.variables[v].family for _, v in waiting}
                self.f2v |= {edge: families[edge[1]].neutral() for edge in waiting}

    def _ready(self, factor: str, variable: str) -> bool:
        """Whether all that a message is made of is there."""
        others = (v for v in self.graph.factors[factor].variables if v != variable)
        around = ((f.name, v) for v in others for f in self.graph.around(v) if f.name != factor)
        return all(edge in self.f2v for edge in around)

    def _received(self, factor: str, variable: str) -> Tensor:
        """The message of a factor to a variable."""
        others = [v for v in self.graph.factors[factor].variables if v != variable]
        sent = {v: self._sent(v, factor) for v in others}
        return self.potentials[factor].times(sent).marginal(variable)

    def _sent(self, variable: str, factor: str) -> Tensor:
        """The message of a variable to a factor."""
        around = [f.name for f in self.graph.around(variable) if f.name != factor]
        each = [self.f2v[name, variable] for name in around]
        return sum(each, torch.zeros(self.graph.variables[variable].family.size, dtype=DTYPE))

    def _belief(self, variable: str) -> Tensor:
        return self._sent(variable, "")

    def _means(self, variable: str) -> Tensor:
        return self.graph.variables[variable].family.mean(self._belief(variable))

    def _damped(self, before: Tensor, after: Tensor) -> Tensor:
        return after if not self.damping else self.damping * before + (1 - self.damping) * after


def _product(natural: Tensor, mean: Tensor) -> Tensor:
    return (torch.where(natural == -torch.inf, 0.0, natural) * mean).sum()


def _distance(one: Tensor, two: Tensor) -> float:
    """The largest change, relative to numbers above 1; impossible stays impossible."""
    change = (one - two).nan_to_num(0.0).abs() / one.abs().clamp(min=1.0)
    return float(change.nan_to_num(0.0, torch.inf).max())
