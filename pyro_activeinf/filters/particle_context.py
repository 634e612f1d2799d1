"""A particle filter as a level of a hierarchy: a swarm of particles for each hypothesis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .._checks import by_site, complain, known_names
from ..compile import Site, control_sizes
from .bank_context import either
from .context import FiniteContext, Link, clamped, per_value, weighed
from .particle import ParticleFilter
from .particle_belief import Lineage, ParticleBelief
from .particle_update import resampled


@dataclass(frozen=True)
class Swarms:
    """Particles for each value of c, and the evidence for it."""

    log_evidence: Tensor  # (*batch, values): an estimate of log p(o_{0:t} | c)
    belief: ParticleBelief  # (*batch, values)


class ParticleContext(FiniteContext[Swarms, ParticleBelief]):
    r"""The first state of a particle filter, as sites that another model predicts.

    A message is a swarm of particles for each joint value of c, as many as the filter has:

    .. math:: M_t[c, s_t] \approx \hat p(o_{0:t} | c) \sum_i w^i_t(c) \, \delta_{s^i_t(c)}

    What is seen at a step, and what a level below says of it, weighs the same particles each time
    that it changes; they are resampled when they move on. Evidence is estimated without bias.

    Args:
        filter: of the level; it proposes by the model's own transition.
        sites: state sites that the level above sets; what ``initial`` says of them is replaced.

    Raises:
        ValueError: for a filter with a guide, or a site that is no state of finitely many values.
    """

    def __init__(self, filter: ParticleFilter, sites: Sequence[str]) -> None:
        if filter.guide is not None:
            expected = "none in a level of a hierarchy, whose evidence comes in parts"
            raise ValueError(complain("guide", expected, repr(filter.guide)))
        finite = {name: kind.site for name, kind in filter.state_kinds.items() if kind.site}
        known_names("sites", sites, list(finite))
        self.filter, self.names = filter, tuple(sites)
        self._sites = tuple(finite[name] for name in self.names)

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites, in the order of their names."""
        return self._sites

    def start(self, batch_shape: tuple[int, ...] = ()) -> Swarms:
        """Draws of p(s_0 | c) for each c."""
        pairs = zip(self._sites, clamped(self._sites), strict=True)
        values = {site.name: site.support[index] for site, index in pairs}
        belief = self.filter.given(values, (*batch_shape, self.size))
        return Swarms(belief.log_weights.new_zeros(belief.batch), belief)

    def move(self, message: Swarms, action: Any = None) -> Swarms:
        """Swarms that have degenerated are resampled, and all particles moved."""
        belief, filter = message.belief, self.filter
        due = filter.resampling.due(belief.effective_sample_size.detach(), len(belief.log_weights))
        if bool(due.any()):
            belief = resampled(belief, due, filter.resampling)
        shape = getattr(filter.actions, "shape", None) or ()
        controls = control_sizes(filter.actions) if filter.actions is not None else ()
        each = per_value(action, len(controls), len(shape))
        return Swarms(message.log_evidence, filter.predict(belief, each))

    def look(
        self, message: Swarms, observation: Mapping[str, Any]
    ) -> tuple[Swarms, Tensor, dict[str, Tensor]]:
        """The message as it was, and what each particle says, ``(*batch, values * particles)``."""
        by_site("observation", observation, self.filter.observation_sites)
        found = self.filter.log_likelihoods(message.belief, self._per_value(observation))
        each = {name: values.movedim(0, -1).flatten(-2) for name, values in found.items()}
        return message, sum(each.values(), self.nothing(())), each

    def _per_value(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        kinds, found = self.filter.kinds, dict[str, Any]()
        for name, value in observation.items():
            tensor, event = torch.as_tensor(value), kinds[name].event_dim
            alone = tensor.dim() <= event
            found[name] = tensor if alone else tensor.unsqueeze(tensor.dim() - event)
        return found

    def nothing(self, batch_shape: tuple[int, ...]) -> Tensor:
        """Zero for every particle, ``(*batch, values * particles)``."""
        filter = self.filter
        shape = (*batch_shape, self.size * filter.num_particles)
        return torch.zeros(shape, dtype=filter.dtype, device=filter.device)

    def see(self, message: Swarms, log_likelihood: Tensor) -> Swarms:
        """The same particles, weighed."""
        each = log_likelihood.unflatten(-1, (self.size, -1)).movedim(-1, 0)
        joint = message.belief.log_weights + each
        total = ops.logsumexp(joint, 0)
        even = torch.full_like(joint, -math.log(len(joint)))  # of what is impossible: no matter
        log_weights = torch.where(total == -math.inf, even, joint - total)
        belief = message.belief.widened(total.shape)
        return Swarms(message.log_evidence + total, replace(belief, log_weights=log_weights))

    def choose(self, chosen: Tensor, new: Swarms, old: Swarms) -> Swarms:
        """One message where something holds ``(*batch)``, the other elsewhere."""
        evidence = torch.where(chosen[..., None], new.log_evidence, old.log_evidence)
        belief = either(chosen[..., None], new.belief, old.belief)
        return Swarms(evidence, belief)  # type: ignore[arg-type]

    def forget(self, message: Swarms) -> Swarms:
        """The particles are kept."""
        return replace(message, log_evidence=torch.zeros_like(message.log_evidence))

    def evidence(self, message: Swarms) -> Tensor:
        """An estimate of log p(o_{0:t} | c), ``(*batch, values)``, in nats."""
        return message.log_evidence

    def belief(self, message: Swarms, log_prior: Tensor, step: int) -> ParticleBelief:
        """The particles of all values of c together.

        Raises:
            ValueError: where all that was seen is impossible under the prior.
        """
        weights = weighed(message.log_evidence, log_prior, step)
        held = message.belief.widened(weights.shape)
        batch, shape = weights.shape[:-1], held.shape

        def flat(value: Tensor, event: int) -> Tensor:
            wide = value.expand(*shape, *value.shape[value.dim() - event :])
            return wide.movedim(len(shape) - 1, 1).flatten(0, 1)

        def sites(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {name: flat(x, held.kinds[name].event_dim) for name, x in values.items()}

        return ParticleBelief(
            step,
            batch,
            held.kinds,
            sites(held.states),
            flat(held.log_weights + weights, 0),
            sites(held.parameters),
            lineage=Lineage(),
        )

    def expected(self, belief: ParticleBelief, log_likelihood: Tensor) -> Tensor:
        """The weighted mean over particles, ``(*batch)``."""
        each = log_likelihood.unflatten(-1, (self.size, -1))
        values = each.transpose(-1, -2).flatten(-2)  # particles first, as in a belief
        return ops.exp_dot(belief.log_weights.movedim(0, -1), values)


class ParticleLink(Link):
    r"""Observation sites of a particle filter that another model's first state is made of.

    .. math:: p(c) \approx \sum_i w^i \, p(c|x^i), \qquad
        \log p(o|x^i) = \log \sum_c p(c|x^i) \, p(o|c)

    Args:
        filter: of the level that sets.
        sites: observation sites of its model, of finitely many values.
    """

    def __init__(self, filter: ParticleFilter, sites: Sequence[str]) -> None:
        self.filter, self.names = filter, tuple(sites)
        each = [filter.kinds[name].site for name in sites]
        self.sites = tuple(site for site in each if site is not None)

    def _log_probs(self, belief: ParticleBelief) -> Tensor:
        """log p(c | x) of each particle, ``(particles, *batch, values)``."""
        pairs = zip(self.sites, clamped(self.sites), strict=True)
        every = {site.name: site.support[index] for site, index in pairs}
        count = math.prod(site.size for site in self.sites)
        wide = belief.reshape(*belief.batch, 1).widened(torch.Size((*belief.batch, count)))
        found = self.filter.log_likelihoods(wide, every)
        return sum(found.values(), torch.zeros((), dtype=self.filter.dtype))

    def down(self, belief: ParticleBelief) -> Tensor:
        """log p(c) as predicted by a belief, ``(*batch, values)``."""
        weights = belief.log_weights.expand(belief.shape)
        return ops.logsumexp(self._log_probs(belief) + weights.unsqueeze(-1), 0)

    def up(self, log_evidence: Tensor, message: Any = None) -> Tensor:
        """What the level below says of each particle, ``(*batch, values * particles)``."""
        found = self._log_probs(message.belief)
        each = ops.logsumexp(found + log_evidence.to(found).unsqueeze(-2), -1)
        return each.movedim(0, -1).flatten(-2)
