"""F, split by its derivatives: it is linear in the scales of its sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pyro.ops.provenance import detach_provenance
from torch import Tensor

from .._checks import complain
from ..records import FreeEnergyTerms
from ._items import KeptItems
from ._reading import Reading, Site


def decomposed(
    elbo: Any, model: Any, guide: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> FreeEnergyTerms:
    r"""Complexity and accuracy of each site.

    With a scale w for the log-probabilities of each site, every sampled, analytic or enumerated
    form of F is a sum of w times a term, so that its derivative is that term:

    .. math:: C_s = \partial F / \partial w_s, \qquad A_o = -\partial F / \partial w_o
    """
    scales, items = _Scales(), KeptItems()
    reading = Reading(scales.of, within=items.paused)
    with torch.enable_grad(), items:
        value = detach_provenance(elbo.loss(*reading.of(model, guide), *args, **kwargs))
    terms = scales.terms(value)
    if not scales.explain(value, terms.total):
        raise ValueError(
            complain(
                "elbo",
                "one whose value is a sum over sites",
                type(elbo).__name__,
                "Decompose under Trace_ELBO, TraceMeanField_ELBO, TraceGraph_ELBO or "
                "TraceEnum_ELBO.",
            )
        )
    return terms


class _Scales:
    """A one for each site, to differentiate by."""

    def __init__(self) -> None:
        self.latent: dict[str, Tensor] = {}
        self.observed: dict[str, Tensor] = {}

    def of(self, site: Site) -> Tensor | None:
        """The one scale of a site, in guide and model; None where nothing is scored."""
        if site.message["infer"].get("_deterministic"):
            return None
        known = self.latent if site.is_latent else self.observed
        return known.setdefault(site.term, torch.ones((), requires_grad=True))

    def terms(self, value: Any) -> FreeEnergyTerms:
        """Terms of F of this value; a site that is summed out of the model has none of its own."""
        complexity = _slopes(value, self.latent)
        accuracy = {site: -slope for site, slope in _slopes(value, self.observed).items()}
        zero = torch.zeros(())
        return FreeEnergyTerms(
            sum(complexity.values(), zero), sum(accuracy.values(), zero), accuracy, complexity
        )

    def explain(self, value: Any, total: Tensor) -> bool:
        """Whether this value is the total of its terms, and not by chance."""
        if not (self.latent or self.observed):
            return True
        if not value.requires_grad:
            return False
        value = value.detach().to(total)
        return bool(torch.isclose(value, total, rtol=1e-3, atol=1e-3, equal_nan=True))


def _slopes(value: Any, scales: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if not (scales and torch.is_tensor(value) and value.requires_grad):
        return {}
    slopes = torch.autograd.grad(value, [*scales.values()], retain_graph=True, allow_unused=True)
    return {site: slope for site, slope in zip(scales, slopes, strict=True) if slope is not None}
