"""Steps that move each coordinate by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from .kind import StepKind, apply, apply_inverse
from .layer import Layer
from .networks import SMALL, numbers
from .univariate import RationalSpline, Univariate


class ElementwiseLayer(Layer):
    """A function for each coordinate, with numbers of its own."""

    invertible = True

    def __init__(self, univariate: Univariate, network: nn.Module) -> None:
        super().__init__()
        self.univariate, self.network = univariate, network

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """All coordinates at once."""
        return apply(self.univariate.transform(*self.network(context)), z)

    def inverse(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """All coordinates at once."""
        return apply_inverse(self.univariate.transform(*self.network(context)), x)


@dataclass(frozen=True)
class Spline(StepKind):
    r"""A monotonic rational spline for each coordinate.

    .. math:: x_d = g_{\theta_d}(z_d)

    It shapes the marginals alone: coordinates that are independent stay so.

    Args:
        count_bins: number of pieces.
        bound: the spline lies within ``[-bound, bound]``; outside of it is the identity.
        order: ``"linear"`` or ``"quadratic"``: of numerator and denominator.
        hidden_dims: units of the network that reads the context, where there is one.

    Raises:
        ValueError: for a number of bins below 1, a bound that is not positive, another order.

    Reference: Durkan, Bekasov, Murray and Papamakarios (2019), "Neural spline flows"; Dolatabadi,
    Erfani and Leckie (2020), "Invertible generative modeling using linear rational splines".

    Example:
        >>> from pyro_activeinf.flows import NormalizingFlow
        >>> flow = NormalizingFlow(2, 1, Spline(count_bins=4))
        >>> bool(torch.equal(flow(torch.tensor([9.0, -9.0]))[0], torch.tensor([9.0, -9.0])))
        True
    """

    count_bins: int = 8
    bound: float = 3.0
    order: str = "quadratic"
    hidden_dims: Sequence[int] = (64, 64)
    invertible: ClassVar[bool] = True
    ordered: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the arguments."""
        _ = self.univariate

    @property
    def univariate(self) -> RationalSpline:
        """The function of a coordinate."""
        return RationalSpline(self.count_bins, self.bound, self.order)

    def layer(self, dim: int, context_dim: int) -> ElementwiseLayer:
        """A spline for each coordinate."""
        univariate = self.univariate
        start = univariate.start.expand(dim, -1)
        start = start + SMALL * torch.randn_like(start)
        return ElementwiseLayer(univariate, numbers([start], context_dim, self.hidden_dims))
