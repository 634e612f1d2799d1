"""Closed-loop planning: what one will do depends on what one will see."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from .._checks import complain, differentiable, finite, nonnegative, positive_int
from ..compile import control_sizes
from ..filters import BranchingFilter, Filter
from ..free_energy.counted import counted_terms
from ..records import Belief, ExpectedFreeEnergyTerms, PlanReport, PolicyPosterior
from .base import Planner, require_question
from .graph import BeliefGraph, Unfolded
from .posterior import boltzmann, log_habit, policy_posterior
from .tree import all_policies


class Sophisticated(Planner):
    r"""Sophisticated inference: a recursion over actions and outcomes, equal beliefs merged.

    .. math::
        G(b, u) = g(b, u) + \delta \, E_{q(o|b,u)} \Big[ \sum_{u'} q(u'|b') \, G(b', u') \Big],
        \qquad q(u|b) \propto p(u) \, e^{-\gamma G(b, u)}

    where g is the expected free energy of the next step and b' the belief after the outcome o. An
    infinite precision gives the minimum over u', hence dynamic programming on beliefs.

    Beliefs that are equal (rounded to ``tolerance``) are one node, over all branches, agents of a
    batch, and calls: what was expanded once is kept. Where preferences depend on time, or there is
    a deadline, a plan is followed to its end, ``horizon`` steps after it was made; otherwise each
    call looks ``horizon``
    steps ahead. Branches always follow joint outcomes, so that redundant sites cost nothing.

    Args:
        horizon: number of actions that are looked ahead.
        discount: delta, weight of the next step relative to this one.
        precision: gamma; infinite for the minimum. Both may be tensors without dims.
        terms: which of ``pragmatic``, ``epistemic``, ``novelty`` count; all by default.
        threshold: outcomes of at most this probability are left out; the report of the posterior
            says how much was.
        tolerance: how finely beliefs are told apart.
        max_beliefs: more distinct beliefs are refused.
        deadline: the last time step that counts, where a task ends at a known time: the horizon
            shrinks towards it.

    Raises:
        ValueError: for a wrong argument; on a call, for more than ``max_beliefs`` beliefs.

    Reference: Friston, Da Costa, Hafner, Hesp and Parr (2021), "Sophisticated inference", Neural
    Computation 33.

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.models import TMaze
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> posterior = Sophisticated(horizon=2, precision=math.inf)(filter, start)
        >>> posterior.action_probs.tolist()  # to the cue
        [0.0, 0.0, 0.0, 1.0]
    """

    def __init__(
        self,
        horizon: int,
        discount: float | Tensor = 1.0,
        precision: float | Tensor = 16.0,
        terms: Iterable[str] | None = None,
        threshold: float = 0.0,
        tolerance: float = 1e-9,
        max_beliefs: int = 100_000,
        deadline: int | None = None,
    ) -> None:
        self.deadline = None if deadline is None else positive_int("deadline", deadline)
        self.horizon = positive_int("horizon", horizon)
        self.discount = differentiable("discount", discount, finite)
        self.precision = differentiable("precision", precision, nonnegative)
        self.terms = counted_terms(terms)
        self.threshold = nonnegative("threshold", threshold)
        self.tolerance = nonnegative("tolerance", tolerance)
        self.max_beliefs = positive_int("max_beliefs", max_beliefs)
        self._kept: _Plan | None = None

    def __call__(self, filter: Filter, belief: Belief) -> PolicyPosterior:
        """Score the next actions from a belief on; batched over the belief's dims."""
        require_question(filter, belief)
        plan = self._plan(filter)
        values = plan.action_values(belief)
        return policy_posterior(
            plan.policies,
            ExpectedFreeEnergyTerms(values.unsqueeze(-3), filter.observation_sites),
            self.terms,
            self.precision,
            plan.habit,
            control_sizes(filter.actions),
            PlanReport(plan.graph.size, len(plan.graph.expanded), plan.graph.cut),
        )

    def unfold(self, filter: Filter, belief: Belief, depth: int) -> Unfolded:
        r"""Lay the plan open: :math:`q(u|b)` and G(b, u) at every belief that it may lead to.

        Args:
            filter: as for a call.
            belief: where the plan starts; batched over its dims.
            depth: number of actions to follow; not more than are planned ahead.

        Example:
            >>> from pyro_activeinf.filters import ExactFilter
            >>> from pyro_activeinf.models import TMaze
            >>> filter = ExactFilter(TMaze())
            >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
            >>> plan = Sophisticated(horizon=2, precision=math.inf).unfold(filter, start, depth=2)
            >>> first, second = plan.action_probs
            >>> first[plan.roots].tolist()  # to the cue
            [[0.0, 0.0, 0.0, 1.0]]
            >>> edges = plan.graph.leaving(plan.roots)
            >>> second[edges.children[edges.origins % 4 == 3]].tolist()  # and as the cue says
            [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
        """
        return self._plan(filter).unfold(belief, positive_int("depth", depth))

    def _plan(self, filter: Filter) -> _Plan:
        controls = control_sizes(filter.actions)
        if not controls:
            raise ValueError(complain("model.actions", "a space of actions to plan over", None))
        if not isinstance(filter, BranchingFilter):
            raise ValueError(
                complain(
                    "filter",
                    "one whose outcomes can be enumerated, as ExactFilter",
                    filter,
                    "Use OpenLoop or Variational with this filter.",
                )
            )
        kept = self._kept
        if kept is None or kept.filter is not filter or kept.version is not filter.version:
            kept = _Plan(self, filter, controls)
            # A plan that carries gradients is good for one backward pass.
            self._kept = None if torch.is_grad_enabled() else kept
        return kept


class _Plan:
    """A belief graph with the values of its actions, for one filter and version of its model."""

    def __init__(
        self, planner: Sophisticated, filter: BranchingFilter, controls: tuple[int, ...]
    ) -> None:
        self.planner, self.filter, self.version = planner, filter, filter.version
        self.habit = filter.habit()
        self.policies = all_policies(controls, 1, filter.device)
        self.log_habit = log_habit(self.policies, self.habit)
        self.graph = BeliefGraph(
            filter,
            self.policies.squeeze(1),
            planner.threshold,
            planner.tolerance,
            planner.max_beliefs,
        )
        self.timed = planner.deadline is not None or not filter.stationary
        self._values: dict[int, Tensor] = {}  # by time step (0 where not timed)
        self._terms: Tensor | None = None
        self._end = 0

    def action_values(self, belief: Belief) -> Tensor:
        """Terms of every action from some beliefs, ``(*batch, actions, 4, 1 + sites)``."""
        roots = self._roots(belief)
        key = belief.step if self.timed else 0
        found = self._look_up(key, roots)
        if found is None:
            self._end = self._horizon_from(belief.step)
            self.graph.grow(roots, self._end - belief.step, belief.step)
            self._sweep(belief.step)
            found = self._values[key][roots]
        return found.unflatten(0, belief.batch_shape or (1,)).reshape(
            *belief.batch_shape, *found.shape[1:]
        )

    def unfold(self, belief: Belief, depth: int) -> Unfolded:
        """What is done after each of the next ``depth`` actions, with so many fewer to go."""
        self.action_values(belief)
        end = self._end if self.timed else belief.step + self.planner.horizon
        last = deque((values for _, values in self._backwards(belief.step, end)), maxlen=depth)
        scores = [self._scores(values) for values in reversed(last)]
        probs = [self._probs(score) for score in scores]
        return Unfolded(self.graph, self._roots(belief), tuple(probs), tuple(scores))

    def _roots(self, belief: Belief) -> Tensor:
        packed = self.filter.pack(belief)
        return self.graph.add(packed.reshape(-1, packed.shape[-1]))

    def _look_up(self, key: int, roots: Tensor) -> Tensor | None:
        values = self._values.get(key)
        if values is None or len(values) <= int(roots.max()):
            return None
        found = values[roots]
        return None if bool(found.isnan().any()) else found

    def _sweep(self, step: int) -> None:
        """Values of all nodes, backwards from the horizon; NaN where it was not grown that far."""
        self._values = {}
        for t, values in self._backwards(step, self._end):
            self._values[t if self.timed else 0] = values

    def _horizon_from(self, step: int) -> int:
        """The time step up to which a plan made now looks; at least one step ahead."""
        end = step + self.planner.horizon
        deadline = self.planner.deadline
        return end if deadline is None else max(step + 1, min(end, deadline))

    def _backwards(self, start: int, end: int) -> Iterator[tuple[int, Tensor]]:
        """Time steps, the last one first, and the values of all nodes at each."""
        ahead: Tensor | None = None
        for t in reversed(range(start, end)):
            values = self._backup(ahead, t + 1)
            ahead = self._mean(values)
            yield t, values

    def _backup(self, ahead: Tensor | None, step: int) -> Tensor:
        """One step of the recursion: ``(nodes, actions, 4, 1 + sites)``."""
        terms = self._immediate(step)
        actions = terms.shape[1]
        if ahead is not None:
            edges = self.graph.edges
            after = edges.probs.reshape(-1, 1, 1) * ahead[edges.children]
            flat = terms.new_zeros(self.graph.size * actions, *terms.shape[2:])
            future = flat.index_add(0, edges.origins, after).unflatten(0, (-1, actions))
            terms = terms + self.planner.discount * future[self._order]
        values = terms.new_full((self.graph.size, *terms.shape[1:]), math.nan)
        return values.index_copy(0, self._order, terms)

    @property
    def _order(self) -> Tensor:
        return torch.cat(self.graph.order)

    def _immediate(self, step: int) -> Tensor:
        """Terms of the next outcomes, for the nodes in their order of expansion."""
        if (
            self._terms is None
            or len(self._terms) < len(self.graph.expanded)
            or (not self.filter.stationary)
        ):
            predicted = self.filter.unpack(torch.cat(self.graph.predicted), step)
            self._terms = self.filter.expected_free_energy(predicted).values
        return self._terms

    def _mean(self, values: Tensor) -> Tensor:
        """Expectation of the terms under q(u | b), ``(nodes, 4, 1 + sites)``."""
        probs = self._probs(self._scores(values))[..., None, None]
        return torch.where(probs == 0, 0.0, probs * values).sum(1)

    def _scores(self, values: Tensor) -> Tensor:
        """G(b, u) of the terms that count, ``(nodes, actions)``."""
        terms = ExpectedFreeEnergyTerms(values, self.filter.observation_sites)
        return terms.select(self.planner.terms)

    def _probs(self, scores: Tensor) -> Tensor:
        """q(u | b), ``(nodes, actions)``."""
        return boltzmann(scores, self.planner.precision, self.log_habit)
