"""Log-probabilities of samples whose gradient is the score, also of flows without an inverse."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import TransformedDistribution


def log_probs(fn: Any, num_samples: int) -> Tensor:
    """Log q(z) of samples z, with a graph to parameters but not through z: ``(n, *batch)``."""
    with torch.no_grad():
        base = fn.base_dist if isinstance(fn, TransformedDistribution) else fn
        draws = base.sample((num_samples,))
    if base is fn:
        return fn.log_prob(draws)
    vectors = len(fn.event_shape) == 1 and fn.event_shape == base.event_shape
    numbers = not fn.event_shape and not base.event_shape
    if vectors or numbers:
        return _along(fn, draws)
    with torch.no_grad():
        z = _through(fn, draws)
    return fn.log_prob(z.clone())  # a copy, so that no transform takes an inverse from its cache


def _along(fn: Any, draws: Tensor) -> Tensor:
    r"""From derivatives along the flow, without its inverse.

    .. math:: \partial_\phi \log q_\phi(z) = \frac{d}{d\phi} \log q_\phi(f_\phi(\epsilon))
              - \nabla_z \log q_\phi(z) \cdot \frac{d}{d\phi} f_\phi(\epsilon)
    """
    with torch.enable_grad():
        noise = draws.detach().requires_grad_()
        z = _through(fn, noise)
        height = fn.log_prob(z)
        rate = _grad(height, noise)
        if not fn.event_shape:
            return height - (rate / _grad(z, noise)).detach() * z
        turn = torch.stack([_grad(one, noise) for one in z.unbind(-1)], -1)  # J^T
        slope = torch.linalg.solve(turn, rate.unsqueeze(-1)).squeeze(-1)
        return height - (slope.detach() * z).sum(-1)


def _through(fn: Any, draws: Tensor) -> Tensor:
    for transform in fn.transforms:
        draws = transform(draws)
    return draws


def _grad(value: Tensor, by: Tensor) -> Tensor:
    return torch.autograd.grad(value.sum(), by, retain_graph=True)[0]
