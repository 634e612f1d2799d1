"""Tree search on beliefs: closed-loop planning where not everything can be looked at."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

from .._checks import complain, finite, nonnegative, positive_int
from ..compile import control_sizes
from ..filters import ExactFilter, Filter, JointBelief
from ..free_energy.counted import counted_terms
from ..records import Belief, ExpectedFreeEnergyTerms, PlanReport, PolicyPosterior
from .base import Planner
from .posterior import policy_posterior
from .search import Search


class TreeSearch(Planner):
    r"""Monte-Carlo tree search on beliefs, with expected free energy as cost; anytime.

    Each simulation walks down from the present belief: it takes the action that minimizes

    .. math::
        G(b, u) - c \, \Delta(b) \, p(u) \frac{\sqrt{N(b)}}{1 + N(b, u)}

    (the habit p(u) as prior, :math:`\Delta` the range of G at b), draws an outcome, and backs the
    recursion of :class:`Sophisticated` up along its path. It does so twice: beliefs that were not
    looked beyond are valued as if the state were known from there on, and as if one never looked
    again (pragmatic value only). The first, an optimistic bound, is what walks follow; the second,
    which is sure to be reached, is the result. With reward alone, outcomes are drawn in proportion
    to the gap between both as well, and a search ends where there is none.

    With enough simulations the result is that of ``Sophisticated`` with the same horizon. The tree
    is kept for later calls: equal beliefs are searched once, whichever call, agent of a batch or
    episode they come from.

    Args:
        horizon: number of actions that are looked ahead.
        simulations: walks from each distinct belief that is planned from.
        discount: weight of the next step relative to this one.
        precision: gamma; infinite for the minimum.
        exploration: c, how much actions that were taken seldom are favored.
        terms: which of ``pragmatic``, ``epistemic``, ``novelty`` count; all by default.
        seconds: stop a call after this time, even with fewer simulations; one walk from each
            belief is always made, and the next call goes on with the others.
        threshold: outcomes of at most this probability are left out.
        max_beliefs: more distinct beliefs are refused.

    Raises:
        ValueError: for a wrong argument, or a filter without joint states.

    Reference: Silver and Veness (2010), "Monte-Carlo planning in large POMDPs"; McMahan, Likhachev
    and Gordon (2005), "Bounded real-time dynamic programming"; Littman, Cassandra and Kaelbling
    (1995) and Hauskrecht (1997) for the bounds; Fountas et al. (2020), "Deep active inference
    agents using Monte-Carlo methods".

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> TreeSearch(horizon=3, simulations=50)(filter, start).action_probs.argmax().item()
        3
    """

    def __init__(  # noqa: PLR0913
        self,
        horizon: int,
        simulations: int = 200,
        discount: float = 1.0,
        precision: float = math.inf,
        exploration: float = 0.5,
        terms: Iterable[str] | None = None,
        seconds: float = math.inf,
        threshold: float = 0.0,
        max_beliefs: int = 1_000_000,
    ) -> None:
        self.horizon = positive_int("horizon", horizon)
        self.simulations = positive_int("simulations", simulations)
        self.discount = finite("discount", discount)
        self.precision = nonnegative("precision", precision)
        self.exploration = nonnegative("exploration", exploration)
        self.terms = counted_terms(terms)
        self.seconds = nonnegative("seconds", seconds)
        self.threshold = nonnegative("threshold", threshold)
        self.max_beliefs = positive_int("max_beliefs", max_beliefs)
        self._kept: Search | None = None

    def __call__(self, filter: Filter, belief: Belief) -> PolicyPosterior:
        """Score the next actions from a belief on; equal beliefs of a batch are searched once."""
        if not isinstance(filter, ExactFilter) or not isinstance(belief, JointBelief):
            raise ValueError(complain("filter", "an ExactFilter, for its joint states", filter))
        if not control_sizes(filter.actions):
            raise ValueError(complain("model.actions", "a space of actions to plan over", None))
        with torch.no_grad():
            search = self._search(filter)
            packed = filter.pack(belief)
            roots = search.graph.add(packed.reshape(-1, packed.shape[-1]))
            values = search.values(roots, belief.step)
        values = values.reshape(*belief.batch_shape, *values.shape[1:])
        return policy_posterior(
            search.policies,
            ExpectedFreeEnergyTerms(values.unsqueeze(-3), filter.observation_sites),
            self.terms,
            self.precision,
            filter.habit(),
            control_sizes(filter.actions),
            PlanReport(search.graph.size, len(search.graph.expanded), search.graph.cut),
        )

    def _search(self, filter: ExactFilter) -> Search:
        kept = self._kept
        if kept is None or kept.filter is not filter or kept.version is not filter.version:
            kept = self._kept = Search(self, filter)
        return kept
