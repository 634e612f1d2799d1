"""Flows that were built, and perhaps trained, with zuko."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import nn
from torch.distributions import Distribution

from .._checks import complain
from .flow import NormalizingFlow
from .kind import Kind
from .layer import Layer
from .zuko_kinds import ZukoLayer, load


@dataclass(frozen=True, eq=False)
class ZukoTransforms(Kind):
    """Transforms that exist already, from values to the base."""

    transforms: list[nn.Module] = field(repr=False)
    invertible: ClassVar[bool] = True

    def layers(self, dim: int, length: int, context_dim: int) -> list[Layer]:
        """A layer around each of them, the last first."""
        return [ZukoLayer(transform) for transform in reversed(self.transforms)]


def from_zuko(flow: Any, context_dim: int = 0) -> NormalizingFlow:
    """The same flow behind our interface; its modules are shared, not copied.

    Any flow of zuko over a standard normal base will do: ``zuko.flows.NSF(dim, context_dim)``,
    ``MAF``, ``NAF``, ``UNAF``, .. Those without an inverse in closed form sample by bisection.

    Args:
        flow: a ``zuko.lazy.Flow``.
        context_dim: length of the context that it was built for; 0 for none.

    Raises:
        TypeError: for what is no flow of zuko.
        ValueError: for a flow over another base.
        ImportError: where zuko is not installed.

    Reference: Rozet et al. (2022), "Zuko: normalizing flows in PyTorch".

    Example:
        >>> import torch
        >>> zuko = load()
        >>> flow = from_zuko(zuko.flows.NSF(2, transforms=3))
        >>> flow.length, flow.inverse(torch.zeros(5, 2)).shape
        (3, torch.Size([5, 2]))
    """
    zuko = load()
    if not isinstance(flow, zuko.lazy.Flow):
        raise TypeError(complain("flow", "a flow of zuko", type(flow).__name__))
    transforms = [*getattr(flow.transform, "transforms", [flow.transform])]
    dim = _dim_of(flow.base(None))
    return NormalizingFlow(dim, len(transforms), ZukoTransforms(transforms), context_dim)


def _dim_of(base: Distribution) -> int:
    normal = getattr(base, "base_dist", None)
    loc, scale = getattr(normal, "loc", None), getattr(normal, "scale", None)
    if loc is None or scale is None or bool((loc != 0).any()) or bool((scale != 1).any()):
        raise ValueError(complain("flow", "a flow over a standard normal base", repr(base)))
    return int(base.event_shape[0])
