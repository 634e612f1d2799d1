"""Inductive planning: rule out actions that lead away from a goal, by backward reachability."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from .. import ops
from .._checks import complain, in_range, known_names, positive_int, whole_numbers
from ..compile import Site, control_sizes
from ..filters import ExactFilter, Filter, JointBelief
from ..records import Belief, PolicyPosterior
from .base import Planner
from .posterior import marginal_action_probs
from .tree import first_action


class Inductive(Planner):
    r"""Adds to another planner a prior under which the next step comes closer to a goal.

    With :math:`d(s)` the least number of actions that can lead from s to a goal state, an action
    is charged where it may leave the shortest path:

    .. math::
        \log p(u|b) = \log \epsilon \; E_{b(s)} E_{p(s'|s,u)} [\, d(s') \ge d(s) \,]

    States from which the goal is out of reach within ``depth`` actions are not charged. The other
    planner still decides among the actions that remain, so that a short horizon suffices.

    Args:
        planner: scores policies by expected free energy.
        goal: state site to the value or values that are wanted; all named sites must have theirs.
        depth: the largest number of actions that is looked back from the goal.
        threshold: transitions of at most this probability do not count as a way.
        epsilon: the prior probability, relative to the others, of a step that comes no closer.

    Raises:
        ValueError: for a wrong argument; on a call, for an unknown site or value, or a filter
            without joint states.

    Reference: Friston et al. (2024), "Active inference and intentional behavior".

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> planner = Inductive(OpenLoop(1), goal={"location": 2}, depth=4)
        >>> planner(filter, start).action_probs.argmax().item()
        2
    """

    def __init__(
        self,
        planner: Planner,
        goal: Mapping[str, int | Sequence[int]],
        depth: int,
        threshold: float = 0.0,
        epsilon: float = 1e-3,
    ) -> None:
        self.planner, self.goal = planner, dict(goal)
        self.depth = positive_int("depth", depth)
        if not 0 <= threshold < 1 or not 0 < epsilon < 1:
            raise ValueError(
                complain("threshold, epsilon", "numbers between 0 and 1", (threshold, epsilon))
            )
        self.threshold, self.epsilon = threshold, epsilon
        self._charges: tuple[object, Tensor] | None = None

    def __call__(self, filter: Filter, belief: Belief) -> PolicyPosterior:
        """Score policies from a belief on, then weigh them by the inductive prior."""
        if not isinstance(filter, ExactFilter) or not isinstance(belief, JointBelief):
            raise ValueError(complain("filter", "an ExactFilter, for its joint states", filter))
        found = self.planner(filter, belief)
        controls = control_sizes(filter.actions)
        charge = belief.probs @ self._charge(filter)
        log_prior = charge.index_select(-1, first_action(found.policies, controls))
        weighted = ops.log(found.probs) + log_prior
        probs = torch.softmax(weighted, -1)
        return found.with_probs(probs, marginal_action_probs(found.policies, probs, controls))

    def _charge(self, filter: ExactFilter) -> Tensor:
        """log p(u | s) up to a constant, ``(states, actions)``; kept until the model changes."""
        if self._charges is None or self._charges[0] is not filter.version:
            distance = distances(
                filter.transition,
                goal_states(filter.tables.states, self.goal),
                self.depth,
                self.threshold,
            )
            farther = (distance >= distance[:, None]) & (distance[:, None] < math.inf)
            astray = torch.einsum("ust,st->su", filter.transition, farther.to(filter.dtype))
            self._charges = (filter.version, math.log(self.epsilon) * astray)
        return self._charges[1]


def goal_states(sites: Sequence[Site], goal: Mapping[str, int | Sequence[int]]) -> Tensor:
    """Which joint states have the wanted values, ``(states,)``.

    Raises:
        ValueError: for an unknown site or a value outside of its support.
    """
    known_names("goal", goal, [site.name for site in sites])
    masks = []
    for site in sites:
        wanted = torch.zeros(site.size, dtype=torch.bool, device=site.support.device)
        index = whole_numbers("goal", goal.get(site.name, list(range(site.size))))
        wanted[in_range(f"goal['{site.name}']", index.reshape(-1), site.size)] = True
        masks.append(wanted)
    joint = masks[0]
    for mask in masks[1:]:
        joint = (joint[:, None] & mask).reshape(-1)
    return joint


def distances(transition: Tensor, goal: Tensor, depth: int, threshold: float) -> Tensor:
    """Least number of actions from each state to a goal state; infinite beyond ``depth``.

    Example:
        >>> chain = torch.tensor([[[0., 1., 0.], [0., 0., 1.], [0., 0., 1.]]])
        >>> distances(chain, torch.tensor([False, False, True]), 5, 0.0).tolist()
        [2.0, 1.0, 0.0]
    """
    ways = (transition > threshold).any(0)
    distance = torch.where(goal, 0.0, math.inf).to(transition)
    for steps in range(1, depth + 1):
        reached = (ways & (distance < math.inf)).any(-1)
        distance = torch.where(reached & (distance == math.inf), float(steps), distance)
    return distance
