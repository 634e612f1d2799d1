"""Nats that the complexity of a site may have for free."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pyro.distributions as dist
import torch
from pyro.infer import ELBO, RenyiELBO, TraceEnum_ELBO
from torch import Tensor
from torch.distributions import Independent

from .._checks import complain, nonnegative
from ._reading import Message, Site
from ._weights import named

Bits = float | Mapping[str, float]
PARTICLES = "num_particles_vectorized"  # Pyro's plate of particles


def checked_bits(bits: object, elbo: ELBO) -> Bits:
    """Return free bits that this ELBO can count, else raise."""
    if isinstance(elbo, RenyiELBO):
        raise ValueError(
            complain(
                "free_bits",
                "an ELBO with a complexity to be held up",
                "a RenyiELBO, which has none",
                "Take Trace_ELBO, TraceMeanField_ELBO, TraceGraph_ELBO or TraceEnum_ELBO.",
            )
        )
    if isinstance(bits, Mapping):
        return {site: nonnegative(f"free_bits of {site}", nats) for site, nats in bits.items()}
    return nonnegative("free_bits", bits)  # type: ignore[arg-type]


class Floors:
    r"""The complexity of a site counts with at least its free bits.

    .. math:: \max(\lambda_s, C_s) = C_s + \mathrm{relu}(\lambda_s - C_s)

    C is the derivative of the loss by the site's scale: the same estimate, sampled, analytic or
    enumerated, that the loss itself is made of.
    """

    def __init__(self, bits: Bits, elbo: ELBO) -> None:
        self.bits = bits
        self.takes_scores = isinstance(elbo, TraceEnum_ELBO)
        self.nats: dict[str, float] = {}
        self.floors: dict[str, Tensor] = {}
        self.scales: dict[str, Tensor] = {}

    def scale(self, site: Site) -> Tensor | None:
        """A one to differentiate by, for a site that has free bits; the guide comes first."""
        if not site.is_latent:
            return None
        if site.in_guide and not site.message["is_observed"]:
            self._admit(site)
        return self.scales.get(site.term)

    def settle(self, site: Site) -> None:
        """Set the floor of a site, whose scale and plates are known now."""
        if site.in_guide and site.term in self.scales:
            self.floors[site.term] = self.nats[site.term] * _members(site.message)

    def raised(self, loss: Tensor) -> Tensor:
        """The loss with each complexity at its floor or above."""
        if not self.scales:
            return loss
        sites = [*self.scales]
        slopes = torch.autograd.grad(loss, [self.scales[s] for s in sites], create_graph=True)
        lacks = [torch.relu(self.floors[s].to(c) - c) for s, c in zip(sites, slopes, strict=True)]
        return loss + torch.stack(lacks).sum()

    def _admit(self, site: Site) -> None:
        fn = site.message["fn"]
        if not (self.takes_scores or getattr(fn, "has_rsample", False)):
            raise ValueError(
                complain(
                    "free_bits",
                    "a guide whose sites are all reparameterized (has_rsample)",
                    f"{type(fn).__name__} at site {site.name!r}",
                    "Under TraceEnum_ELBO any site can have free bits.",
                )
            )
        nats = named(self.bits, site.term) if isinstance(self.bits, Mapping) else self.bits
        own = not site.is_auxiliary or site.term != site.name
        if nats is None or not own or site.term in self.scales:
            return
        if _is_point(fn):
            raise ValueError(
                complain(
                    "free_bits",
                    "a distribution of its own for each site of the guide",
                    f"a point (Delta) at site {site.name!r}",
                    "Leave the site out: free_bits={site: nats}. An auto-guide that draws all "
                    "sites jointly has one complexity for them all.",
                )
            )
        self.nats[site.term] = nats
        self.scales[site.term] = torch.ones((), requires_grad=True)


def _is_point(fn: object) -> bool:
    while isinstance(fn, Independent):
        fn = fn.base_dist
    return isinstance(fn, dist.Delta)


def _members(message: Message) -> Tensor:
    """How many members of plates a site stands for: those subsampled away count, masked do not."""
    frames = [f for f in message["cond_indep_stack"] if f.vectorized and f.name != PARTICLES]
    mask = True if message["mask"] is None else message["mask"]
    share = torch.as_tensor(message["scale"] * mask, dtype=torch.get_default_dtype())
    return share.detach().mean() * math.prod(f.size for f in frames)
