"""Normalizing flows: modules that carry points, and densities with them."""

from __future__ import annotations

from collections.abc import Sequence

from pyro.distributions import TorchDistribution
from torch import Tensor, nn

from .._checks import complain, positive_int
from .conditioned import ConditionedFlow
from .distribution import FlowDistribution
from .kind import Kind
from .names import kind_of
from .steps import FlowSteps


class NormalizingFlow(nn.Module):
    r"""A chain of bijections that makes a rich density of a simple one.

    .. math::
        x = f_L \circ \dots \circ f_1(z), \qquad
        \log q(x) = \log q_0(z) - \sum_{l=1}^L \log |\det J_l|

    in nats. Points are ``(*batch, dim)``, log-determinants ``(*batch,)``. All parameters are those
    of the module; it starts near the identity and keeps nothing from call to call. Where the order
    of the coordinates matters to a kind, every other step sees them reversed.

    Args:
        dim: number of coordinates.
        length: number of steps L.
        kind: what a step does, for example ``flows.SplineCoupling(count_bins=8)``, or the name of
            a kind with its default settings, for example ``"spline_coupling"``.
        context_dim: length of the vectors that a conditional flow depends on; 0 for none.

    Raises:
        TypeError: for a kind that is none.
        ValueError: for an unknown name, sizes below 1, or a kind that needs more coordinates.
        ImportError: for a kind of zuko where that is not installed.

    Reference: Rezende and Mohamed (2015), "Variational inference with normalizing flows", eqs.
    5-7; Papamakarios et al. (2021), "Normalizing flows for probabilistic modeling and inference".

    Example:
        >>> import pyro, torch
        >>> pyro.set_rng_seed(0)
        >>> flow = NormalizingFlow(2, 4, "affine_coupling")
        >>> x, log_det = flow(torch.randn(100, 2))
        >>> flow.inverse(x).shape, log_det.shape
        (torch.Size([100, 2]), torch.Size([100]))
        >>> with pyro.plate("points", 3):
        ...     pyro.sample("x", flow.distribution()).shape
        torch.Size([3, 2])
        >>> conditional = NormalizingFlow(2, 4, "planar", context_dim=5)
        >>> conditional.condition(torch.randn(7, 5)).distribution().batch_shape
        torch.Size([7])
    """

    def __init__(
        self,
        dim: int,
        length: int,
        kind: Kind | str = "affine_coupling",
        context_dim: int = 0,
    ) -> None:
        super().__init__()
        self.dim, self.length = positive_int("dim", dim), positive_int("length", length)
        self.context_dim = positive_int("context_dim", context_dim) if context_dim else 0
        self.kind = kind_of(kind)
        self.layers = nn.ModuleList(self.kind.layers(self.dim, self.length, self.context_dim))

    @property
    def invertible(self) -> bool:
        """Whether there is an inverse."""
        return self.kind.invertible

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Image ``(*batch, dim)`` and log abs det of the Jacobian ``(*batch,)``.

        Raises:
            ValueError: for points of another size or dtype, or a context that is missing.
        """
        return self._unconditional().forward(z)

    def inverse(self, x: Tensor) -> Tensor:
        """The point whose image is ``x``, ``(*batch, dim)``.

        Raises:
            ValueError: for points of another size or dtype, a kind that has no inverse, or a
                context that is missing.
        """
        return self._unconditional().inverse(x)

    def steps(self, z: Tensor) -> FlowSteps:
        """Points and log-determinants after each step.

        Raises:
            ValueError: for points of another size or dtype, or a context that is missing.
        """
        return self._unconditional().steps(z)

    def distribution(self, base: TorchDistribution | None = None) -> FlowDistribution:
        """The distribution of ``x = f(z)`` where z follows ``base``, for ``pyro.sample``.

        Args:
            base: over vectors of ``dim``; standard normal by default.

        Raises:
            ValueError: for a base over something else, or a conditional flow without its context.
        """
        return self._unconditional().distribution(base)

    def sample_and_log_prob(
        self, base: TorchDistribution | None = None, shape: Sequence[int] = ()
    ) -> tuple[Tensor, Tensor]:
        """Samples ``(*shape, *batch, dim)`` and their log-densities, in one pass and attached.

        Raises:
            ValueError: for a base over something else, or a conditional flow without its context.
        """
        return self._unconditional().sample_and_log_prob(base, shape)

    def condition(self, context: Tensor) -> ConditionedFlow:
        """The flow for a batch of contexts ``(*batch, context_dim)``.

        Raises:
            ValueError: for vectors of another length, or a flow that was built without a context.
        """
        if not self.context_dim:
            way_out = "Build it as NormalizingFlow(dim, length, kind, context_dim=..)."
            raise ValueError(complain("flow", "a conditional flow", "one without", way_out))
        if context.dim() == 0 or context.shape[-1] != self.context_dim:
            expected = f"vectors of length {self.context_dim}, (*batch, {self.context_dim})"
            raise ValueError(complain("context", expected, f"shape {tuple(context.shape)}"))
        return ConditionedFlow(self.layers, self.dim, context)  # type: ignore[arg-type]

    def _unconditional(self) -> ConditionedFlow:
        if self.context_dim:
            way_out = "Call flow.condition(context) first, and go on with what it returns."
            raise ValueError(
                complain("context", "the context of a conditional flow", "none", way_out)
            )
        return ConditionedFlow(self.layers, self.dim, None)  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        """The sizes."""
        return f"dim={self.dim}, length={self.length}, context_dim={self.context_dim}"
