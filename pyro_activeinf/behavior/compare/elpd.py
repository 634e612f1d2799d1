"""Expected log predictive density, from log-likelihoods at draws from the posterior."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..._checks import complain, instance
from ...free_energy.pareto import smoothed


@dataclass(frozen=True)
class Elpd:
    """An estimate of the log-density of new data, observation by observation."""

    pointwise: Tensor  # (observations,), in nats
    parameters: float  # effective number of parameters
    pareto_k: Tensor | None = None  # (observations,); of PSIS-LOO

    @property
    def total(self) -> float:
        """The sum, in nats."""
        return float(self.pointwise.sum())

    @property
    def error(self) -> float:
        """Its standard error, in nats."""
        return standard_error(self.pointwise)


def standard_error(pointwise: Tensor) -> float:
    r"""Standard error of a sum, :math:`\sqrt{n \, V[x_i]}`."""
    return math.sqrt(len(pointwise) * float(pointwise.var(unbiased=False)))


def waic(log_likelihood: Tensor) -> Elpd:
    r"""The widely applicable information criterion, on the scale of log-densities.

    .. math:: elpd = \sum_i \log E[p(y_i | \theta)] - \sum_i V[\log p(y_i | \theta)]

    Args:
        log_likelihood: ``(chains, draws, observations)``, in nats.

    Raises:
        ValueError: for another number of dims, fewer than two draws, or NaN.

    Reference: Watanabe (2010), "Asymptotic equivalence of Bayes cross validation and widely
    applicable information criterion", JMLR; Vehtari, Gelman and Gabry (2017), "Practical Bayesian
    model evaluation", Statistics and Computing, eqs. 11-13.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> p = torch.distributions.Beta(3.0, 2.0).sample((1, 100_000))  # of a coin: 2 of 3 heads
        >>> found = waic(torch.stack([p, p, 1 - p], -1).log())
        >>> round(found.total, 2), round(found.parameters, 2)
        (-2.71, 0.77)
    """
    _check(log_likelihood)
    flat = log_likelihood.flatten(0, 1).double()
    predicted = flat.logsumexp(0) - math.log(len(flat))
    spread = flat.var(0)
    return Elpd(predicted - spread, float(spread.sum()))


def loo(log_likelihood: Tensor, efficiency: float = 1.0) -> Elpd:
    r"""Leave-one-out by Pareto smoothed importance sampling.

    .. math:: elpd = \sum_i \log \frac{\sum_n w_{in} \, p(y_i | \theta_n)}{\sum_n w_{in}}, \qquad
        w_{in} \approx 1 / p(y_i | \theta_n)

    An observation that is as probable at all draws has nothing to be left out, and k-hat -inf.

    Args:
        log_likelihood: ``(chains, draws, observations)``, in nats.
        efficiency: effective draws over draws, above 0.

    Raises:
        ValueError: for another number of dims, fewer than two draws, NaN, or another efficiency.

    Reference: Vehtari, Gelman and Gabry (2017), "Practical Bayesian model evaluation using
    leave-one-out cross-validation and WAIC", Statistics and Computing, eqs. 4 and 10.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> p = torch.distributions.Beta(3.0, 2.0).sample((1, 20_000))  # of a coin: 2 of 3 heads
        >>> found = loo(torch.stack([p, p, 1 - p], -1).log())
        >>> exact = torch.tensor([2 / 4, 2 / 4, 1 / 4]).log()  # from Beta(2, 2) and Beta(3, 1)
        >>> bool((found.pointwise - exact).abs().max() < 0.05)
        True
    """
    _check(log_likelihood)
    if not 0 < efficiency < math.inf:
        way_out = "It is effective draws over draws: 1 for independent ones."
        raise ValueError(complain("efficiency", "a number above 0", efficiency, way_out))
    flat = log_likelihood.flatten(0, 1).double()
    found = [_left_out(one, efficiency) for one in flat.T]
    pointwise, shapes = torch.tensor(found, dtype=torch.float64).T
    predicted = flat.logsumexp(0) - math.log(len(flat))
    return Elpd(pointwise, float((predicted - pointwise).sum()), shapes)


def _check(log_likelihood: Tensor) -> None:
    expected = "(chains, draws, observations) with two draws or more"
    instance("log_likelihood", log_likelihood, Tensor, f"a tensor {expected}")
    if log_likelihood.dim() != 3 or log_likelihood.shape[:2].numel() < 2:
        got = tuple(log_likelihood.shape)
        way_out = "fit.log_likelihood[..., fit.choices.counted] is of this form."
        raise ValueError(complain("log_likelihood", expected, got, way_out))
    if bool(log_likelihood.isnan().any()):
        way_out = "Leave out what was not observed, and see that parameters are in their supports."
        raise ValueError(complain("log_likelihood", "numbers, in nats", "NaN", way_out))


def _left_out(log_likelihood: Tensor, efficiency: float) -> tuple[float, float]:
    """Log-density of an observation that is left out, and k-hat; from draws ``(draws,)``."""
    log_weights, shape = smoothed(-log_likelihood, efficiency)
    return float((log_weights + log_likelihood).logsumexp(0)), shape


def stacking(pointwise: Tensor) -> Tensor:
    r"""Weights ``(models,)`` of the mixture that would have predicted best.

    .. math:: \max_w \sum_i \log \sum_k w_k \, p_k(y_i | y_{-i})

    It is concave, and climbed by expectation maximization.

    Args:
        pointwise: leave-one-out log-densities ``(observations, models)``, in nats.

    Reference: Yao, Vehtari, Simpson and Gelman (2018), "Using stacking to average Bayesian
    predictive distributions", Bayesian Analysis 13, eq. 4.

    Example:
        >>> stacking(torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9]]).log()).numpy().round(3)
        array([0.708, 0.292])
    """
    weights = pointwise.new_full(pointwise.shape[1:], 1.0 / pointwise.shape[1])
    for _ in range(MOST):
        new = (weights.log() + pointwise).softmax(-1).mean(0)
        moved, weights = float((new - weights).abs().max()), new
        if moved < CLOSE:
            break
    return weights


CLOSE, MOST = 1e-9, 20_000
