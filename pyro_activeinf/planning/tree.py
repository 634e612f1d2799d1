"""Policies as a tree of shared prefixes, so that each prefix is scored once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import ops


@dataclass(frozen=True)
class PolicyTree:
    """Prefixes of policies that are sorted lexicographically; depth d holds those of length d + 1.

    A depth is *complete* where every node above branches into every action in order.
    """

    parents: tuple[Tensor, ...]  # per depth: (nodes,), index into the depth above
    actions: tuple[Tensor, ...]  # per depth: (nodes,) or (nodes, controls)
    nodes: tuple[Tensor, ...]  # per depth: (policies,), the node of each policy
    complete: tuple[bool, ...]


def all_policies(controls: Sequence[int], horizon: int, device: torch.device) -> Tensor:
    """Every policy, as :func:`itertools.product` orders them: the last action varies fastest.

    Returns:
        ``(policies, time)`` for one control, ``(policies, time, controls)`` for several.

    Example:
        >>> all_policies([2], 2, torch.device("cpu")).tolist()
        [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    sizes = list(controls) * horizon
    codes = torch.arange(math.prod(sizes), device=device)
    digits = torch.stack(ops.unravel(codes, sizes), -1)
    return digits if len(controls) == 1 else digits.unflatten(-1, (horizon, len(controls)))


def policy_tree(policies: Tensor, controls: Sequence[int]) -> PolicyTree:
    """The tree of sorted, distinct policies ``(policies, time[, controls])``.

    Example:
        >>> tree = policy_tree(torch.tensor([[0, 0], [0, 1], [1, 0]]), [2])
        >>> [len(actions) for actions in tree.actions]
        [2, 3]
    """
    steps = policies if policies.dim() == 3 else policies.unsqueeze(-1)
    fresh = torch.zeros(len(steps), dtype=torch.bool, device=steps.device)
    fresh[0] = True
    above = torch.zeros(len(steps), dtype=torch.long, device=steps.device)
    parents, actions, nodes, complete = [], [], [], []
    for t in range(steps.shape[1]):
        fresh = fresh.clone()
        fresh[1:] |= (steps[1:, t] != steps[:-1, t]).any(-1)
        node = fresh.cumsum(0) - 1
        parents.append(above[fresh])
        actions.append(policies[fresh, t])
        nodes.append(node)
        complete.append(len(parents[-1]) == (int(above[-1]) + 1) * math.prod(controls))
        above = node
    return PolicyTree(tuple(parents), tuple(actions), tuple(nodes), tuple(complete))


def node_places(trees: Sequence[PolicyTree]) -> Tensor:
    """Where the prefixes of each policy are in a list of all the nodes, ``(policies, time)``.

    The nodes of one tree come after those of another, and those of one depth after another.

    Example:
        >>> node_places([policy_tree(all_policies([2], 2, torch.device("cpu")), [2])]).tolist()
        [[0, 2], [0, 3], [1, 4], [1, 5]]
    """
    depths = [depth for tree in trees for depth in map(len, tree.actions)]
    starts = itertools.accumulate(depths, initial=0)
    each = [torch.stack([next(starts) + nodes for nodes in tree.nodes], -1) for tree in trees]
    return torch.cat(each)
