"""The Sylvester step: planar ones along several orthogonal directions at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pyro.distributions.transforms.householder import ConditionedHouseholder
from torch import Tensor, nn

from .._checks import positive_int
from .kind import StepKind
from .layer import Layer
from .networks import SMALL, numbers


class SylvesterLayer(Layer):
    """Rotate, move by a triangular network, rotate back.

    Pyro's own transform multiplies the matrices in another order, for which its log-determinant
    does not hold unless they are nearly 0.
    """

    invertible = False

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One pass."""
        u, r, s, b = self.network(context)
        r, s, rotation = _triangular(r), _triangular(s), ConditionedHouseholder(u)
        active = torch.tanh(_product(s, rotation.inv(z)) + b)
        slopes = (1.0 - active**2) * r.diagonal(dim1=-2, dim2=-1) * s.diagonal(dim1=-2, dim2=-1)
        return z + rotation(_product(r, active)), torch.log1p(slopes).sum(-1)

    def inverse(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """There is none.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("A Sylvester step has no inverse in closed form.")


def _triangular(matrix: Tensor) -> Tensor:
    """Upper triangular, with a diagonal between -1 and 1."""
    diagonal = torch.tanh(matrix.diagonal(dim1=-2, dim2=-1))
    return matrix.triu(1) + torch.diag_embed(diagonal)


def _product(matrix: Tensor, vector: Tensor) -> Tensor:
    return (vector.unsqueeze(-2) @ matrix.mT).squeeze(-2)


@dataclass(frozen=True)
class Sylvester(StepKind):
    r"""What a planar step does along one direction, along as many as there are coordinates.

    .. math:: x = z + Q R \tanh(S Q^\top z + b), \qquad
        \log |\det J| = \sum_i \log(1 + R_{ii} S_{ii} (1 - \tanh^2(S Q^\top z + b)_i))

    with R and S upper triangular, diagonals between -1 and 1, and Q a product of reflections.
    Cheap forward; there is no inverse.

    Args:
        reflections: number of reflections in Q.
        hidden_dims: units of the network that reads the context, where there is one.

    Raises:
        ValueError: for a number of reflections below 1.

    Reference: van den Berg, Hasenclever, Tomczak and Welling (2018), "Sylvester normalizing flows
    for variational inference", eqs. 9-13.

    Example:
        >>> from pyro_activeinf.flows import NormalizingFlow
        >>> x, log_det = NormalizingFlow(2, 8, Sylvester())(torch.zeros(5, 2))
        >>> log_det.shape
        torch.Size([5])
    """

    reflections: int = 2
    hidden_dims: Sequence[int] = (64, 64)
    invertible: ClassVar[bool] = False
    ordered: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the number of reflections."""
        positive_int("reflections", self.reflections)

    def layer(self, dim: int, context_dim: int) -> SylvesterLayer:
        """Random reflections; small R and S."""
        u = torch.randn(self.reflections, dim)
        r, s = torch.randn(2, dim, dim).mul(dim**-0.5).unbind()
        start = [u, 3 * SMALL * r, s, torch.zeros(dim)]
        return SylvesterLayer(numbers(start, context_dim, self.hidden_dims))
