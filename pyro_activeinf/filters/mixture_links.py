"""Real sites that levels of joint states or of particles show: mixtures of Gaussians."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .._checks import complain, known_names
from ..compile.linear_sites import GaussianSite
from .belief import JointBelief
from .context import Link
from .gaussian_context import mixture
from .hidden_markov import HiddenMarkovFilter
from .particle import ParticleFilter
from .particle_belief import ParticleBelief
from .prediction import Likelihood
from .quadratic import Quadratic


def gaussians(shown: Likelihood, names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Means ``(*shape, k)`` and covariances of what is shown at some sites, in a row.

    Raises:
        ValueError: for a site that is not Gaussian, or that depends on other ones.
    """
    if shown.linked:
        expected = "observation sites that do not depend on each other"
        raise ValueError(complain(f"sites {list(names)}", expected, "some that do"))
    means, covs = [], []
    for name in names:
        parts = GaussianSite.of(shown.sites[name])
        if parts is None:
            expected = "a Gaussian, above a level that begins with a real site"
            raise ValueError(complain(f"site '{name}'", expected, repr(shown.sites[name])))
        size = parts.event.numel()
        means.append(_rows(parts.loc, parts.event, shown.shape))
        if parts.scale is None:
            covs.append(parts.loc.new_zeros(*shown.shape, size, size))
        elif parts.triangular:
            cov = parts.scale @ parts.scale.mT
            covs.append(cov.expand(*shown.shape, size, size))
        else:
            covs.append(torch.diag_embed(_rows(parts.scale, parts.event, shown.shape).square()))
    return torch.cat(means, -1), _blocks(covs)


def _rows(values: Tensor, event: torch.Size, shape: torch.Size) -> Tensor:
    return values.expand(*shape, *event).reshape(*shape, event.numel())


def _blocks(covs: Sequence[Tensor]) -> Tensor:
    """Block-diagonal matrices ``(*shape, k, k)``."""
    total = sum(cov.shape[-1] for cov in covs)
    found = covs[0].new_zeros(*covs[0].shape[:-2], total, total)
    begin = 0
    for cov in covs:
        end = begin + cov.shape[-1]
        found[..., begin:end, begin:end] = cov
        begin = end
    return found


class JointMixtureLink(Link):
    r"""Real observation sites of a filter of joint states: a Gaussian for each of them.

    .. math:: p(c) = \sum_x q(x) \, N(c; m_x, R_x), \qquad
        \log p(o|x) = \log \int N(c; m_x, R_x) \, p(o|c) \, dc

    Args:
        filter: of the level that sets.
        sites: observation sites of its model.
    """

    def __init__(self, filter: HiddenMarkovFilter, sites: Sequence[str]) -> None:
        known_names("sites", sites, filter.observation_sites)
        self.filter, self.names = filter, tuple(sites)
        self.shown()  # sites that do not fit are refused at once

    def shown(self) -> tuple[Tensor, Tensor]:
        """Means and covariances of each joint state."""
        return gaussians(self.filter.shown(), self.names)

    def down(self, belief: JointBelief) -> Tensor:
        """A mixture with a part for each joint state, ``(*batch, states, 1 + k + k k)``."""
        return mixture(belief.log_probs, *self.shown())

    def up(self, log_evidence: Tensor, message: Any = None) -> Tensor:
        """log p(o | x) of each joint state, ``(*batch, states)``."""
        mean, cov = self.shown()
        return Quadratic.of(log_evidence.to(mean).unsqueeze(-2), mean.shape[-1]).mass(mean, cov)


class ParticleMixtureLink(Link):
    r"""Real observation sites of a particle filter: a Gaussian for each particle.

    Args:
        filter: of the level that sets.
        sites: observation sites of its model.
    """

    def __init__(self, filter: ParticleFilter, sites: Sequence[str]) -> None:
        known_names("sites", sites, filter.observation_sites)
        self.filter, self.names = filter, tuple(sites)
        with torch.random.fork_rng(devices=[]):
            self.shown(filter.initial())  # sites that do not fit are refused at once

    def shown(self, belief: ParticleBelief) -> tuple[Tensor, Tensor]:
        """Means and covariances of each particle."""
        return gaussians(self.filter.shown(belief), self.names)

    def down(self, belief: ParticleBelief) -> Tensor:
        """A mixture with a part for each particle, ``(*batch, particles, 1 + k + k k)``."""
        weights = belief.log_weights.expand(belief.shape)
        return mixture(weights, *self.shown(belief)).movedim(0, -2)

    def up(self, log_evidence: Tensor, message: Any = None) -> Tensor:
        """log p(o | x) of each particle, ``(*batch, values * particles)``."""
        mean, cov = self.shown(message.belief)
        told = Quadratic.of(log_evidence.to(mean).unsqueeze(-2), mean.shape[-1])
        return told.mass(mean, cov).movedim(0, -1).flatten(-2)
