"""A closed-loop plan as layers: beliefs, what is done at each, and what is believed then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .._checks import complain
from ..planning.graph import Edges, Unfolded

MOST = 60  # beliefs of a layer that can be told apart


@dataclass(frozen=True)
class Choice:
    """What is done at a belief: an action, or several that lead to the same."""

    belief: int  # position in its layer
    actions: tuple[int, ...]
    prob: float  # q(u|b), of all of them together
    score: float  # G(b, u), in nats


@dataclass(frozen=True)
class Outcome:
    """A belief that a choice may lead to."""

    choice: int  # position in its layer
    belief: int  # position in the next layer
    prob: float


@dataclass(frozen=True)
class PlanGraph:
    """Layers of distinct beliefs, one more than of choices and outcomes."""

    beliefs: tuple[tuple[int, ...], ...]  # nodes of the belief graph
    choices: tuple[tuple[Choice, ...], ...]
    outcomes: tuple[tuple[Outcome, ...], ...]

    @property
    def sizes(self) -> list[int]:
        """Number of nodes in each layer, beliefs and choices in turn."""
        inner = [
            size
            for beliefs, choices in zip(self.beliefs, self.choices, strict=False)
            for size in (len(beliefs), len(choices))
        ]
        return [*inner, len(self.beliefs[-1])]

    @property
    def links(self) -> list[list[tuple[int, int]]]:
        """Links from each layer to the next, in the same order."""
        found = []
        for choices, outcomes in zip(self.choices, self.outcomes, strict=True):
            found.append([(choice.belief, i) for i, choice in enumerate(choices)])
            found.append([(outcome.choice, outcome.belief) for outcome in outcomes])
        return found


def plan_graph(plan: Unfolded, threshold: float) -> PlanGraph:
    """Follow a plan of one agent, as far as it was unfolded.

    Args:
        plan: from one belief on.
        threshold: actions and outcomes of at most this probability are left out.

    Raises:
        ValueError: for more beliefs after so many actions than can be drawn, or none.
    """
    beliefs = [tuple(plan.roots.tolist())]
    choices, outcomes = [], []
    for probs, scores in zip(plan.action_probs, plan.expected_free_energy, strict=True):
        branches = _branches(plan, beliefs[-1], threshold)
        choices.append(tuple(_choices(beliefs[-1], branches, probs, scores, threshold)))
        _require_some(choices[-1], "q(u|b)", threshold)
        reached = [
            branches.get((beliefs[-1][choice.belief], choice.actions[0]), {})
            for choice in choices[-1]
        ]
        after = tuple(dict.fromkeys(node for children in reached for node in children))
        _require_some(after, "probability of an outcome", threshold)
        _require_room(len(after), len(choices))
        beliefs.append(after)
        outcomes.append(
            tuple(
                Outcome(i, after.index(node), prob)
                for i, children in enumerate(reached)
                for node, prob in children.items()
            )
        )
    return PlanGraph(tuple(beliefs), tuple(choices), tuple(outcomes))


Branches = dict[tuple[int, int], dict[int, float]]  # node, action: probability of each child


def _branches(plan: Unfolded, nodes: tuple[int, ...], threshold: float) -> Branches:
    edges = plan.graph.leaving(torch.tensor(nodes, device=plan.roots.device))
    found: Branches = {}
    for origin, child, prob in _rows(edges):
        children = found.setdefault(divmod(origin, len(plan.graph.actions)), {})
        children[child] = children.get(child, 0.0) + prob
    return {
        key: {node: prob for node, prob in sorted(children.items()) if prob > threshold}
        for key, children in found.items()
    }


def _rows(edges: Edges) -> Iterator[tuple[int, int, float]]:
    columns: tuple[Tensor, ...] = (edges.origins, edges.children, edges.probs.detach())
    return zip(*(column.tolist() for column in columns), strict=True)


def _choices(
    nodes: tuple[int, ...], branches: Branches, probs: Tensor, scores: Tensor, threshold: float
) -> Iterator[Choice]:
    """The actions at each belief; those of the same score and children are one choice."""
    for i, node in enumerate(nodes):
        groups: dict[object, list[int]] = {}
        for action, score in enumerate(scores[node].tolist()):
            if float(probs[node, action]) > threshold:
                children = branches.get((node, action), {})
                key = (round(score, 9), *((n, round(p, 9)) for n, p in children.items()))
                groups.setdefault(key, []).append(action)
        for actions in groups.values():
            prob = float(probs[node, actions].sum())
            yield Choice(i, tuple(actions), prob, float(scores[node, actions[0]]))


def _require_some(found: Sequence[object], what: str, threshold: float) -> None:
    if not found:
        raise ValueError(complain("threshold", f"less than the largest {what}", threshold))


def _require_room(count: int, depth: int) -> None:
    if count > MOST:
        raise ValueError(
            complain(
                "depth",
                f"at most {MOST} beliefs side by side",
                f"{count} after {depth} actions",
                "Draw fewer actions, or raise threshold=.",
            )
        )
