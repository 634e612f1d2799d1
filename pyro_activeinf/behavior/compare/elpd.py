"""Expected log predictive density, from log-likelihoods at draws from the posterior."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


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

    Reference: Watanabe (2010), "Asymptotic equivalence of Bayes cross validation and widely
    applicable information criterion", JMLR; Vehtari, Gelman and Gabry (2017), "Practical Bayesian
    model evaluation", Statistics and Computing, section 2.2.
    """
    flat = log_likelihood.flatten(0, 1).double()
    predicted = flat.logsumexp(0) - math.log(len(flat))
    spread = flat.var(0)
    return Elpd(predicted - spread, float(spread.sum()))


def loo(log_likelihood: Tensor, efficiency: float = 1.0) -> Elpd:
    r"""Leave-one-out by Pareto smoothed importance sampling, as ArviZ computes it.

    .. math:: elpd = \sum_i \log \frac{\sum_n w_{in} \, p(y_i | \theta_n)}{\sum_n w_{in}}, \qquad
        w_{in} \approx 1 / p(y_i | \theta_n)

    Args:
        log_likelihood: ``(chains, draws, observations)``, in nats.
        efficiency: effective draws over draws.

    Reference: Vehtari, Gelman and Gabry (2017), "Practical Bayesian model evaluation using
    leave-one-out cross-validation and WAIC", Statistics and Computing.
    """
    found = arviz_loo(log_likelihood, efficiency)
    pointwise = getattr(found, "loo_i", None)
    pointwise = found.elpd_i if pointwise is None else pointwise
    parameters = getattr(found, "p_loo", None)
    parameters = found.p if parameters is None else parameters
    return Elpd(_tensor(pointwise), float(parameters), _tensor(found.pareto_k))


def arviz_loo(log_likelihood: Tensor, efficiency: float = 1.0) -> Any:
    """ArviZ's own record, pointwise; what it warns of is in its Pareto k."""
    import arviz

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        given: Any = arviz
        return given.loo(data_of(log_likelihood), pointwise=True, reff=efficiency)


def data_of(log_likelihood: Tensor) -> Any:
    """Log-likelihoods ``(chains, draws, observations)`` as ArviZ data."""
    from xarray import Dataset

    from ...store.groups import held

    array = log_likelihood.double().numpy(force=True)
    dims = ("chain", "draw", "observation")
    coords = {dim: np.arange(size) for dim, size in zip(dims, array.shape, strict=True)}
    found = Dataset({"choice": (dims, array)}, coords)
    return held({"log_likelihood": found})


def _tensor(values: Any) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.float64).copy())
