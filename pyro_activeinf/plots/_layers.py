"""Where the nodes of a layered drawing stand: their order in each layer, and their positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ._canvas import Array

Links = Sequence[tuple[int, int]]  # node of a layer, node of the next one
STARTS = 20  # the nodes in their given order, then shuffled
SWEEPS = 6


def ordered(sizes: Sequence[int], links: Sequence[Links]) -> list[list[int]]:
    """Order the nodes of each layer so that few links cross: means of neighbors, there and back.

    Where each node of a layer has one link from the layer before, those of one node stay together.

    Args:
        sizes: number of nodes in each layer.
        links: between each layer and the next.

    Reference: Sugiyama, Tagawa and Toda (1981), "Methods for visual understanding of hierarchical
    system structures", IEEE Transactions on Systems, Man, and Cybernetics 11.

    Example:
        >>> ordered([2, 2], [[(0, 1), (1, 0)]])
        [[0, 1], [1, 0]]
    """
    random = np.random.default_rng(0)
    start = [list(range(size)) for size in sizes]
    best, fewest = start, count_crossings(start, links)
    for _ in range(STARTS):
        if fewest == 0:
            break
        for orders in _swept(start, links):
            found = count_crossings(orders, links)
            if found < fewest:
                best, fewest = orders, found
        start = [random.permutation(size).tolist() for size in sizes]
    return best


def _swept(orders: Sequence[list[int]], links: Sequence[Links]) -> Iterator[list[list[int]]]:
    """Orders after each sweep from the first layer to the last and back."""
    orders = [list(order) for order in orders]
    back = [[(b, a) for a, b in between] for between in links]
    families = [_families(len(orders[i + 1]), between) for i, between in enumerate(links)]
    for _ in range(SWEEPS):
        for i, between in enumerate(links):
            orders[i + 1] = _by_neighbors(orders[i + 1], orders[i], between)
        for i in reversed(range(len(links))):
            orders[i] = _by_neighbors(orders[i], orders[i + 1], back[i])
            if i:
                orders[i] = _together(orders[i], families[i - 1])
        yield [list(order) for order in orders]


def _families(size: int, links: Links) -> dict[int, int] | None:
    """The one node of the layer before that each node is linked to, where that is so."""
    found = {node: parent for parent, node in links}
    return found if len(found) == len(links) == size else None


def _together(order: list[int], parents: Mapping[int, int] | None) -> list[int]:
    """The same order, except that siblings follow each other."""
    if parents is None:
        return order
    first: dict[int, float] = {}
    for parent in set(parents.values()):
        ranks = [rank for rank, node in enumerate(order) if parents[node] == parent]
        first[parent] = float(np.mean(ranks))
    return sorted(order, key=lambda node: (first[parents[node]], parents[node]))


def _by_neighbors(order: list[int], fixed: list[int], links: Links) -> list[int]:
    means = neighbor_means(len(order), np.argsort(fixed).astype(float), links)
    present = np.argsort(order).astype(float)
    means = np.where(np.isnan(means), present, means)
    return sorted(order, key=lambda node: (means[node], present[node]))


def neighbor_means(size: int, positions: Array, links: Links) -> Array:
    """Mean position of the nodes that each of some nodes is linked to; NaN where there is none.

    Args:
        size: number of nodes.
        positions: of the nodes of the other layer.
        links: node of the other layer, node of this one.

    Example:
        >>> neighbor_means(3, np.array([0.0, 4.0]), [(0, 0), (0, 1), (1, 1)])
        array([ 0.,  2., nan])
    """
    total, count = np.zeros(size), np.zeros(size)
    for other, node in links:
        total[node] += positions[other]
        count[node] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def count_crossings(orders: Sequence[Sequence[int]], links: Sequence[Links]) -> int:
    """Number of pairs of links that cross.

    Example:
        >>> count_crossings([[0, 1], [0, 1]], [[(0, 1), (1, 0)]])
        1
    """
    total = 0
    for i, between in enumerate(links):
        left, right = (np.argsort(orders[i + k]) for k in (0, 1))
        ends = np.array([(left[a], right[b]) for a, b in between]).reshape(-1, 2)
        a, b = (ends[:, None, k] - ends[None, :, k] for k in (0, 1))
        total += int((a * b < 0).sum()) // 2
    return total


def placed(
    orders: Sequence[Sequence[int]], links: Sequence[Links], gaps: Sequence[float]
) -> list[Array]:
    """Positions of the nodes of each layer, around 0, at least a layer's gap apart.

    The widest layer is spaced evenly; from there to both sides, each node stands as near as it can
    to the mean of those that it is linked to.

    Example:
        >>> [layer.tolist() for layer in placed([[0], [0, 1]], [[(0, 0), (0, 1)]], [1.0, 1.0])]
        [[0.0], [-0.5, 0.5]]
    """
    extents = [(len(order) - 1) * gap for order, gap in zip(orders, gaps, strict=True)]
    widest = int(np.argmax(extents))
    found = [np.zeros(len(order)) for order in orders]
    even = np.linspace(-0.5, 0.5, max(2, len(orders[widest]))) * extents[widest]
    found[widest][list(orders[widest])] = even[: len(orders[widest])]
    for i in range(widest + 1, len(orders)):
        found[i] = _beside(orders[i], found[i - 1], links[i - 1], gaps[i])
    for i in reversed(range(widest)):
        back = [(b, a) for a, b in links[i]]
        found[i] = _beside(orders[i], found[i + 1], back, gaps[i])
    return found


def _beside(order: Sequence[int], neighbors: Array, links: Links, gap: float) -> Array:
    order = list(order)
    wanted = neighbor_means(len(order), neighbors, links)[order]
    known = np.flatnonzero(~np.isnan(wanted))
    everywhere = np.arange(len(order))
    wanted = np.interp(everywhere, known, wanted[known]) if len(known) else np.zeros(len(order))
    found = np.zeros(len(order))
    found[order] = spread(wanted, gap)
    return found


def spread(wanted: Array, gap: float) -> Array:
    """Positions in the same order, at least ``gap`` apart, with the least squared displacement.

    Example:
        >>> spread(np.array([0.0, 0.0, 9.0]), 2.0)
        array([-1.,  1.,  9.])
    """
    offsets = gap * np.arange(len(wanted))
    blocks: list[tuple[float, int]] = []  # mean and number of those that stand together
    for value in wanted - offsets:
        mean, count = float(value), 1
        while blocks and blocks[-1][0] > mean:
            before, size = blocks.pop()
            mean, count = (mean * count + before * size) / (count + size), count + size
        blocks.append((mean, count))
    return np.repeat([mean for mean, _ in blocks], [count for _, count in blocks]) + offsets
