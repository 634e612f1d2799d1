"""What the steps of a flow are: abstract kinds, and the layer that runs a transform of Pyro."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.distributions import Transform

from .._checks import complain
from .layer import InverseLayer, Layer, ReversedLayer


class Kind(ABC):
    """What the steps of a flow do; an object that builds the layers.

    Attributes:
        invertible: whether ``inverse`` exists (in closed form or in as many passes as coordinates).
    """

    invertible: ClassVar[bool]

    @abstractmethod
    def layers(self, dim: int, length: int, context_dim: int) -> list[Layer]:
        """The steps of a flow.

        Args:
            dim: number of coordinates.
            length: number of steps.
            context_dim: length of the context; 0 where there is none.

        Raises:
            ValueError: where there are no such steps for so many coordinates.
        """


class StepKind(Kind):
    """A kind all of whose steps are alike.

    Attributes:
        ordered: whether the order of the coordinates matters; every other layer then sees them
            reversed.
    """

    ordered: ClassVar[bool]

    @abstractmethod
    def layer(self, dim: int, context_dim: int) -> Layer:
        """One step, near the identity.

        Raises:
            ValueError: where there is no such step for so many coordinates.
        """

    def layers(self, dim: int, length: int, context_dim: int) -> list[Layer]:
        """So many steps, each with parameters of its own."""
        steps = [self.layer(dim, context_dim) for _ in range(length)]
        if not self.ordered:
            return steps
        return [ReversedLayer(step) if index % 2 else step for index, step in enumerate(steps)]


class TransformKind(StepKind):
    """A kind whose layers run a transform of ``pyro.distributions.transforms``."""

    @abstractmethod
    def network(self, dim: int, context_dim: int) -> nn.Module:
        """All that has parameters."""

    @abstractmethod
    def transform(self, network: nn.Module, context: Tensor | None) -> Transform:
        """A new transform that uses the network, for one call."""

    def layer(self, dim: int, context_dim: int) -> TransformLayer:
        """A layer with a network of its own."""
        return TransformLayer(self, self.network(dim, context_dim))


class TransformLayer(Layer):
    """A transform of Pyro, made anew for each call.

    Transforms of Pyro remember their last input, output and log-determinant. One that is made for
    a single call can remember nothing that a later step of an optimizer makes wrong.
    """

    def __init__(self, kind: TransformKind, network: nn.Module) -> None:
        super().__init__()
        self.kind, self.network, self.invertible = kind, network, kind.invertible

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Transform."""
        return apply(self.kind.transform(self.network, context), z)

    def inverse(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Transform back."""
        return apply_inverse(self.kind.transform(self.network, context), x)


def apply(transform: Transform, z: Tensor) -> tuple[Tensor, Tensor]:
    """Image and log-determinant ``(*batch,)`` of a transform that was made for this call."""
    x = transform(z)
    return x, _total(transform, transform.log_abs_det_jacobian(z, x))


def apply_inverse(transform: Transform, x: Tensor) -> tuple[Tensor, Tensor]:
    """Preimage and log-determinant ``(*batch,)`` of a transform that was made for this call."""
    z = transform.inv(x)
    return z, _total(transform, transform.log_abs_det_jacobian(z, x))


def _total(transform: Transform, log_det: Tensor) -> Tensor:
    return log_det if transform.domain.event_dim else log_det.sum(-1)


@dataclass(frozen=True)
class Inverse(StepKind):
    r"""Another kind run backward: what was slow is fast, and what was fast is slow.

    .. math:: x = f^{-1}(z), \qquad
        \log |\det \partial x / \partial z| = -\log |\det \partial f(x) / \partial x|

    An autoregressive kind samples in one pass and scores foreign values in as many passes as there
    are coordinates; its inverse does the opposite (Papamakarios et al., 2017, "Masked
    autoregressive flow for density estimation", section 3).

    Args:
        kind: a kind that is invertible.

    Raises:
        ValueError: for a kind without an inverse, or none at all.

    Example:
        >>> import torch
        >>> from pyro_activeinf.flows import AffineAutoregressive, NormalizingFlow
        >>> flow = NormalizingFlow(2, 3, Inverse(AffineAutoregressive()))
        >>> x, log_det = flow(torch.zeros(5, 2))
        >>> x.shape, log_det.shape
        (torch.Size([5, 2]), torch.Size([5]))
    """

    kind: StepKind
    invertible: ClassVar[bool] = True
    ordered: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse a kind that has no inverse."""
        if not (isinstance(self.kind, StepKind) and self.kind.invertible):
            expected = "a kind of step that has an inverse, such as flows.SplineAutoregressive()"
            raise ValueError(complain("kind", expected, repr(self.kind)))

    def layer(self, dim: int, context_dim: int) -> InverseLayer:
        """A layer of the other kind, run backward."""
        return InverseLayer(self.kind.layer(dim, context_dim))
