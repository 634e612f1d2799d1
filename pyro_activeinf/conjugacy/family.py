"""Exponential families as beliefs have them: natural and mean coordinates, moments by name."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..geometry import Legendre

DTYPE = (
    torch.float64
)  # of beliefs, whatever the programs have: sums over many rows keep their digits


class Family(Legendre):
    r"""A family of densities, relative to a base measure h, with moments by name.

    .. math:: q(x) = h(x) \exp(\lambda \cdot T(x) - A(\lambda)), \qquad
              \mu = E_q[T(x)] = \nabla A(\lambda)

    Coordinates are flat, ``(*batch, size)``: the parts of T(x), one after the other. Matrices are
    whole there, so that some coordinates say the same; all that is defined here does not mind.
    """

    moments_type: ClassVar[Any]  # a NamedTuple that gives each part of T(x) its name

    @property
    @abstractmethod
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the parts of T(x)."""

    @property
    @abstractmethod
    def event_shape(self) -> tuple[int, ...]:
        """Shape of x."""

    @abstractmethod
    def statistics(self, value: Tensor) -> Tensor:
        """T(x), ``(*batch, size)``, of values ``(*batch, *event)``."""

    @abstractmethod
    def log_base(self, value: Tensor) -> Tensor:
        """Log h(x): ``(*batch)``."""

    @abstractmethod
    def neutral(self) -> Tensor:
        """Natural coordinates ``(size)`` of a belief that says little."""

    @property
    def size(self) -> int:
        """How many coordinates there are."""
        return sum(math.prod(part) for part in self.parts)

    def split(self, coordinates: Tensor) -> tuple[Tensor, ...]:
        """The parts ``(*batch, *part)`` of coordinates."""
        pieces = coordinates.split([math.prod(part) for part in self.parts], -1)
        batch = coordinates.shape[:-1]
        return tuple(
            piece.reshape((*batch, *part)) for piece, part in zip(pieces, self.parts, strict=True)
        )

    def join(self, *parts: Tensor) -> Tensor:
        """Coordinates from their parts."""
        flat = [
            part.reshape((*part.shape[: part.dim() - len(shape)], math.prod(shape)))
            for part, shape in zip(parts, self.parts, strict=True)
        ]
        batch = torch.broadcast_shapes(*(part.shape[:-1] for part in flat))
        return torch.cat([part.expand(*batch, -1) for part in flat], -1)

    def moments(self, mean: Tensor) -> Any:
        """Expected statistics by name."""
        return self.moments_type(*self.split(mean))

    def negative_entropy(self, natural: Tensor, mean: Tensor) -> Tensor:
        r""":math:`E_q[\log q(x) - \log h(x)] = \lambda \cdot \mu - A(\lambda)`, in nats.

        A coordinate of minus infinity, whose mean is zero, counts for nothing.
        """
        product = torch.where(natural == -math.inf, 0.0, natural) * mean
        return product.sum(-1) - self.log_partition(natural)
