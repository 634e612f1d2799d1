"""Expected log-densities under a Gaussian, by the rule of Gauss and Hermite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributions

from .._checks import complain

Line = NDArray[np.float64]
NODES = 32  # along each coordinate
CLOSE_NODES = {1: 513, 2: 97}  # likewise of mixtures, which bend sharply between their parts
SCATTERED_NODES = 2**12  # of mixtures over more coordinates, in all
TURN = 0.6  # radians: the grid over two coordinates is not along them, as bends often are
REACH = 8.5  # standard deviations that evenly spaced nodes span to either side
MOST_NODES = 2**15
LEAST_NODES = 5


def expected_log_prob(name: str, fn: Any, mean: Tensor, cov: Tensor, event: torch.Size) -> Tensor:
    """E[log fn(x)] for x ~ N(mean, cov), ``(*batch)``.

    One coordinate at a time where the density is a product over them, else on the grid of Gauss
    and Hermite. A mixture bends between its parts, which that grid misses: it has a close and even
    one over two coordinates at most, and over more of them nodes that are scattered.

    Args:
        name: of the site, for errors.
        fn: a distribution over ``event``.
        mean, cov: ``(*batch, size)`` and ``(*batch, size, size)``, of the flattened event.

    Raises:
        ValueError: for a density that is not positive everywhere, or not a product and of too
            many coordinates.
    """
    base = _base(fn)
    mixed = isinstance(base, distributions.MixtureSameFamily)
    if base.event_shape:
        size = mean.shape[-1]
        if mixed:
            nodes, weights = mixture_rule(size, mean)
        else:
            nodes, weights = rule(size, _count(name, fn, size), mean)
        away = torch.einsum("...ij,kj->k...i", torch.linalg.cholesky(cov), nodes)
    else:
        nodes, weights = mixture_rule(1, mean) if mixed else rule(1, NODES, mean)
        width = cov.diagonal(dim1=-2, dim2=-1).sqrt()
        away = nodes.reshape(-1, *[1] * width.dim()) * width
    values = mean + away
    values = values.reshape(*values.shape[:-1], *event)
    _require_real(name, fn, values)
    found = torch.tensordot(weights, base.log_prob(values), 1)
    batch = mean.dim() - 1
    return found.flatten(batch).sum(-1) if found.dim() > batch else found


def numbers_needed(name: str, fn: Any, size: int) -> int:
    """How many numbers the expectation under one Gaussian over ``size`` coordinates takes.

    Example:
        >>> numbers_needed("o", distributions.StudentT(3.0), 1)
        32
    """
    base, parts = _base(fn), 1
    mixed = isinstance(base, distributions.MixtureSameFamily)
    if mixed:
        parts = base.mixture_distribution.param_shape[-1]
        nodes = CLOSE_NODES[size] ** size if size in CLOSE_NODES else SCATTERED_NODES
    else:
        nodes = _count(name, fn, size) ** size if base.event_shape else NODES
    return int(nodes * size * parts)


def _base(fn: Any) -> Any:
    while isinstance(fn, distributions.Independent):
        fn = fn.base_dist
    return fn


def rule(size: int, count: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes ``(nodes, size)`` and weights ``(nodes)`` of a standard normal."""
    return _grid(size, *np.polynomial.hermite_e.hermegauss(count), like)


def mixture_rule(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """The same for what bends sharply: evenly spaced, or scattered by a sequence of Sobol.

    Scattered nodes come in pairs and have the covariance of a standard normal, so that they are
    exact for quadratics. They are the same at each call.
    """
    if size not in CLOSE_NODES:
        return _scattered(size, like)
    x = np.linspace(-REACH, REACH, CLOSE_NODES[size])
    nodes, weights = _grid(size, x, np.exp(-0.5 * x**2), like)
    if size == 1:
        return nodes, weights
    cos, sin = math.cos(TURN), math.sin(TURN)
    return nodes @ torch.tensor([[cos, -sin], [sin, cos]]).to(nodes), weights


def _scattered(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    sobol = torch.quasirandom.SobolEngine(size, scramble=True, seed=0)
    spread = sobol.draw(SCATTERED_NODES // 2, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)
    half = torch.special.ndtri(spread)
    both = torch.cat([half, -half])
    root = torch.linalg.cholesky(both.mT @ both / len(both))
    nodes = torch.linalg.solve_triangular(root, both.mT, upper=False).mT
    return nodes.to(like), torch.full((len(nodes),), 1 / len(nodes)).to(like)


def _grid(size: int, x: Line, w: Line, like: Tensor) -> tuple[Tensor, Tensor]:
    each = torch.from_numpy(x), torch.from_numpy(w / w.sum())
    nodes, weights = (torch.cartesian_prod(*[part] * size).reshape(-1, size) for part in each)
    return nodes.to(like), weights.prod(-1).to(like)


def _count(name: str, fn: Any, size: int) -> int:
    count = min(NODES, int(MOST_NODES ** (1 / size)))
    if count < LEAST_NODES:
        raise ValueError(
            complain(
                f"site '{name}' of prefer",
                "a Gaussian, independent coordinates, or few of them",
                f"a {type(fn).__name__} over {size}",
                "Take filters.ParticleFilter for it.",
            )
        )
    return count


def _require_real(name: str, fn: Any, values: Tensor) -> None:
    if not bool(fn.support.check(values).all()):
        raise ValueError(
            complain(
                f"site '{name}' of prefer",
                "a preference over all real numbers, since a Gaussian belief expects any",
                f"a {type(fn).__name__} with support {fn.support}",
                "The expected log-preference is -inf: give it wider tails, or take "
                "filters.ParticleFilter.",
            )
        )
