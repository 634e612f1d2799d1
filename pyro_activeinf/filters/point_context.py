"""A particle filter as a level that is set by real sites: particles that know where they began."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .._checks import by_site, complain, known_names
from ..compile import LOG_2PI, Site, log_det
from .bank_context import either
from .context import Context, Link, impossible_from_above
from .mixture_links import JointMixtureLink, ParticleMixtureLink
from .particle import ParticleFilter
from .particle_belief import Kind, Lineage, ParticleBelief
from .particle_update import resampled
from .quadratic import Quadratic

BEGUN, DENSITY = "where it began", "log-density of where it began"


@dataclass(frozen=True)
class Points:
    """Particles that carry the value of c with which they began, and the evidence for all."""

    log_evidence: Tensor  # (*batch): an estimate of log p(o_{0:t}), under ``initial``
    belief: ParticleBelief  # (*batch)


class PointContext(Context[Points, ParticleBelief]):
    r"""The first state of a particle filter, as real sites that another model predicts.

    Values of c are drawn from ``initial`` once, and stand for all others. Both messages are
    estimates by importance, with these common particles:

    .. math::
        \int p(o|c) f(c) \, dc \approx \hat p(o) \sum_i w^i \frac{f(c^i)}{p_0(c^i)}, \qquad
        q(s_t) \approx \sum_i \frac{p(c^i)}{p_0(c^i)} w^i \, \delta_{s^i_t}

    ``initial`` has to be wide enough to hold what the level above predicts.

    Args:
        filter: of the level; it proposes by the model's own transition.
        sites: real state sites that the level above sets.

    Raises:
        ValueError: for a filter with a guide, or unknown sites.
    """

    def __init__(self, filter: ParticleFilter, sites: Sequence[str]) -> None:
        if filter.guide is not None:
            expected = "none in a level of a hierarchy, whose evidence comes in parts"
            raise ValueError(complain("guide", expected, repr(filter.guide)))
        real = [name for name, kind in filter.state_kinds.items() if kind.site is None]
        known_names("sites", sites, real)
        self.filter, self.names = filter, tuple(sites)

    @property
    def sites(self) -> tuple[Site, ...]:
        """None: the sites are real."""
        return ()

    def start(self, batch_shape: tuple[int, ...] = ()) -> Points:
        """Draws of p(c, s_0), each with its c."""
        belief = self.filter.initial(batch_shape)
        densities = self.filter.first_densities(belief)
        parts = []
        for name in self.names:
            value, event = belief.states[name], belief.kinds[name].event_dim
            parts.append(value.expand(*belief.shape, *value.shape[value.dim() - event :]))
        rows = [part.reshape(*belief.shape, -1) for part in parts]
        density = sum((densities[name] for name in self.names), belief.log_weights)
        carried = {BEGUN: torch.cat(rows, -1), DENSITY: density - belief.log_weights}
        kinds = {**belief.kinds, BEGUN: Kind(1), DENSITY: Kind(0)}
        parameters = {**belief.parameters, **carried}
        belief = replace(belief, kinds=kinds, parameters=parameters)
        return Points(belief.log_weights.new_zeros(belief.batch), belief)

    def move(self, message: Points, action: Any = None) -> Points:
        """Particles are resampled where they have degenerated, and moved."""
        belief, filter = message.belief, self.filter
        due = filter.resampling.due(belief.effective_sample_size.detach(), len(belief.log_weights))
        if bool(due.any()):
            belief = resampled(belief, due, filter.resampling)
        return Points(message.log_evidence, filter.predict(belief, action))

    def look(
        self, message: Points, observation: Mapping[str, Any]
    ) -> tuple[Points, Tensor, dict[str, Tensor]]:
        """The message as it was, and what each particle says, ``(*batch, particles)``."""
        by_site("observation", observation, self.filter.observation_sites)
        found = self.filter.log_likelihoods(message.belief, observation)
        each = {name: values.movedim(0, -1) for name, values in found.items()}
        return message, sum(each.values(), self.nothing(())), each

    def nothing(self, batch_shape: tuple[int, ...]) -> Tensor:
        """Zero for every particle, ``(*batch, particles)``."""
        filter = self.filter
        shape = (*batch_shape, filter.num_particles)
        return torch.zeros(shape, dtype=filter.dtype, device=filter.device)

    def see(self, message: Points, log_likelihood: Tensor) -> Points:
        """The same particles, weighed."""
        joint = message.belief.log_weights + log_likelihood.movedim(-1, 0)
        total = ops.logsumexp(joint, 0)
        even = torch.full_like(joint, -math.log(len(joint)))
        log_weights = torch.where(total == -math.inf, even, joint - total)
        belief = message.belief.widened(total.shape)
        return Points(message.log_evidence + total, replace(belief, log_weights=log_weights))

    def choose(self, chosen: Tensor, new: Points, old: Points) -> Points:
        """One message where something holds ``(*batch)``, the other elsewhere."""
        evidence = torch.where(chosen, new.log_evidence, old.log_evidence)
        return Points(evidence, either(chosen, new.belief, old.belief))  # type: ignore[arg-type]

    def forget(self, message: Points) -> Points:
        """As it is: a level with real sites is set by the one above it."""
        return message

    def evidence(self, message: Points) -> Tensor:
        """Log-weights and points, ``(*batch, particles * (1 + k))``."""
        belief = message.belief
        weights = belief.log_weights + message.log_evidence - belief.parameters[DENSITY]
        points = belief.parameters[BEGUN].expand(*belief.shape, -1)
        rows = torch.cat([weights.expand(belief.shape).unsqueeze(-1), points], -1)
        return rows.movedim(0, -2).flatten(-2)

    def split(self, log_evidence: Tensor) -> tuple[Tensor, Tensor]:
        """Log-weights ``(*batch, particles)`` and points ``(*batch, particles, k)``."""
        rows = log_evidence.unflatten(-1, (self.filter.num_particles, -1))
        return rows[..., 0], rows[..., 1:]

    def quadratic(self, log_evidence: Tensor) -> Tensor:
        """The Gaussian likelihood of the same mean and covariance, as coefficients."""
        log_weights, points = self.split(log_evidence)
        weights = log_weights.softmax(-1).unsqueeze(-1)
        mean = (weights * points).sum(-2)
        away = points - mean.unsqueeze(-2)
        precision = torch.linalg.pinv((weights * away).mT @ away)
        slope = (precision @ mean.unsqueeze(-1)).squeeze(-1)
        return Quadratic(precision, slope, torch.zeros_like(slope[..., 0])).numbers

    def unset(self, batch_shape: tuple[int, ...] = ()) -> Tensor:
        """There is always a level above one that has real sites set."""
        raise ValueError(complain("levels", "a level above one with linked sites", "none"))

    def belief(self, message: Points, log_prior: Tensor, step: int) -> ParticleBelief:
        """The particles, weighed by a mixture of Gaussians ``(*batch, parts, 1 + k + k k)``.

        Raises:
            ValueError: where all that was seen is impossible under the prior.
        """
        held = message.belief
        density = _log_mixture(held.parameters[BEGUN].expand(*held.shape, -1), log_prior)
        joint = held.log_weights + density - held.parameters[DENSITY]
        total = ops.logsumexp(joint, 0)
        if bool((total == -math.inf).any()):
            raise impossible_from_above(step)
        known = {n: x for n, x in held.parameters.items() if n not in (BEGUN, DENSITY)}
        kinds = {n: kind for n, kind in held.kinds.items() if n not in (BEGUN, DENSITY)}
        weights = joint - total
        batch = torch.Size(weights.shape[1:])
        return ParticleBelief(step, batch, kinds, held.states, weights, known, lineage=Lineage())

    def expected(self, belief: ParticleBelief, log_likelihood: Tensor) -> Tensor:
        """The weighted mean over particles, ``(*batch)``."""
        return ops.exp_dot(belief.log_weights.movedim(0, -1), log_likelihood)


def _log_mixture(points: Tensor, mixture: Tensor) -> Tensor:
    """Log-density of points ``(particles, *batch, k)`` under ``(*batch, parts, 1 + k + k k)``."""
    k = points.shape[-1]
    log_weights = mixture[..., 0] - ops.logsumexp(mixture[..., 0], -1).unsqueeze(-1)
    mean, cov = mixture[..., 1 : 1 + k], mixture[..., 1 + k :].unflatten(-1, (k, k))
    each = log_normal(points.unsqueeze(-2), mean, cov)
    return ops.logsumexp(each + log_weights, -1)


def log_normal(points: Tensor, mean: Tensor, cov: Tensor) -> Tensor:
    """Log-density of points ``(*batch, k)`` under Gaussians, in nats."""
    root = torch.linalg.cholesky(cov)
    away = points - mean
    root = root.expand(*away.shape[:-1], *root.shape[-2:])
    white = torch.linalg.solve_triangular(root, away.unsqueeze(-1), upper=False).squeeze(-1)
    return -0.5 * (white.square().sum(-1) + points.shape[-1] * LOG_2PI) - log_det(root)


class PointLink(Link):
    r"""A link to a level below that tells its evidence by points.

    .. math:: \log p(o|x) \approx \log \sum_i e^{w_i} N(c^i; m_x, R_x)

    Args:
        link: to the same sites.
        context: of the level below.

    Raises:
        ValueError: for a link that needs a Gaussian message.
    """

    def __init__(self, link: Link, context: PointContext) -> None:
        if not isinstance(link, JointMixtureLink | ParticleMixtureLink):
            expected = "a hidden Markov or particle filter above particles that real sites set"
            raise ValueError(complain("filter", expected, type(link).__name__))
        self.link, self.context, self.names = link, context, link.names

    def down(self, belief: Any) -> Tensor:
        """The mixture that is predicted."""
        return self.link.down(belief)

    def up(self, log_evidence: Tensor, message: Any = None) -> Tensor:
        """What the level below says of each joint state or particle."""
        log_weights, points = self.context.split(log_evidence)
        if isinstance(self.link, JointMixtureLink):
            mean, cov = self.link.shown()
        else:
            mean, cov = self.link.shown(message.belief)
        each = log_normal(points.unsqueeze(-3).to(mean), mean.unsqueeze(-2), cov.unsqueeze(-3))
        found = ops.logsumexp(each + log_weights.unsqueeze(-2).to(mean), -1)
        return (
            found if isinstance(self.link, JointMixtureLink) else found.movedim(0, -1).flatten(-2)
        )
