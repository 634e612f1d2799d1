"""Importance sampling of each subject by itself, all of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma, log, pi
from typing import NamedTuple

import torch
from torch import Tensor

from ..._checks import complain, positive_int
from ...free_energy.pareto import pareto_k
from .base import Engine, Found
from .sites import sampled
from .target import Target

ROWS = 2_000_000  # draws times subjects times trials at a time
WIDEN = 10  # effective draws for each coordinate that a proposal is fitted to, at the least


class Student(NamedTuple):
    """A multivariate t of each subject."""

    mean: Tensor  # (subjects, dim)
    cholesky: Tensor  # (subjects, dim, dim)
    degrees: float

    def sample(self, count: int) -> Tensor:
        """Draws ``(count, subjects, dim)``."""
        normal = torch.randn(count, *self.mean.shape, dtype=self.mean.dtype)
        gamma = torch.distributions.Gamma(normal.new_tensor(self.degrees / 2), 0.5)
        scale = (self.degrees / gamma.sample((count, len(self.mean)))).sqrt()
        return self.mean + scale.unsqueeze(-1) * torch.einsum("sij,nsj->nsi", self.cholesky, normal)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-densities ``(*, subjects)``."""
        dim, nu = self.mean.shape[-1], self.degrees
        away = (z - self.mean).unsqueeze(-1)
        white = torch.linalg.solve_triangular(self.cholesky, away, upper=False).squeeze(-1)
        constant = lgamma((nu + dim) / 2) - lgamma(nu / 2) - dim / 2 * log(nu * pi)
        spread = self.cholesky.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return constant - spread - (nu + dim) / 2 * (white.square().sum(-1) / nu).log1p()


@dataclass(frozen=True)
class EachSubject(Engine):
    r"""Adaptive importance sampling of subjects that tell nothing about each other.

    A few parameters for each subject, many subjects: draws from the prior are weighed by the
    likelihood, a multivariate t is fitted to them, draws from it are weighed, and so on. At the
    end all draws count, as if they were from the mixture of all proposals, and are resampled:

    .. math:: w_n = \frac{p(\theta_n) \, p(u \mid \theta_n)}{\frac{1}{R} \sum_r q_r(\theta_n)}

    No gradient is taken, and posteriors may be of any shape. Exact as the number of proposals
    grows; how near is told for each subject by the effective number of draws and by k-hat, both
    among :attr:`.Found.by_subject`, beside log-evidence.

    Args:
        draws: of each subject, from its posterior.
        proposals: draws of each round.
        rounds: the first of them from the prior.
        degrees: of freedom of the t.

    Raises:
        ValueError: on a call, where a latent site is not one of each subject.

    Reference: J.-M. Cornuet, J.-M. Marin, A. Mira and C. Robert (2012), "Adaptive multiple
    importance sampling", Scandinavian Journal of Statistics 39.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior import ChoiceModel, Choices, fit
        >>> from pyro_activeinf.behavior.peers import WinStayLoseShift
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("stay", dist.Beta(1.0, 1.0))
        >>> model = ChoiceModel(program, lambda p: WinStayLoseShift(p["stay"], p["stay"]))
        >>> choices = Choices(torch.tensor([[0, 0, 0, 1, 1]]), {"outcome": torch.ones(1, 5)})
        >>> found = fit(model, choices, EachSubject(draws=2000), progress=False)
        >>> f"{found.parameters['stay'].mean().item():.1f}"  # of Beta(1 + 3, 1 + 1): 4 / 6
        '0.7'
    """

    draws: int = 1000
    proposals: int = 500
    rounds: int = 5
    degrees: float = 5.0

    def __post_init__(self) -> None:
        """Check the settings."""
        for name in ("draws", "proposals", "rounds"):
            positive_int(name, getattr(self, name))

    def __call__(self, target: Target, start: Tensor | None, progress: bool) -> Found:
        """Draws ``(1, draws, dim)``; independent between subjects."""
        subjects = _Subjects(target)
        with torch.no_grad():
            z, log_weights = self._weighed(subjects)
            best = log_weights.softmax(0)
            index = torch.multinomial(best.T, self.draws, replacement=True).T
            kept = z.gather(0, index.unsqueeze(-1).expand(-1, -1, z.shape[-1]))
            evidence = log_weights.logsumexp(0) - log(len(log_weights))
            tails = torch.tensor([pareto_k(each) for each in log_weights.T])
        told = {"effective": effective(log_weights), "pareto_k": tails, "log_evidence": evidence}
        whole = subjects.joined(kept).unsqueeze(0)
        return Found(
            whole,
            log_evidence=float(evidence.sum()),
            pareto_k=float(tails.max()),
            by_subject=told,
        )

    def _weighed(self, subjects: _Subjects) -> tuple[Tensor, Tensor]:
        """All draws ``(rounds * proposals, subjects, dim)`` and their log-weights."""
        z = [subjects.prior(self.proposals)]
        prior, posterior = subjects.log_probs(z[0])
        target, first = [posterior], [prior]
        proposals: list[Student] = []
        for _ in range(self.rounds - 1):
            log_weights = torch.cat(target) - _mixture(torch.cat(first), proposals, torch.cat(z))
            proposals.append(fitted(torch.cat(z), log_weights, self.degrees))
            z.append(proposals[-1].sample(self.proposals))
            prior, posterior = subjects.log_probs(z[-1])
            target.append(posterior)
            first.append(prior)
        whole = torch.cat(z)
        return whole, torch.cat(target) - _mixture(torch.cat(first), proposals, whole)


def _mixture(prior: Tensor, proposals: list[Student], z: Tensor) -> Tensor:
    """Log-density of the mixture of the prior and all proposals, ``(draws, subjects)``."""
    parts = [prior, *(proposal.log_prob(z) for proposal in proposals)]
    return torch.stack(parts).logsumexp(0) - log(len(parts))


def fitted(z: Tensor, log_weights: Tensor, degrees: float) -> Student:
    """The t with mean and scale of weighed draws ``(draws, subjects, dim)``.

    Weights are flattened where too few draws carry them.
    """
    dim = z.shape[-1]
    weights = flattened(log_weights, min(WIDEN * dim, len(z) / 2)).softmax(0).unsqueeze(-1)
    mean = (weights * z).sum(0)
    away = z - mean
    cov = torch.einsum("nsi,nsj->sij", weights * away, away)
    jitter = 1e-6 * cov.diagonal(dim1=-2, dim2=-1).mean(-1) + 1e-12
    eye = torch.eye(dim, dtype=z.dtype)
    return Student(mean, torch.linalg.cholesky(cov + jitter[:, None, None] * eye), degrees)


def flattened(log_weights: Tensor, least: float) -> Tensor:
    """Log-weights times the largest power up to 1 at which ``least`` draws are effective."""
    low, high = torch.zeros_like(log_weights[0]), torch.ones_like(log_weights[0])
    enough = effective(log_weights) >= least
    for _ in range(20):
        middle = (low + high) / 2
        wide = effective(log_weights * middle) >= least
        low, high = torch.where(wide, middle, low), torch.where(wide, high, middle)
    return log_weights * torch.where(enough, 1.0, low)


def effective(log_weights: Tensor) -> Tensor:
    r"""The effective number of draws, :math:`1 / \sum w^2`, of each subject."""
    return 1 / log_weights.softmax(0).square().sum(0)


class _Subjects:
    """A target as densities of each subject."""

    def __init__(self, target: Target) -> None:
        self.target = target
        for latent in target.latents:
            if [frame.name for frame in latent.plates] != ["subject"]:
                expected = "a model whose latent sites are all those of single subjects"
                got = f"{latent.name!r}, which is not"
                way_out = "Take NUTS() or Variational() for populations."
                raise ValueError(complain("engine", expected, got, way_out))
        self.count: int = target.latents[0].plates[0].size
        self.sizes = [latent.size // self.count for latent in target.latents]

    def prior(self, count: int) -> Tensor:
        """Draws ``(count, subjects, dim)``."""
        return self.apart(self.target.prior(count))

    def apart(self, z: Tensor) -> Tensor:
        """From ``(count, all coordinates)`` to ``(count, subjects, dim)``."""
        parts = z.split([latent.size for latent in self.target.latents], -1)
        return torch.cat([part.reshape(len(z), self.count, -1) for part in parts], -1)

    def joined(self, z: Tensor) -> Tensor:
        """The inverse of :meth:`apart`."""
        return torch.cat([part.flatten(1) for part in z.split(self.sizes, -1)], -1)

    def log_probs(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Log-densities of the prior and of the posterior, ``(count, subjects)`` each."""
        trials = max(1, self.target.args[0].num_trials) if self.target.args else 1
        size = max(1, ROWS // (self.count * trials))
        parts = [self._log_probs(part) for part in z.split(size)]
        prior, whole = (torch.cat(each) for each in zip(*parts, strict=True))
        return prior, whole

    def _log_probs(self, z: Tensor) -> tuple[Tensor, Tensor]:
        values, log_det = self.target.transformed(self.joined(z))
        trace = self.target.trace(values)
        trace.compute_log_prob()
        names = {latent.name for latent in self.target.latents}
        sites = {name: site["log_prob"] for name, site in sampled(trace)}
        own = [*log_det.values(), *(sites[name] for name in names)]
        seen = [value for name, value in sites.items() if name not in names]
        prior = torch.stack([self._rows(term, len(z)) for term in own]).sum(0)
        return prior, prior + sum(self._rows(term, len(z)) for term in seen)

    def _rows(self, term: Tensor, count: int) -> Tensor:
        """Sums ``(count, subjects)`` of terms ``(count, subjects, trials)``."""
        wide = term if term.dim() == 3 else term.expand(count, *term.shape[-2:])
        return wide.expand(count, self.count, wide.shape[-1]).sum(-1)
