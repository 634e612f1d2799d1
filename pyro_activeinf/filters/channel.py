"""What a level below makes of the sites that it is set by."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import ops
from ..compile import Tables
from .joint import log_likelihood


@dataclass(frozen=True)
class Channel:
    r"""Reports r of a level below about the sites c that it begins with.

    .. math:: p(r|x) = \sum_c p(c|x) \, p(r|c)

    What two courses of events below tell alike about c is one report.
    """

    sites: tuple[str, ...]  # the names of c
    probs: Tensor  # (values of c, reports): p(r | c)
    worth: Tensor  # (values of c): expected log-preference of all that is seen below, in nats

    def values(self, tables: Tables) -> Tensor:
        """p(c | x) of each joint state above, ``(states, values)``."""
        return log_likelihood(tables, self.sites).exp().flatten(1)

    def reports(self, tables: Tables) -> Tensor:
        """p(r | x), ``(states, reports)``."""
        shown = self.values(tables)
        return shown @ self.probs.to(shown)

    def joint(self, tables: Tables) -> Tensor:
        """p(o, r | x) with all sites o that do not stand for the level below, ``(states, all)``."""
        others = [site.name for site in tables.outcomes if site.name not in self.sites]
        both = log_likelihood(tables, [*others, *self.sites]).exp()
        each = both.reshape(len(both), -1, len(self.probs))
        return (each @ self.probs.to(both)).flatten(1)

    def preferred(self, tables: Tables) -> tuple[Tensor, Tensor]:
        """Expected worth in each joint state, and the mass of what is forbidden below."""
        shown = self.values(tables)
        allowed = (self.worth > -math.inf).to(shown.device)
        finite = torch.where(allowed, self.worth.to(shown), 0.0)
        return shown @ finite, shown @ (~allowed).to(shown)


def merged(log_joint: Tensor) -> Tensor:
    """p(h | c) of courses h that tell the same of c, added up: ``(values, reports)``.

    Args:
        log_joint: log p(h | c), ``(values, courses)``.

    Example:
        >>> found = merged(torch.tensor([[0.2, 0.4, 0.4], [0.1, 0.2, 0.7]]).log())
        >>> [[round(p, 4) for p in row] for row in found.tolist()]
        [[0.4, 0.6], [0.7, 0.3]]
    """
    total = ops.logsumexp(log_joint, 0)
    kept = log_joint[:, total > -math.inf]
    told = (kept - total[total > -math.inf]).exp()
    _, which = torch.unique(told.detach().double().round(decimals=9), dim=1, return_inverse=True)
    found = kept.new_zeros(len(kept), int(which.max()) + 1)
    return found.index_add(1, which, kept.exp())
