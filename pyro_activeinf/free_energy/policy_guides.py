"""Variational free energy of a policy guide: planning as inference, for any filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.poutine.util import site_is_subsample
from torch import Tensor

from .. import ops
from .._checks import complain, positive_int
from ..compile.enumerate import HANDLERS
from ..filters import Filter
from ..records import ALL_TERMS, Belief, step_of
from .policies import score_policies

LogPrior = Callable[[Tensor], Tensor]  # (*batch, policies, time, *event) -> (*batch, policies)


@dataclass(frozen=True)
class PolicyFreeEnergy:
    """Draws of policies, and what each of them adds to the free energy of their guide, in nats.

    The leading dims are the particles, and a plate of the guide's own (restarts; size 1 without).
    """

    policies: Tensor  # (particles, lead, *batch, time, *event)
    cost: Tensor  # (particles, lead, *batch): gamma G(u) - log p(u)
    log_probs: Mapping[str, Tensor]  # of each site of the guide: (particles, lead, *batch)
    values: Mapping[str, Tensor]  # of each site of the guide: (particles, lead, *batch, *event)
    reparameterized: bool

    @property
    def log_prob(self) -> Tensor:
        """log q(u), ``(particles, lead, *batch)``."""
        return sum(self.log_probs.values(), torch.zeros_like(self.cost))

    @property
    def value(self) -> Tensor:
        """The free energy, estimated from the particles, ``(lead, *batch)``."""
        return (self.log_prob + self.cost).mean(0)

    @property
    def surrogate(self) -> Tensor:
        """What to differentiate: its gradient is an estimate of that of :attr:`value`."""
        if self.reparameterized:
            return self.value.sum()
        return (self._advantage() * self.log_prob).mean(0).sum()

    def _advantage(self) -> Tensor:
        """How much worse a particle is than the others are on average: a score to learn by."""
        each = (self.log_prob + self.cost).detach()
        count = len(each)
        return (each - each.mean(0)) * (count / (count - 1)) if count > 1 else each


def policy_free_energy(
    filter: Filter,
    guide: Callable[[Belief], Any],
    belief: Belief,
    *,
    log_prior: LogPrior | None = None,
    precision: float = 1.0,
    terms: frozenset[str] = ALL_TERMS,
    num_particles: int = 1,
    memory_limit: int = 2**30,
) -> PolicyFreeEnergy:
    r"""Free energy of a policy guide that is run on a belief.

    .. math::
        F[q] = E_{q(u)}[\log q(u_{1:H}) - \log p(u_{1:H}) + \gamma \, G(u_{1:H})]
             = KL[\, q(u) \,\|\, p(u) e^{-\gamma G(u)} / Z \,] - \log Z

    At its minimum over all q the guide is the policy posterior. The guide is a Pyro program; it
    samples one site ``policy`` of shape ``(*batch, time, *event)``, or a site ``action_t`` for each
    step ``t = belief.step, ..`` (and whatever else it needs). It is run once, with the particles in
    a plate; it may have one more plate to the left of the batch. Gradients pass through the filter
    where actions are reparameterized, and otherwise are those of the score function, with the mean
    of the other particles as baseline.

    Args:
        filter: that scores the policies.
        guide: a Pyro program, called with the belief.
        belief: where policies start, ``(*batch)``.
        log_prior: log p(u), ``(*batch, policies, time, *event)`` to ``(*batch, policies)``; uniform
            (0) by default.
        precision: gamma.
        terms: which of ``pragmatic``, ``epistemic``, ``novelty`` count.
        num_particles: draws of the guide; two or more where it is not reparameterized.
        memory_limit: bytes that scoring may take at a time.

    Raises:
        ValueError: for a guide that samples neither ``policy`` nor ``action_t``; where actions are
            reparameterized, and G changes with them but has no gradient.

    Reference: Levine (2018), "Reinforcement learning and control as probabilistic inference", sec.
    3; Kool, van Hoof and Welling (2019) for the baseline.
    """
    sites = _run(guide, belief, positive_int("num_particles", num_particles))
    policies = _policies(sites, filter)
    batch = len(belief.batch_shape)
    lead = (num_particles, policies.shape[1], *belief.batch_shape)
    policies = policies.expand(*lead, *policies.shape[len(lead) :])
    rows = policies.flatten(0, 1).movedim(0, batch)  # (*batch, policies, time, *event)
    scored = score_policies(filter, belief, rows, memory_limit).select(terms).sum(-1)
    if rows.requires_grad:
        _require_slope(filter, scored)
    cost = ops.weighed(scored, precision)
    if log_prior is not None:
        cost = cost - log_prior(rows)
    return PolicyFreeEnergy(
        policies,
        cost.movedim(batch, 0).unflatten(0, lead[:2]),
        {name: site["log_prob"].expand(lead) for name, site in sites.items()},
        {name: site["value"] for name, site in sites.items()},
        all(site["fn"].has_rsample for site in sites.values()),
    )


def _run(guide: Callable[[Belief], Any], belief: Belief, particles: int) -> dict[str, Any]:
    """The latent sites of the guide, run once for all particles."""
    with HANDLERS, pyro.plate("particles", particles, dim=-len(belief.batch_shape) - 2):
        trace = poutine.trace(guide).get_trace(belief)
    trace.compute_log_prob()
    sites = {name: trace.nodes[name] for name in trace.stochastic_nodes}
    return {name: site for name, site in sites.items() if not site_is_subsample(site)}


def _require_slope(filter: Filter, scored: Tensor) -> None:
    """Refuse G ``(*batch, policies)`` that changes with policies, and has no gradient in them."""
    if scored.requires_grad or not scored.numel():
        return
    spread = scored.amax(-1) - scored.amin(-1)
    if bool((spread > 1e-5 * (1 + scored.abs().amax(-1))).any()):
        raise ValueError(
            complain(
                "filter",
                "one whose G is differentiable in real-valued actions",
                f"no gradient through the beliefs of a {type(filter).__name__}",
                "Draws of discrete states have no gradient; CrossEntropy plans without any.",
            )
        )


def _policies(sites: Mapping[str, Any], filter: Filter) -> Tensor:
    """Values of the policies, ``(particles, lead, *batch, time, *event)``."""
    if "policy" in sites:
        return sites["policy"]["value"]
    event = len(getattr(filter.actions, "shape", None) or ())
    steps = {name: step_of(name) for name in sites if name.startswith("action_")}
    found = sorted((step, name) for name, step in steps.items() if step is not None)
    if not found:
        raise ValueError(
            complain(
                "guide",
                "a site 'policy', or sites 'action_t', t = belief.step, ..",
                f"sites {list(sites)}",
            )
        )
    return torch.stack([sites[name]["value"] for _, name in found], -1 - event)
