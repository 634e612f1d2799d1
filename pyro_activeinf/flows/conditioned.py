"""A flow whose context, where it has one, is given: a bijection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from pyro.distributions import Normal, TorchDistribution
from torch import Size, Tensor

from .._checks import complain, one_batch
from .distribution import FlowDistribution
from .layer import Layer
from .steps import FlowSteps

WAY_OUT = (
    "Kinds with an inverse are affine_coupling, spline_coupling, affine_autoregressive, "
    "spline_autoregressive, spline, householder and those of zuko."
)


class ConditionedFlow:
    """What a conditional flow is for one batch of contexts; made by ``flow.condition(context)``.

    It keeps the layers, not copies of them: parameters that an optimizer changes are changed here.

    Args:
        layers: the steps.
        dim: number of coordinates.
        context: ``(*batch, context_dim)``, or ``None`` for a flow without one.
    """

    def __init__(self, layers: Iterable[Layer], dim: int, context: Tensor | None) -> None:
        self.layers, self.dim, self.context = list(layers), dim, context
        self.invertible = all(layer.invertible for layer in self.layers)

    @property
    def batch_shape(self) -> Size:
        """The batch dims of the context."""
        return Size() if self.context is None else self.context.shape[:-1]

    def tensors(self) -> list[Tensor]:
        """All tensors that the bijection depends on: parameters, buffers, context."""
        found = [p for layer in self.layers for p in (*layer.parameters(), *layer.buffers())]
        return found if self.context is None else [*found, self.context]

    def __call__(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`forward`."""
        return self.forward(z)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Image ``(*batch, dim)`` and log abs det of the Jacobian ``(*batch,)``.

        Raises:
            ValueError: for points of another size or dtype.
        """
        x = self._points("z", z)
        total: Tensor = x.new_zeros(x.shape[:-1])
        for layer in self.layers:
            x, log_det = layer(x, self.context)
            total = total + log_det
        return x, total

    def steps(self, z: Tensor) -> FlowSteps:
        """The same step by step.

        Raises:
            ValueError: for points of another size or dtype.
        """
        points, log_dets = [self._points("z", z)], []
        for layer in self.layers:
            x, log_det = layer(points[-1], self.context)
            points.append(x)
            log_dets.append(log_det)
        return FlowSteps(torch.stack(points), torch.stack(log_dets))

    def inverse(self, x: Tensor) -> Tensor:
        """The point whose image is ``x``, ``(*batch, dim)``.

        Raises:
            ValueError: for points of another size or dtype, or a kind that has no inverse.
        """
        return self.pull_back(x)[0]

    def pull_back(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse, and log abs det of the forward Jacobian there, in one pass.

        Raises:
            ValueError: for points of another size or dtype, or a kind that has no inverse.
        """
        if not self.invertible:
            raise ValueError(complain("kind", "a kind with an inverse", "one without", WAY_OUT))
        z = self._points("x", x)
        total: Tensor = z.new_zeros(z.shape[:-1])
        for layer in reversed(self.layers):
            z, log_det = layer.inverse(z, self.context)
            total = total + log_det
        return z, total

    def distribution(self, base: TorchDistribution | None = None) -> FlowDistribution:
        """The distribution of ``x = f(z)`` where z follows ``base``.

        Args:
            base: over vectors of ``dim``; standard normal by default.

        Raises:
            ValueError: for a base over something else.
        """
        return FlowDistribution(self, self._standard_normal() if base is None else base)

    def sample_and_log_prob(
        self, base: TorchDistribution | None = None, shape: Sequence[int] = ()
    ) -> tuple[Tensor, Tensor]:
        """Samples ``(*shape, *batch, dim)`` and their log-densities, in one pass and attached.

        Raises:
            ValueError: for a base over something else than vectors of ``dim``.
        """
        return self.distribution(base).sample_and_log_prob(shape)

    def _standard_normal(self) -> TorchDistribution:
        like = next((t for t in self.tensors() if t.is_floating_point()), torch.empty(0))
        return Normal(like.new_zeros(self.dim), like.new_ones(self.dim)).to_event(1)

    def _points(self, argument: str, points: Tensor) -> Tensor:
        """Points with the batch dims of the context."""
        if not isinstance(points, Tensor):
            raise TypeError(complain(argument, "a tensor of points", repr(points)))
        if points.dim() == 0 or points.shape[-1] != self.dim:
            expected = f"points of {self.dim} coordinates, (*batch, {self.dim})"
            raise ValueError(complain(argument, expected, f"shape {tuple(points.shape)}"))
        self._require_dtype(argument, points)
        if self.context is None:
            return points
        with one_batch(**{argument: points.shape[:-1], "context": self.batch_shape}):
            batch = torch.broadcast_shapes(points.shape[:-1], self.batch_shape)
        return points.expand(*batch, self.dim)

    def _require_dtype(self, argument: str, points: Tensor) -> None:
        own = next((t.dtype for t in self.tensors() if t.is_floating_point()), points.dtype)
        if points.dtype != own:
            way_out = f"Convert the points with .to({own}), or the flow."
            raise ValueError(complain(argument, f"points of {own}", points.dtype, way_out))
