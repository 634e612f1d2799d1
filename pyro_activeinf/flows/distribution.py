"""The distribution that a flow makes of its base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor
from torch.distributions import Distribution

from .._checks import complain
from .memory import Memory
from .preimage import attached_preimage


class Bijection(Protocol):
    """What the distribution needs of a flow."""

    dim: int
    invertible: bool

    @property
    def batch_shape(self) -> Size:
        """Batch dims of the context."""

    def tensors(self) -> list[Tensor]:
        """All that the map depends on."""

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Image and log-determinant."""

    def pull_back(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Preimage and log-determinant."""


class FlowDistribution(TorchDistribution):
    r"""The distribution of :math:`x = f(z)`, z from a base.

    .. math:: \log q(x) = \log q_0(f^{-1}(x)) - \log |\det J_f(f^{-1}(x))|

    The density of the value that was drawn last comes from the pass that drew it, as long as
    neither the value nor a parameter has been changed since; for a kind without an inverse this is
    the only value that has one. Its gradient is that of the density *of this value*, also where it
    was drawn by :meth:`sample`, whose values are constants.

    Args:
        bijection: a flow, with its context.
        base: over vectors of as many coordinates.

    Raises:
        TypeError: for a base that is no distribution.
        ValueError: for a base over something else.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    support = constraints.real_vector

    def __init__(
        self,
        bijection: Bijection,
        base: TorchDistribution,
        validate_args: bool | None = None,
        memory: Memory | None = None,
    ) -> None:
        expected = f"a distribution of event_shape ({bijection.dim},)"
        if not isinstance(base, Distribution):
            raise TypeError(complain("base", expected, repr(base)))
        if base.event_shape != (bijection.dim,):
            got = f"batch_shape {tuple(base.batch_shape)}, event_shape {tuple(base.event_shape)}"
            raise ValueError(complain("base", expected, got, "base.to_event(1) may be meant."))
        batch_shape = torch.broadcast_shapes(base.batch_shape, bijection.batch_shape)
        self.bijection = bijection
        self.base = base if base.batch_shape == batch_shape else base.expand(batch_shape)
        self._memory = memory or Memory()
        super().__init__(batch_shape, Size((bijection.dim,)), validate_args=validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has reparameterized samples."""
        return bool(self.base.has_rsample)

    def expand(
        self, batch_shape: Sequence[int], _instance: FlowDistribution | None = None
    ) -> FlowDistribution:
        """The same over a larger batch; what either has drawn, both can score."""
        base = self.base.expand(Size(batch_shape))
        return FlowDistribution(self.bijection, base, self._validate_args, self._memory)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Samples ``(*sample_shape, *batch_shape, dim)``, without gradients."""
        with torch.no_grad():
            return self._drawn(self.base.sample(Size(sample_shape)))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Samples ``(*sample_shape, *batch_shape, dim)``, with gradients."""
        return self._drawn(self.base.rsample(Size(sample_shape)))

    def sample_and_log_prob(self, sample_shape: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
        """Samples and their log-densities in one pass."""
        draw = self.base.rsample if self.has_rsample else self.base.sample
        z = draw(Size(sample_shape))
        x, log_det = self.bijection.forward(z)
        return x, self.base.log_prob(z) - log_det

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density ``(*batch,)``, in nats.

        Raises:
            ValueError: for a value of another shape; for a kind without an inverse, also for a
                value that was not just drawn from this distribution.
        """
        if self._validate_args:
            self._validate_sample(value)
        z, log_det = self._origin(value)
        return self.base.log_prob(z) - log_det

    def _drawn(self, z: Tensor) -> Tensor:
        x, log_det = self.bijection.forward(z)
        self._memory.keep(x, z, log_det, self.bijection.tensors())
        return x

    def _origin(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Preimage and log-determinant."""
        drawn = self._memory.recall(value, self.bijection.tensors())
        if drawn is not None and (drawn.attached or not torch.is_grad_enabled()):
            return drawn.z, drawn.log_det
        if self.bijection.invertible:
            return self.bijection.pull_back(value)
        if drawn is None:
            raise ValueError(complain("value", EXPECTED, "another one", WAY_OUT))
        z = attached_preimage(self.bijection.forward, drawn.z, value)
        return z, self.bijection.forward(z)[1]


EXPECTED = (
    "the very tensor that was drawn last from this distribution, for a kind without an inverse, "
    "with unchanged parameters"
)
WAY_OUT = (
    "Score it before the next draw and before the next step of an optimizer, or take a kind with "
    "an inverse: affine_coupling, spline_coupling, affine_autoregressive, spline_autoregressive, "
    "spline, householder, or one of zuko."
)
