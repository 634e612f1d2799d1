"""A Gaussian belief over all state sites together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from ..compile import Layout
from ..records import Belief, FreeEnergyTerms


@dataclass(frozen=True)
class GaussianEvidence:
    """What an update of a Gaussian belief has found."""

    free_energy: Tensor  # (*batch): -log p(o_t | o_{<t}), in nats
    accuracy: Mapping[str, Tensor]  # of each observation site: (*batch)


@dataclass(frozen=True)
class GaussianBelief(Belief):
    """q(s_t), one Gaussian over the state sites laid out in a vector.

    Example:
        >>> layout = Layout({"x": torch.Size([]), "v": torch.Size([])})
        >>> belief = GaussianBelief(0, layout, torch.tensor([1.0, 2.0]), torch.eye(2))
        >>> belief.marginals["v"].mean.item()
        2.0
    """

    layout: Layout
    mean: Tensor  # (*batch, n)
    cov: Tensor  # (*batch, n, n)
    evidence: GaussianEvidence | None = field(default=None, repr=False)

    @property
    def batch_shape(self) -> torch.Size:
        """Shape of the batch of beliefs."""
        return self.mean.shape[:-1]

    @property
    def free_energy(self) -> Tensor:
        """F of the last update in nats, ``(*batch)``: -log p(o_t | o_{<t})."""
        if self.evidence is None:
            return self.mean.new_zeros(self.batch_shape)
        return self.evidence.free_energy

    @cached_property
    def terms(self) -> FreeEnergyTerms:
        """Complexity and accuracy of the last update in nats, each ``(*batch)``.

        Where programs are linear, complexity is the divergence from the predicted belief.
        """
        zero = self.mean.new_zeros(self.batch_shape)
        if self.evidence is None:
            return FreeEnergyTerms(zero, zero)
        accuracy = sum(self.evidence.accuracy.values(), zero)
        complexity = self.evidence.free_energy + accuracy
        return FreeEnergyTerms(complexity, accuracy, dict(self.evidence.accuracy))

    @cached_property
    def marginals(self) -> dict[str, Distribution]:
        """A ``Normal`` or ``MultivariateNormal`` for each state site, ``(*batch)``.

        Sites of more than one event dim are flattened.
        """
        found: dict[str, Distribution] = {}
        for name, span in self.layout.spans.items():
            loc, cov = self.mean[..., span], self.cov[..., span, span]
            if not self.layout.events[name]:
                variance = cov[..., 0, 0].clamp(min=torch.finfo(cov.dtype).tiny)
                found[name] = dist.Normal(loc[..., 0], variance.sqrt())
            else:
                found[name] = dist.MultivariateNormal(loc, scale_tril=factor(cov))
        return found

    def sample(self, n: int | Sequence[int] = ()) -> dict[str, Tensor]:
        """Draw states jointly: site to tensor ``(*n, *batch, *event)``."""
        shape = (n,) if isinstance(n, int) else tuple(n)
        noise = torch.randn(*shape, *self.mean.shape, dtype=self.mean.dtype)
        noise = noise.to(self.mean.device).unsqueeze(-1)
        return self.layout.split(self.mean + (factor(self.cov) @ noise).squeeze(-1))

    def _map(self, move: Callable[[Tensor, int], Tensor]) -> GaussianBelief:
        evidence = self.evidence
        if evidence is not None:
            accuracy = {name: move(value, 0) for name, value in evidence.accuracy.items()}
            evidence = GaussianEvidence(move(evidence.free_energy, 0), accuracy)
        return replace(self, mean=move(self.mean, 1), cov=move(self.cov, 2), evidence=evidence)


def factor(cov: Tensor) -> Tensor:
    """A lower triangular factor of covariances ``(*batch, n, n)``, also where some are singular.

    A tiny multiple of the largest variance is added to those that have no factor as they are.
    """
    found, info = torch.linalg.cholesky_ex(cov)
    if not bool(info.any()):
        return found
    size = cov.diagonal(dim1=-2, dim2=-1).amax(-1).clamp(min=torch.finfo(cov.dtype).tiny)
    eye = torch.eye(cov.shape[-1], dtype=cov.dtype, device=cov.device)
    slack = (math.sqrt(torch.finfo(cov.dtype).eps) * size)[..., None, None] * eye
    widened = torch.where((info > 0)[..., None, None], cov + slack, cov)
    return torch.linalg.cholesky(widened)
