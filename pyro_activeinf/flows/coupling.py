"""Steps that move half of the coordinates in the light of the other half."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Transform

from .._checks import complain
from .kind import StepKind, apply, apply_inverse
from .layer import Layer
from .networks import dense, given
from .univariate import Affine, RationalSpline, Univariate


class CouplingLayer(Layer):
    """The first ``split`` coordinates stay; the others are moved by functions of the first."""

    invertible = True

    def __init__(self, univariate: Univariate, network: nn.Module, split: int) -> None:
        super().__init__()
        self.univariate, self.network, self.split = univariate, network, split

    def _transform(self, first: Tensor, rest: Tensor, context: Tensor | None) -> Transform:
        flat = given(self.network, context)(first)
        return self.univariate.transform(flat.reshape(*rest.shape, -1))

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One pass."""
        first, rest = z[..., : self.split], z[..., self.split :]
        moved, log_det = apply(self._transform(first, rest, context), rest)
        return torch.cat([first, moved], -1), log_det

    def inverse(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One pass."""
        first, moved = x[..., : self.split], x[..., self.split :]
        rest, log_det = apply_inverse(self._transform(first, moved, context), moved)
        return torch.cat([first, rest], -1), log_det


class CouplingKind(StepKind):
    """A coupling, whatever the function of a coordinate is."""

    hidden_dims: Sequence[int]
    invertible: ClassVar[bool] = True
    ordered: ClassVar[bool] = True

    @property
    @abstractmethod
    def univariate(self) -> Univariate:
        """The function of a coordinate."""

    def layer(self, dim: int, context_dim: int) -> CouplingLayer:
        """A coupling of the second half of the coordinates to the first."""
        if dim < 2:
            way_out = "Take flows.Spline(), or an autoregressive kind."
            raise ValueError(complain("dim", "at least 2 coordinates to couple", dim, way_out))
        univariate, split = self.univariate, dim // 2
        start = univariate.start.repeat(dim - split)
        network = dense(split, context_dim, self.hidden_dims, start)
        return CouplingLayer(univariate, network, split)


@dataclass(frozen=True)
class AffineCoupling(CouplingKind):
    r"""Half of the coordinates are shifted and scaled by functions of the other half.

    .. math:: x_{1:d} = z_{1:d}, \qquad
        x_{d+1:D} = \mu(z_{1:d}) + \sigma(z_{1:d}) \odot z_{d+1:D}

    Fast in both directions.

    Args:
        hidden_dims: units of each hidden layer of the network for mu and sigma.

    Reference: Dinh, Sohl-Dickstein and Bengio (2017), "Density estimation using Real NVP", eqs.
    7, 8.

    Example:
        >>> from pyro_activeinf.flows import NormalizingFlow
        >>> flow = NormalizingFlow(2, 4, AffineCoupling(hidden_dims=(16,)))
        >>> z = torch.randn(3, 2)
        >>> bool(torch.allclose(flow.inverse(flow(z)[0]), z))
        True
    """

    hidden_dims: Sequence[int] = (64, 64)

    @property
    def univariate(self) -> Affine:
        """A shift and a scale."""
        return Affine()


@dataclass(frozen=True)
class SplineCoupling(CouplingKind):
    r"""Half of the coordinates go through splines whose knots are functions of the other half.

    .. math:: x_{1:d} = z_{1:d}, \qquad x_i = g_{\theta_i(z_{1:d})}(z_i), \quad i > d

    Fast in both directions.

    Args:
        hidden_dims: units of each hidden layer of the network for the knots.
        count_bins: number of pieces.
        bound: the splines lie within ``[-bound, bound]``; outside of it is the identity.
        order: ``"linear"`` or ``"quadratic"``.

    Raises:
        ValueError: for a number of bins below 1, a bound that is not positive, another order.

    Reference: Durkan, Bekasov, Murray and Papamakarios (2019), "Neural spline flows", section 3.

    Example:
        >>> from pyro_activeinf.flows import NormalizingFlow
        >>> NormalizingFlow(3, 2, SplineCoupling(count_bins=4)).inverse(torch.zeros(5, 3)).shape
        torch.Size([5, 3])
    """

    hidden_dims: Sequence[int] = (64, 64)
    count_bins: int = 8
    bound: float = 3.0
    order: str = "quadratic"

    def __post_init__(self) -> None:
        """Check the arguments."""
        _ = self.univariate

    @property
    def univariate(self) -> RationalSpline:
        """A rational spline."""
        return RationalSpline(self.count_bins, self.bound, self.order)
