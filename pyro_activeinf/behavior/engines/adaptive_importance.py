"""Adaptive importance sampling of few parameters of many subjects."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, lgamma, log, pi
from typing import NamedTuple

import torch
from torch import Tensor

from ..._checks import positive, positive_int
from ...free_energy.pareto import pareto_k
from .base import Engine, Found
from .sites import sampled
from .target import Target

NUMBERS = 400_000  # log-probabilities at a time: of draws times subjects times trials
WIDEN = 10  # effective draws for each coordinate that a proposal is fitted to, at the least


class Student(NamedTuple):
    """A multivariate t of each cell."""

    mean: Tensor  # (cells, dim)
    cholesky: Tensor  # (cells, dim, dim)
    degrees: float

    def sample(self, count: int) -> Tensor:
        """Draws ``(count, cells, dim)``."""
        normal = torch.randn(count, *self.mean.shape, dtype=self.mean.dtype)
        gamma = torch.distributions.Gamma(normal.new_tensor(self.degrees / 2), 0.5)
        scale = (self.degrees / gamma.sample((count, len(self.mean)))).sqrt()
        return self.mean + scale.unsqueeze(-1) * torch.einsum("sij,nsj->nsi", self.cholesky, normal)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-densities ``(*, cells)``."""
        dim, nu = self.mean.shape[-1], self.degrees
        away = (z - self.mean).unsqueeze(-1)
        white = torch.linalg.solve_triangular(self.cholesky, away, upper=False).squeeze(-1)
        constant = lgamma((nu + dim) / 2) - lgamma(nu / 2) - dim / 2 * log(nu * pi)
        spread = self.cholesky.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return constant - spread - (nu + dim) / 2 * (white.square().sum(-1) / nu).log1p()


@dataclass(frozen=True)
class AdaptiveImportance(Engine):
    r"""Adaptive importance sampling: for few parameters of each subject, and many subjects.

    Draws from a multivariate t as wide as the prior are weighed by the posterior, another t is
    fitted to them, draws from it are weighed, and so on. At the end all draws count, as if they
    were from the mixture of all proposals, and are resampled:

    .. math:: w_n = \frac{p(\theta_n) \, p(u \mid \theta_n)}{\frac{1}{R} \sum_r q_r(\theta_n)}

    Subjects that tell nothing about each other have proposals and weights of their own, and are
    taken all at once. No gradient is needed, and posteriors may be of any shape. How near draws
    are is told for each subject: by log-evidence, by k-hat, and by the effective number of draws,
    ``found.by_subject["effective"]``. In a population, where all is one, there are soon too many
    coordinates for it: k-hat says so.

    Args:
        draws: from the posterior.
        proposals: draws of each round.
        rounds: their number, the first one included.
        degrees: of freedom of the t.

    Raises:
        ValueError: for settings that are no numbers above 0.

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
        >>> found = fit(model, choices, AdaptiveImportance(), progress=False)
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
        positive("degrees", self.degrees)

    def __call__(self, target: Target, start: Tensor | None, progress: bool) -> Found:
        """Draws ``(1, draws, dim)``; independent between subjects."""
        first = target.prior(self.proposals) if start is None else start
        with torch.no_grad():
            cells, log_weights = self._weighed(target, fitted(first[:, target.cells], self.degrees))
        index = torch.multinomial(log_weights.softmax(0).T, self.draws, replacement=True).T
        kept = cells.gather(0, index.unsqueeze(-1).expand(-1, -1, cells.shape[-1]))
        return Found(
            _whole(target, kept).unsqueeze(0),
            log_weights=log_weights,
            pareto_k=torch.tensor([pareto_k(each) for each in log_weights.T]),
            by_subject={"effective": effective(log_weights)},
        )

    def _weighed(self, target: Target, wide: Student) -> tuple[Tensor, Tensor]:
        """All draws ``(rounds * proposals, cells, dim)`` and their log-weights."""
        proposals, drawn = [wide], [wide.sample(self.proposals)]
        density = [_log_probs(target, drawn[0])]
        for _ in range(self.rounds - 1):
            z = torch.cat(drawn)
            log_weights = torch.cat(density) - _mixture(proposals, z)
            proposals.append(fitted(z, self.degrees, log_weights))
            drawn.append(proposals[-1].sample(self.proposals))
            density.append(_log_probs(target, drawn[-1]))
        z = torch.cat(drawn)
        return z, torch.cat(density) - _mixture(proposals, z)


def _log_probs(target: Target, cells: Tensor) -> Tensor:
    """Log-densities ``(count, cells)``, as many at a time as fit into memory."""
    parts = cells.split(max(1, NUMBERS // _terms(target)))
    found = torch.cat([target.log_probs(_whole(target, part)) for part in parts])
    return torch.where(found.isnan(), -inf, found)


def _terms(target: Target) -> int:
    """The largest number of log-probabilities of a site, for a single draw."""
    values, _ = target.transformed(target.prior(1))
    trace = target.trace(values)
    trace.compute_log_prob()
    return max(site["log_prob"].numel() for _, site in sampled(trace))


def _whole(target: Target, cells: Tensor) -> Tensor:
    """Points ``(count, dim)`` from their cells ``(count, cells, dim / cells)``."""
    z = cells.new_empty(len(cells), target.dim)
    z[:, target.cells] = cells
    return z


def _mixture(proposals: list[Student], z: Tensor) -> Tensor:
    """Log-density of the mixture of all proposals, ``(draws, cells)``."""
    parts = torch.stack([proposal.log_prob(z) for proposal in proposals])
    return parts.logsumexp(0) - log(len(parts))


def fitted(z: Tensor, degrees: float, log_weights: Tensor | None = None) -> Student:
    """The t with mean and scale of weighed draws ``(draws, cells, dim)``.

    Weights are flattened where too few draws carry them.
    """
    dim = z.shape[-1]
    given = torch.zeros_like(z[..., 0]) if log_weights is None else log_weights
    weights = flattened(given, min(WIDEN * dim, len(z) / 2)).softmax(0).unsqueeze(-1)
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
    r"""The effective number of draws, :math:`1 / \sum w^2`, of each cell."""
    return 1 / log_weights.softmax(0).square().sum(0)
