"""One step of a flow, and the two ways to make another one of it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Layer(nn.Module, ABC):
    """One bijection of a flow, possibly conditional; it keeps nothing from call to call.

    Points are ``(*batch, dim)``, log-determinants ``(*batch,)``; the batch dims of a context are
    among those of the points.
    """

    invertible: bool

    @abstractmethod
    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The image of ``z``, and log abs det of the Jacobian there."""

    @abstractmethod
    def inverse(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The point whose image is ``x``, and log abs det of the (forward) Jacobian there."""


class ReversedLayer(Layer):
    """A layer that sees the coordinates in reversed order, so that its neighbors mix with it."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer, self.invertible = layer, layer.invertible

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Reverse, go forward, reverse."""
        x, log_det = self.layer(z.flip(-1), context)
        return x.flip(-1), log_det

    def inverse(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Reverse, go back, reverse."""
        z, log_det = self.layer.inverse(x.flip(-1), context)
        return z.flip(-1), log_det


class InverseLayer(Layer):
    """A layer that is run backward."""

    invertible = True

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Go back."""
        x, log_det = self.layer.inverse(z, context)
        return x, -log_det

    def inverse(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Go forward."""
        z, log_det = self.layer(x, context)
        return z, -log_det
