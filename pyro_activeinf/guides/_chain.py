"""Joint posteriors of discrete sites, sampled one site after the other."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import pyro
import torch
from torch import Tensor

from .. import ops
from ..compile import Site, Tables
from ..filters.joint import linked_sites, log_likelihood, outcome_sites
from ..filters.likelihood import weigh
from ..filters.products import picked
from ..models.series import Observed
from .finite import Settled


def sample_chain(
    sites: Sequence[Site], log_joint: Tensor, random: Collection[str]
) -> tuple[dict[str, Tensor], Tensor]:
    r"""Sample sites by the chain rule, :math:`q(x) = \prod_i q(x_i | x_{<i})`.

    Args:
        sites: in the order in which the joint values are flattened, the last varying fastest.
        log_joint: ``(*batch, joint values)``, normalized or not.
        random: names of the sites to sample; the others are certain, given those before.

    Returns:
        The values that were sampled, and the index of the joint value, ``(*batch)``.
    """
    values: dict[str, Tensor] = {}
    joint = torch.zeros((), dtype=torch.long, device=log_joint.device)
    for i, site in enumerate(sites):
        later = math.prod(other.size for other in sites[i + 1 :])
        rows = log_joint.unflatten(-1, (site.size, later))
        logits = ops.logsumexp(rows, -1)
        if site.name in random:
            values[site.name] = pyro.sample(site.name, Settled(logits, site))
            index = site.index(values[site.name])
        else:
            index = logits.argmax(-1)
        log_joint = picked(rows, index)
        joint = joint * site.size + index
    return values, joint


class HiddenOutcomes:
    """Observation sites that are missing while the likelihood of others depends on them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._groups = linked_sites(tables)

    def sample(
        self,
        state: Tensor,
        observed: Mapping[str, Observed],
        hidden: Collection[str],
        random: Collection[str],
    ) -> None:
        """Sample ``hidden`` sites given the joint index of the state and what was observed."""
        for group in self._groups:
            names = [name for name in group if name in hidden]
            if names:
                rows = self._posterior(group, names, observed)
                sample_chain(outcome_sites(self._tables, names), picked(rows, state), random)

    def _posterior(
        self, group: Sequence[str], names: Sequence[str], observed: Mapping[str, Observed]
    ) -> Tensor:
        """log p(hidden, observed | s) of linked sites: ``(*batch, states, hidden values)``."""
        order = [*names, *(name for name in group if name not in names)]
        sites = outcome_sites(self._tables, order)
        total = log_likelihood(self._tables, order)  # (states, *sizes)
        for i, site in enumerate(sites):
            if site.name in observed:
                weights = weigh(site, observed[site.name].values).to(total)
                shape = [1] * (1 + len(sites))
                shape[1 + i] = site.size
                total = total + weights.reshape(*weights.shape[:-1], *shape)
        states = -1 - len(sites)
        hidden = math.prod(site.size for site in sites[: len(names)])
        flat = total.reshape(*total.shape[:states], total.shape[states], hidden, -1)
        return ops.logsumexp(flat, -1)
