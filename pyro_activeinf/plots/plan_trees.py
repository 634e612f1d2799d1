"""The tree of a closed-loop plan: what one will do, given what one will have seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import torch
from torch.distributions import Categorical

from .._checks import complain, known_names, nonnegative, positive_int
from ..compile import control_sizes
from ..filters import BranchingFilter, Filter
from ..planning import Sophisticated
from ..records import Belief
from ._belief_cards import cards
from ._canvas import Array, Labels, array, require_labels, require_one_agent
from ._controls import control_names, policy_texts
from ._diagram import FONT, drawing_area
from ._plan_graph import plan_graph
from ._plan_layout import PlanLayout, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plan(  # noqa: PLR0913
    planner: Sophisticated,
    filter: Filter,
    belief: Belief,
    depth: int = 3,
    sites: str | Sequence[str] | None = None,
    labels: Labels | None = None,
    threshold: float = 0.01,
    axes: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    r"""Draw a closed-loop plan: beliefs, what is done at each, and what may then be believed.

    From left to right: a box for each distinct belief, with a bar for each value of a state site
    and its most probable value; a box for each action with its expected free energy G(b, u) in
    nats, joined by a line as thick as

    .. math:: q(u|b) \propto p(u) \, e^{-\gamma G(b, u)};

    and lines as thick as the outcomes are probable. Outcomes (also of different actions) after
    which one believes the same lead to the same box; actions that make no difference share one.

    Args:
        planner: its precision, horizon and discount are those of the plan.
        filter: holds the model.
        belief: where the plan starts.
        depth: number of actions to draw; not more than are planned ahead.
        sites: state sites to draw; all by default.
        labels: names of the values of a state site, or of ``action`` (``action_0``, .. for several
            controls). Those of observation sites are left aside.
        threshold: actions and outcomes of at most this probability are left out.
        axes: instead of a new figure.
        figsize: width and height in inches.

    Raises:
        TypeError: for a planner that does not plan in closed loop.
        ValueError: for an unknown site, labels that do not fit, a wrong number, a batch of
            beliefs, or more beliefs than can be drawn.

    Reference: Friston, Da Costa, Hafner, Hesp and Parr (2021), "Sophisticated inference".

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.models import TMaze
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> names = {"action": ["center", "left", "right", "cue"]}
        >>> figure = plan(Sophisticated(2), filter, start, labels=names)
        >>> figure.axes[0].get_xlabel()
        'time step'
    """
    positive_int("depth", depth)
    nonnegative("threshold", threshold)
    require_one_agent("belief", belief.batch_shape)
    if not isinstance(planner, Sophisticated) or not isinstance(filter, BranchingFilter):
        expected = "a Sophisticated planner with a filter that enumerates outcomes"
        got = f"{type(planner).__name__} with {type(filter).__name__}"
        raise TypeError(complain("planner, filter", expected, got))
    with torch.no_grad():
        unfolded = planner.unfold(filter, belief, depth)
        graph = plan_graph(unfolded, threshold)
        nodes = sorted(set(chain(*graph.beliefs)))
        every = _marginals(filter.unpack(unfolded.graph.packed[nodes], belief.step))
    names = _names(filter, every, labels or {})
    marginals = _chosen(every, sites)
    actions = policy_texts(unfolded.graph.actions.unsqueeze(1), names)
    layout = PlanLayout(graph, dict(zip(nodes, cards(marginals, names), strict=True)), actions)
    figure, area = drawing_area(layout.size, legend(list(marginals)), 0.6, axes, figsize)
    layout.draw(area)
    _name_steps(area, [boxes[0].x for boxes in layout.boxes[::2]], belief.step)
    return figure


def _name_steps(axes: Axes, columns: Sequence[float], first: int) -> None:
    axes.set_xticks(columns, [str(first + d) for d in range(len(columns))], fontsize=FONT)
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel("time step")


def _marginals(belief: Belief) -> dict[str, Array]:
    """Probabilities ``(beliefs, values)`` of each state site."""
    found = belief.marginals.items()
    return {site: array(q.probs) for site, q in found if isinstance(q, Categorical)}


def _chosen(marginals: Mapping[str, Array], sites: str | Sequence[str] | None) -> dict[str, Array]:
    known = list(marginals)
    chosen = known if sites is None else [sites] if isinstance(sites, str) else list(sites)
    known_names("sites", chosen, known)
    if not chosen:
        raise ValueError(complain("sites", f"at least one of {known}", chosen))
    return {site: marginals[site] for site in chosen}


def _names(filter: Filter, marginals: Mapping[str, Array], labels: Labels) -> Labels:
    """The labels of states and actions; those of observations are left aside."""
    controls = control_sizes(filter.actions)
    sizes = [(site, probs.shape[-1]) for site, probs in marginals.items()]
    sizes += zip(control_names(len(controls)), controls, strict=True)
    seen = set(filter.observation_sites)
    found = {name: texts for name, texts in labels.items() if name not in seen}
    require_labels(found, sizes)
    return found
