"""What a network ends in: a distribution over the values of a site, with or without a flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .._checks import complain
from ..flows import NormalizingFlow
from .sites import Quantity, Real


class Head(nn.Module):
    """A linear layer whose outputs are the parameters of a distribution."""

    def __init__(self, kind: Quantity, width: int) -> None:
        super().__init__()
        self.kind = kind
        self.linear = nn.Linear(width, kind.numbers)

    def forward(self, inputs: Tensor) -> Any:
        """The distribution, for features ``(*batch, width)``."""
        return self.kind.distribution(self.linear(inputs))


class FlowHead(nn.Module):
    """A Gaussian that a flow makes more of; a conditional flow is given a context as well."""

    def __init__(self, kind: Quantity, width: int, flow: NormalizingFlow) -> None:
        super().__init__()
        self.kind, self.base, self.flow = kind, Head(kind, width), flow
        self.context = nn.Linear(width, flow.context_dim) if flow.context_dim else None

    def forward(self, inputs: Tensor) -> Any:
        """The distribution, for features ``(*batch, width)``."""
        base = self.base(inputs)
        if self.context is None:
            return self.flow.distribution(base)
        return self.flow.condition(self.context(inputs)).distribution(base)


def heads(kinds: Sequence[Quantity], width: int, flow: NormalizingFlow | None) -> nn.ModuleList:
    """A head for each site; each is also given the features of the sites before it.

    Raises:
        ValueError: where no site, or more than one, fits the flow.
    """
    bent = None if flow is None else _site_for(flow, kinds)
    found = nn.ModuleList()
    for kind in kinds:
        if flow is not None and kind is bent:
            found.append(FlowHead(kind, width, flow))
        else:
            found.append(Head(kind, width))
        width += kind.width
    return found


def _site_for(flow: NormalizingFlow, kinds: Sequence[Quantity]) -> Quantity:
    """The one site that a flow can be for."""
    real = [kind for kind in kinds if isinstance(kind, Real) and kind.unbounded]
    fits = [kind for kind in real if kind.event == torch.Size([flow.dim])]
    if len(fits) != 1:
        raise ValueError(
            complain(
                "flow",
                f"one real state site of shape ({flow.dim},)",
                {kind.name: tuple(kind.event) for kind in real} or "no real site",
                "Give the flow the length of the site as its `dim`.",
            )
        )
    return fits[0]
