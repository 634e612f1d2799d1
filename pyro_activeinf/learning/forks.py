"""Draws that a program takes back while it is traced, as within ``torch.random.fork_rng``."""

from __future__ import annotations

import torch
from torch.fx import Graph, Node
from torch.fx.experimental.proxy_tensor import disable_proxy_modes_tracing, get_proxy_mode


class Forks:
    """Follows torch's generator; tells which draws of a graph do not count.

    A generator that is in a state in which it was before has been put back: the draws since then
    are those of a program that looked at itself. They leave the graph, unless it needs them.
    """

    def __init__(self) -> None:
        self._states: list[tuple[bytes, Node | None]] = []
        self.taken_back: set[Node] = set()

    def look(self) -> None:
        """Note the state of the generator, after each operation."""
        mode = get_proxy_mode()
        if mode is None:
            return
        with disable_proxy_modes_tracing():
            state = torch.get_rng_state().numpy().tobytes()
        if self._states and self._states[-1][0] == state:
            return
        nodes = mode.tracer.graph.nodes
        known = [n for n, (earlier, _) in enumerate(self._states) if earlier == state]
        if known:
            since = list(nodes)
            start = self._states[known[0]][1]
            place = -1 if start is None else since.index(start)
            self.taken_back |= set(filter(is_draw, since[place + 1 :]))
            del self._states[known[0] + 1 :]
        else:
            self._states.append((state, next(reversed(nodes), None)))

    def remove(self, graph: Graph) -> bool:
        """Take the draws out; returns whether the graph can do without them."""
        graph.eliminate_dead_code(
            lambda node: node not in self.taken_back and bool(node.is_impure())
        )
        return self.taken_back.isdisjoint(graph.nodes)


def is_draw(node: Node) -> bool:
    """Whether an operation draws random numbers."""
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())
