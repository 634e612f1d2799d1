"""What is predicted at a real site, as a distribution."""

from __future__ import annotations

import math

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from .._checks import complain


def density(name: str, rows: Tensor, event: torch.Size) -> Distribution:
    r"""The mixture of Gaussians that a level above predicts at a site; a Gaussian where it is one.

    .. math:: \tilde p(o) = \sum_k w_k \, N(o; m_k, V_k)

    Args:
        name: of the site, for errors.
        rows: log-weight, mean and covariance of each part, ``(parts, 1 + k + k k)``.
        event: shape of the site, of k numbers.

    Raises:
        ValueError: where what is predicted is certain.

    Example:
        >>> density("o", torch.tensor([[0.0, 2.0, 9.0]]), torch.Size())
        Normal(loc: 2.0, scale: 3.0)
    """
    rows, k = rows[rows[:, 0] > -math.inf], event.numel()
    mean, cov = rows[:, 1 : 1 + k], rows[:, 1 + k :].unflatten(-1, (k, k))
    factor, info = torch.linalg.cholesky_ex(cov)
    if bool(info.any()):
        way_out = "Sample it from a Normal in the observe of the level above."
        expected = "some spread of what is predicted"
        raise ValueError(complain(f"site '{name}'", expected, "a certain value", way_out))
    one = len(rows) == 1
    parts = _gaussian(mean[0], factor[0], event) if one else _gaussian(mean, factor, event)
    weights = dist.Categorical(logits=rows[:, 0])
    return parts if one else torch.distributions.MixtureSameFamily(weights, parts)


def _gaussian(mean: Tensor, factor: Tensor, event: torch.Size) -> Distribution:
    """Gaussians ``(*batch)`` over an event of a shape."""
    if not event:
        return dist.Normal(mean[..., 0], factor[..., 0, 0])
    flat = dist.MultivariateNormal(mean, scale_tril=factor)
    if len(event) == 1:
        return flat
    shaped = torch.distributions.transforms.ReshapeTransform(torch.Size([event.numel()]), event)
    return dist.TransformedDistribution(flat, [shaped])
