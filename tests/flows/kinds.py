"""Every kind of flow, by name; and flows that are far from the identity."""

from __future__ import annotations

import torch
from torch import Tensor

from pyro_activeinf import flows
from pyro_activeinf.flows.conditioned import ConditionedFlow
from pyro_activeinf.flows.names import KINDS

VARIANTS: dict[str, flows.Kind] = {
    "inverse of an affine autoregression": flows.Inverse(flows.AffineAutoregressive()),
    "inverse of a spline autoregression": flows.Inverse(flows.SplineAutoregressive()),
    "linear rational splines": flows.SplineCoupling(order="linear", count_bins=4),
    "linear splines of coordinates": flows.Spline(order="linear", bound=2.0, count_bins=4),
    "zuko in two passes": flows.ZukoSplineAutoregressive(passes=2),
}
EVERY: dict[str, flows.Kind] = {name: make() for name, make in KINDS.items()} | VARIANTS
INVERTIBLE = {name: kind for name, kind in EVERY.items() if kind.invertible}
OTHERS = {name: kind for name, kind in EVERY.items() if not kind.invertible}


def shaken(
    kind: flows.Kind | str, dim: int = 3, length: int = 3, context_dim: int = 0, by: float = 0.1
) -> flows.NormalizingFlow:
    """A flow as after some training."""
    flow = flows.NormalizingFlow(dim, length, kind, context_dim)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return flow


def either(
    kind: flows.Kind | str, context_dim: int, batch: int = 4
) -> flows.NormalizingFlow | ConditionedFlow:
    """The flow itself, or for a batch of contexts."""
    flow = shaken(kind, context_dim=context_dim)
    return flow.condition(torch.randn(batch, context_dim)) if context_dim else flow


def jacobians(flow: flows.NormalizingFlow | ConditionedFlow, z: Tensor) -> Tensor:
    """By automatic differentiation, ``(batch, dim, dim)``; each point depends on itself alone."""
    found = torch.autograd.functional.jacobian(lambda z: flow.forward(z)[0], z)
    return torch.stack([found[i, :, i] for i in range(len(z))])
