"""Normal draws that are spread out as evenly as draws can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pyro.distributions import MultivariateNormal, TorchDistribution, constraints
from torch import Size, Tensor


class OrthogonalNormal(TorchDistribution):
    r"""A multivariate normal, whose draws along the first batch dim depend on each other.

    .. math:: x_{\pm i} = m \pm r_i L q_i, \qquad q_i^T q_j = \delta_{ij}, \quad r_i \sim \chi_D

    Each draw by itself follows the normal. Together they come in pairs of mirror images, along
    directions that are orthogonal to each other (as many as there are dims), turned at random.
    Means over them are exact for what is linear, and less noisy for what is smooth.

    Args:
        loc: ``(*batch, numbers)``.
        scale_tril: L, ``(*batch, numbers, numbers)``.

    Reference: Yu et al. (2016), "Orthogonal random features", NeurIPS.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, scale_tril: Tensor, validate_args: bool | None = None) -> None:
        self.normal = MultivariateNormal(loc, scale_tril=scale_tril, validate_args=False)
        super().__init__(loc.shape[:-1], loc.shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> OrthogonalNormal:
        """The same over a larger batch."""
        numbers = self.event_shape[0]
        loc = self.normal.loc.expand(*batch_shape, numbers)
        root = self.normal.scale_tril.expand(*batch_shape, numbers, numbers)
        return OrthogonalNormal(loc, root, self._validate_args)

    def rsample(self, sample_shape: Sequence[int] = Size()) -> Tensor:
        """Samples ``(*sample_shape, *batch_shape, numbers)``, with gradients."""
        loc, root = self.normal.loc, self.normal.scale_tril
        noise = orthogonal_noise((*sample_shape, *loc.shape), loc)
        return loc + (root @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density ``(*batch,)``, in nats."""
        return self.normal.log_prob(value)


def orthogonal_noise(shape: Sequence[int], like: Tensor) -> Tensor:
    """Standard normal draws ``(draws, *batch, numbers)``: the second half mirrors the first.

    Example:
        >>> noise = orthogonal_noise((4, 2), torch.zeros(()))
        >>> (noise[:2] + noise[2:]).abs().max().item(), (noise[0] @ noise[1]).abs().item() < 1e-5
        (0.0, True)
    """
    draws, *batch, numbers = shape if len(shape) > 1 else (1, *shape)
    half = -(-draws // 2)
    blocks = -(-half // numbers)
    white = torch.randn((blocks, *batch, numbers, numbers), dtype=like.dtype, device=like.device)
    turned, _ = torch.linalg.qr(white)  # columns are directions
    lengths = torch.randn_like(white).square().sum(-2, keepdim=True).sqrt()
    noise = (turned * lengths).movedim(-1, 1).flatten(0, 1)[:half]
    return torch.cat([noise, -noise])[:draws].reshape(*shape)
