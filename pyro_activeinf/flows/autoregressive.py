"""Steps that move each coordinate in the light of those before it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pyro.distributions import transforms
from torch import Tensor, nn
from torch.distributions import Transform

from .._checks import positive_int
from .kind import StepKind, TransformKind, apply, apply_inverse
from .layer import Layer
from .networks import ONE, autoregressive, given
from .univariate import Affine, RationalSpline, Univariate


class AutoregressiveLayer(Layer):
    """Coordinate d is moved by a function of coordinates 1 .. d-1 of the *input*."""

    invertible = True

    def __init__(self, univariate: Univariate, network: nn.Module) -> None:
        super().__init__()
        self.univariate, self.network = univariate, network

    def _transform(self, z: Tensor, context: Tensor | None) -> Transform:
        outputs = given(self.network, context)(z)  # (*batch, numbers, dim)
        return self.univariate.transform(outputs.mT)

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One pass."""
        return apply(self._transform(z, context), z)

    def inverse(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """A pass for each coordinate: after the d-th, the first d are right."""
        z = torch.zeros_like(x)
        for _ in range(x.shape[-1] - 1):
            z = self._transform(z, context).inv(x)
        return apply_inverse(self._transform(z, context), x)


class AutoregressiveKind(StepKind):
    """An autoregression, whatever the function of a coordinate is."""

    hidden_dims: Sequence[int]
    invertible: ClassVar[bool] = True
    ordered: ClassVar[bool] = True

    @property
    @abstractmethod
    def univariate(self) -> Univariate:
        """The function of a coordinate."""

    def layer(self, dim: int, context_dim: int) -> AutoregressiveLayer:
        """An autoregression over all coordinates."""
        start = self.univariate.start
        network = autoregressive(dim, context_dim, self.hidden_dims, [len(start)], start)
        return AutoregressiveLayer(self.univariate, network)


@dataclass(frozen=True)
class AffineAutoregressive(AutoregressiveKind):
    r"""Each coordinate is shifted and scaled by functions of those before it.

    .. math:: x_d = \mu_d(z_{1:d-1}) + \sigma_d(z_{1:d-1}) z_d

    Fast forward (sampling); the inverse takes a pass for each coordinate. :class:`Inverse` swaps
    the two.

    Args:
        hidden_dims: units of each hidden layer of the network; at least as many as coordinates.

    Raises:
        ValueError: for fewer hidden units than coordinates, when the flow is built.

    Reference: Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling (2016), "Improving
    variational inference with inverse autoregressive flow", eq. 10.

    Example:
        >>> from pyro_activeinf.flows import NormalizingFlow
        >>> flow = NormalizingFlow(2, 4, AffineAutoregressive(hidden_dims=(16,)))
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
class SplineAutoregressive(AutoregressiveKind):
    r"""Each coordinate goes through a spline whose knots are functions of those before it.

    .. math:: x_d = g_{\theta_d(z_{1:d-1})}(z_d)

    Fast forward (sampling); the inverse takes a pass for each coordinate. :class:`Inverse` swaps
    the two.

    Args:
        hidden_dims: units of each hidden layer of the network; at least as many as coordinates.
        count_bins: number of pieces.
        bound: the splines lie within ``[-bound, bound]``; outside of it is the identity.
        order: ``"linear"`` or ``"quadratic"``.

    Raises:
        ValueError: for a number of bins below 1, a bound that is not positive, another order; for
            fewer hidden units than coordinates, when the flow is built.

    Reference: Durkan, Bekasov, Murray and Papamakarios (2019), "Neural spline flows"; Dolatabadi,
    Erfani and Leckie (2020), "Invertible generative modeling using linear rational splines".

    Example:
        >>> from pyro_activeinf.flows import NormalizingFlow
        >>> NormalizingFlow(3, 2, SplineAutoregressive(count_bins=4)).inverse(torch.zeros(3)).shape
        torch.Size([3])
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


@dataclass(frozen=True)
class NeuralAutoregressive(TransformKind):
    r"""Each coordinate goes through a monotonic network whose weights depend on those before it.

    .. math:: x_d = \sigma^{-1}\Bigl(\sum_k w_k\, \sigma(a_k z_d + b_k)\Bigr), \quad
        w, a, b = \theta_d(z_{1:d-1})

    Fast forward; there is no inverse. Any continuous density can be approached.

    Args:
        hidden_dims: units of each hidden layer of the network for w, a, b; at least as many as
            coordinates.
        width: number of units k of the monotonic network.

    Raises:
        ValueError: for a width below 1; for fewer hidden units than coordinates, when the flow is
            built.

    Reference: Huang, Krueger, Lacoste and Courville (2018), "Neural autoregressive flows", eq. 8.

    Example:
        >>> from pyro_activeinf.flows import NormalizingFlow
        >>> x, log_det = NormalizingFlow(2, 2, NeuralAutoregressive())(torch.zeros(5, 2))
        >>> log_det.shape
        torch.Size([5])
    """

    hidden_dims: Sequence[int] = (64, 64)
    width: int = 16
    invertible: ClassVar[bool] = False
    ordered: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the width."""
        positive_int("width", self.width)

    def network(self, dim: int, context_dim: int) -> nn.Module:
        """A masked network for slopes a, weights w and shifts b."""
        slopes, weights = torch.full((self.width,), ONE), torch.zeros(self.width)
        shifts = torch.linspace(-0.25, 0.25, self.width)
        start = torch.cat([slopes, weights, shifts])
        return autoregressive(dim, context_dim, self.hidden_dims, [self.width] * 3, start)

    def transform(self, network: nn.Module, context: Tensor | None) -> Transform:
        """Pyro's transform, without the 1e-8 that its determinant (alone) adds to each slope."""
        transform = transforms.NeuralAutoregressive(given(network, context), self.width)
        transform.eps = 0.0
        return transform
