"""Bayesian model selection for groups in which people may differ in their model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..._checks import complain

CLOSE, MOST = 1e-10, 10_000
POINTS = 4_000  # of the quadrature


@dataclass(frozen=True)
class GroupSelection:
    """Which models people follow, and how often each is followed."""

    concentration: Tensor  # (models,), alpha of the Dirichlet over frequencies
    attributions: Tensor  # (subjects, models), probability that a subject follows a model
    exceedance: Tensor  # (models,), probability that a model is the most frequent one
    omnibus_risk: float  # probability that all models are equally frequent
    bound: float  # of the log evidence of frequencies that differ, in nats

    @property
    def frequencies(self) -> Tensor:
        """Expected frequencies of the models, ``(models,)``."""
        return self.concentration / self.concentration.sum()

    @property
    def protected_exceedance(self) -> Tensor:
        r"""Exceedance that allows for chance, :math:`(1 - BOR) \varphi + BOR / K`; (models,)."""
        share = self.omnibus_risk / len(self.exceedance)
        return (1.0 - self.omnibus_risk) * self.exceedance + share


def select(log_evidence: Tensor, prior: float = 1.0) -> GroupSelection:
    r"""Random-effects Bayesian model selection.

    .. math:: r \sim \mathrm{Dir}(\alpha_0), \quad m_i \sim \mathrm{Cat}(r), \quad
        \alpha_k = \alpha_0 + \sum_i g_{ik}, \quad
        g_{ik} \propto p(y_i | m_k) \, e^{\psi(\alpha_k)}

    The omnibus risk compares the bound with the evidence under equal frequencies,

    .. math:: BOR = \frac{1}{1 + e^{F_1 - F_0}}, \qquad
        F_0 = \sum_i \log \frac1K \sum_k p(y_i | m_k).

    Args:
        log_evidence: log p(y_i | m_k) in nats, ``(subjects, models)``; what is the same for all
            models of a subject does not matter.
        prior: count alpha_0 of each model.

    Raises:
        ValueError: for a table of another shape, with what is not finite, or a prior that is not
            above 0.

    Reference: Stephan, Penny, Daunizeau, Moran and Friston (2009), "Bayesian model selection for
    group studies", NeuroImage 46, eqs. 7-16; Rigoux, Stephan, Friston and Daunizeau (2014),
    "Bayesian model selection for group studies - revisited", NeuroImage 84, eqs. 3-7.

    Example:
        >>> found = select(torch.tensor([[-100.0, -103.0]] * 9 + [[-105.0, -100.0]]))
        >>> found.exceedance[0] > 0.98, found.omnibus_risk < 0.2
        (tensor(True), True)
    """
    table = _checked(log_evidence, prior)
    attributions = table.softmax(-1)
    alpha = prior + attributions.sum(0)
    for _ in range(MOST):
        attributions = (table + alpha.digamma()).softmax(-1)
        new = prior + attributions.sum(0)
        moved, alpha = float((new - alpha).abs().max()), new
        if moved < CLOSE:
            break
    bound = _bound(table, attributions, alpha, prior)
    equal = float((table.logsumexp(-1) - math.log(table.shape[1])).sum())
    risk = 1.0 / (1.0 + math.exp(min(bound - equal, 700.0)))
    return GroupSelection(alpha, attributions, exceedance(alpha), risk, bound)


def _checked(log_evidence: Tensor, prior: float) -> Tensor:
    shape = tuple(log_evidence.shape)
    if len(shape) != 2 or shape[1] < 2 or not bool(log_evidence.isfinite().all()):
        expected = "finite numbers (subjects, models), of at least two models"
        raise ValueError(complain("log_evidence", expected, f"shape {shape}"))
    if not 0 < prior < math.inf:
        raise ValueError(complain("prior", "a finite number above 0", prior))
    return log_evidence.double()


def _bound(table: Tensor, attributions: Tensor, alpha: Tensor, prior: float) -> float:
    r"""E_q[log p(y, m, r) - log q(m) q(r)], in nats."""
    log_rate = alpha.digamma() - alpha.sum().digamma()
    flat, entropy = torch.full_like(alpha, prior), -torch.xlogy(attributions, attributions).sum()
    beliefs = (attributions * (table + log_rate)).sum() + entropy
    return float(beliefs + ((flat - alpha) * log_rate).sum() + _log_beta(alpha) - _log_beta(flat))


def _log_beta(alpha: Tensor) -> Tensor:
    return alpha.lgamma().sum() - alpha.sum().lgamma()


def exceedance(concentration: Tensor) -> Tensor:
    r"""Probability that each of Dirichlet frequencies is the largest, ``(models,)``.

    Frequencies are gamma variables over their sum, so that it is an integral over one of them,

    .. math:: \varphi_k = \int \mathrm{Ga}(x; \alpha_k) \prod_{j \neq k} P(\alpha_j, x) \, dx,

    with the distribution function P of the gamma distribution: by the trapezoidal rule in log x,
    without random numbers.

    Example:
        >>> exceedance(torch.tensor([1.0, 1.0, 1.0, 1.0]))
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    alpha = concentration.double()
    log_x = torch.linspace(*_range(alpha), POINTS, dtype=alpha.dtype)
    x, column = log_x.exp(), alpha.unsqueeze(-1)
    log_density = column * log_x - x - column.lgamma()  # of log x
    log_below = torch.special.gammainc(column, x).log()
    everyone = range(len(alpha))
    others = torch.stack([log_below[[j for j in everyone if j != k]].sum(0) for k in everyone])
    found = (log_density + others).exp().sum(-1)
    return (found / found.sum()).to(concentration.dtype)


def _range(alpha: Tensor) -> tuple[float, float]:
    """Where the largest of gamma variables may be, in log x."""
    top, total = float(alpha.max()), float(alpha.sum())
    low = math.log(top) - 40.0 / total - 2.0
    return low, math.log(top + 12.0 * math.sqrt(top) + 50.0)
