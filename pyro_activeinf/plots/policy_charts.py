"""Policies: why one is preferred now, and which are preferred over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._checks import complain, positive_int
from ..records import PolicyPosterior, Trajectory
from ._canvas import Labels, require_one_agent
from .policy_bars import posterior_bars
from .policy_maps import action_map, policy_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def policies(
    source: PolicyPosterior | Trajectory,
    n: int = 20,
    labels: Labels | None = None,
    axes: Axes | Sequence[Axes] | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    r"""Draw a posterior over policies, or how it changes over a trajectory.

    Of a :class:`~pyro_activeinf.PolicyPosterior`: a bar for each policy, the most probable first,
    made of the terms of its expected free energy

    .. math:: -G(\pi) = pragmatic + epistemic + novelty

    in nats, with a diamond at -G as the planner counted it (all of the terms, unless it was told
    to leave some out); beside it q(pi).

    Of a :class:`~pyro_activeinf.Trajectory`: a heat map of q(pi) over time, in the order of the
    highest probability that a policy reaches; where policies were not kept, the probabilities of
    the actions with those that were taken. Steps without a plan are hatched.

    Args:
        source: of one agent.
        n: number of policies to draw, at most.
        labels: names of the choices of ``action`` (``action_0``, .. for several controls). Those of
            sites are left aside, so that the labels of :func:`beliefs` serve here too.
        axes: instead of a new figure: two for a posterior, one for each heat map.
        figsize: width and height in inches.

    Raises:
        TypeError: where ``source`` is neither of the two.
        ValueError: for a wrong ``n``, labels that do not fit, a wrong number of axes, or a batch
            of agents.

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> figure = policies(OpenLoop(horizon=2)(filter, start), n=5)
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()][0]
        '3-3'
    """
    positive_int("n", n)
    if isinstance(source, PolicyPosterior):
        require_one_agent("source", source.probs.shape[:-1])
        return posterior_bars(source, n, labels or {}, axes, figsize)
    if not isinstance(source, Trajectory):
        expected = "a PolicyPosterior or a Trajectory"
        raise TypeError(complain("source", expected, type(source).__name__))
    require_one_agent("source", source.rewards.shape[:-1])
    if source.policies is None or source.policy_probs is None:
        return action_map(source, labels or {}, axes, figsize)
    return policy_map(source, source.policies, source.policy_probs, n, labels or {}, axes, figsize)
