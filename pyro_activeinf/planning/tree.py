"""Policies as a tree of shared prefixes, so that each prefix is scored once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import ops

SMALL_PATHS = 2**14  # numbers in the matrix from nodes to policies that are worth a product


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


@dataclass(frozen=True)
class Paths:
    """Which nodes of the trees a policy goes through, and which action it takes first."""

    places: Tensor  # (policies, time): positions among the nodes
    first: Tensor  # (policies,): the first action, controls flattened
    # Where they are small, sums over them are products:
    through: Tensor | None = None  # (nodes, policies): 1 where the policy goes through the node
    begins: Tensor | None = None  # (policies, actions): 1 at the first action
    branching: int | None = None  # actions, where policies are all there are, in order

    @classmethod
    def of(
        cls, places: Tensor, policies: Tensor, controls: Sequence[int], dtype: torch.dtype
    ) -> Paths:
        """Of policies ``(policies, time[, controls])`` that go through these places."""
        first, nodes = first_action(policies, controls), int(places.max()) + 1
        if len(places) * nodes > SMALL_PATHS:
            actions = math.prod(controls)
            return cls(places, first, branching=actions if is_full(places, actions) else None)
        through = torch.zeros(nodes, len(places), dtype=dtype, device=places.device)
        through.scatter_(0, places.T, 1.0)
        begins = torch.eye(math.prod(controls), dtype=dtype, device=places.device)[first]
        return cls(places, first, through, begins)

    def total(self, each: Tensor, finite: bool) -> Tensor:
        """The sum over the steps of a policy of numbers of nodes ``(*batch, nodes)``."""
        if finite and self.through is not None and self.through.dtype == each.dtype:
            return each @ self.through
        if self.branching is not None:
            return down_the_tree(each, self.branching, self.places.shape[-1])
        return each[..., self.places].sum(-1)

    def marginal(self, probs: Tensor, actions: int) -> Tensor:
        """q(u) of the first action from q(pi), ``(*batch, actions)``."""
        if self.begins is not None and self.begins.dtype == probs.dtype:
            return probs @ self.begins
        if self.branching is not None:
            return probs.unflatten(-1, (actions, -1)).sum(-1)
        return by_first_action(probs, self.first, actions)


def is_full(places: Tensor, actions: int) -> bool:
    """Whether places ``(policies, time)`` are those of every policy, in order, depth by depth.

    Example:
        >>> policies = all_policies([2], 2, torch.device("cpu"))
        >>> is_full(node_places([policy_tree(policies, [2])]), 2)
        True
    """
    count, horizon = places.shape
    if count != actions**horizon:
        return False
    row = torch.arange(count, device=places.device)
    starts = itertools.accumulate((actions**d for d in range(1, horizon)), initial=0)
    each = [start + row // actions ** (horizon - 1 - d) for d, start in enumerate(starts)]
    return bool((places == torch.stack(each, -1)).all())


def down_the_tree(each: Tensor, actions: int, horizon: int) -> Tensor:
    """Sums along the paths of a full tree of nodes ``(*batch, nodes)``, ``(*batch, leaves)``.

    Example:
        >>> down_the_tree(torch.tensor([1, 2, 10, 20, 30, 40]), 2, 2).tolist()
        [11, 21, 32, 42]
    """
    depths = each.split([actions ** (d + 1) for d in range(horizon)], -1)
    found = depths[0]
    for depth in depths[1:]:
        found = (found.unsqueeze(-1) + depth.unflatten(-1, (-1, actions))).flatten(-2)
    return found


def first_action(policies: Tensor, controls: Sequence[int]) -> Tensor:
    """Position of each policy's first action in the flattened action space, ``(policies,)``."""
    first = policies[:, 0]
    if first.dim() == 1:
        return first
    index = torch.zeros(len(first), dtype=torch.long, device=first.device)
    for f, size in enumerate(controls):
        index = index * size + first[:, f]
    return index


def by_first_action(probs: Tensor, first: Tensor, actions: int) -> Tensor:
    """Add up the probabilities of policies with the same first action, ``(*batch, actions)``."""
    return probs.new_zeros(*probs.shape[:-1], actions).index_add(-1, first, probs)
