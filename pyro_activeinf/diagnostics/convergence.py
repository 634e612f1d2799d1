"""Whether training is over, and whether what came of it can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pyro.infer import ELBO
from torch import Tensor

from .._checks import complain, positive_int
from ..free_energy.pareto import pareto_k
from .gradients import signal_to_noise
from .pareto import log_weights
from .trend import Trend, trend_of

Program = Callable[..., Any]
FEWEST = 20
SURE = 3.0  # standard errors


@dataclass(frozen=True)
class Convergence:
    """What :func:`convergence` found.

    Attributes:
        trend: of the last half of F, in nats per step; ``None`` where F is not finite there.
        snr: signal-to-noise ratio of the gradient; ``None`` without model and guide, or without
            parameters.
        pareto_k: shape of the tail of the importance weights, -inf where the largest are alike;
            ``None`` without model and guide.
    """

    trend: Trend | None
    snr: float | None = None
    pareto_k: float | None = None

    @property
    def converged(self) -> bool:
        """Whether F has stopped falling (and rising)."""
        return self.trend is not None and abs(self.trend.score) < SURE

    @property
    def advice(self) -> str:
        """What to do: a sentence for each number."""
        found = [_on_trend(self.trend)]
        if self.snr is not None:
            found.append(_on_snr(self.snr))
        if self.pareto_k is not None:
            found.append(_on_pareto_k(self.pareto_k))
        return " ".join(found)

    def __str__(self) -> str:
        """Numbers and advice."""
        numbers = []
        if self.trend is not None:
            slope, error = 100 * self.trend.slope, 100 * self.trend.error
            numbers.append(f"trend of F {slope:+.3g} +- {error:.2g} nats per 100 steps")
        if self.snr is not None:
            numbers.append(f"gradient SNR {self.snr:.2g}")
        if self.pareto_k is not None:
            numbers.append(f"Pareto k-hat {self.pareto_k:.2f}")
        return ". ".join([*([", ".join(numbers)] if numbers else []), self.advice])


def _on_trend(trend: Trend | None) -> str:
    if trend is None:
        return "F is not finite: lower the learning rate, clip gradients, look for impossible data."
    if trend.score <= -SURE:
        ahead = -trend.slope * trend.steps
        return f"F is still falling, by {ahead:.3g} nats in {trend.steps} steps: train on."
    if trend.score >= SURE:
        return "F is rising: lower the learning rate (or wait, while a weight is annealed)."
    return f"F has settled, within {trend.noise:.3g} nats of noise."


def _on_snr(snr: float) -> str:
    if snr >= 1.0:
        return "The gradient is mostly signal: a larger step may be faster."
    if snr >= 0.1:
        return "The gradient has signal and noise."
    return (
        "The gradient is mostly noise: you are at an optimum, or need more particles, a larger "
        "batch, or a lower learning rate."
    )


def _on_pareto_k(k: float) -> str:
    if np.isnan(k) or k == np.inf:
        return (
            "The importance weights are not finite, or a few of them count for all: guide and "
            "model differ in their supports, or nearly."
        )
    if k < 0.5:
        return "The guide is close to the posterior."
    if k < 0.7:
        return "The guide is usable as a proposal for importance sampling, not as the posterior."
    return (
        "The guide is far from the posterior: its expectations cannot be trusted. Take a richer "
        "one, such as a flow, or many sites one by one."
    )


def convergence(
    losses: Sequence[float] | Tensor,
    model: Program | None = None,
    guide: Program | None = None,
    *args: Any,
    elbo: ELBO | None = None,
    num_gradients: int = 32,
    num_draws: int = 1000,
    max_plate_nesting: int | None = None,
    **kwargs: Any,
) -> Convergence:
    r"""Test F for a trend, its gradient for signal, and the guide for closeness to the posterior.

    .. math:: F_t = a + b\,t + \epsilon_t, \qquad
        \mathrm{SNR} = \frac{\|E[g]\|}{\sqrt{E\|g - E[g]\|^2}}, \qquad
        \frac{p(x, z)}{q(z)} \sim \text{generalized Pareto of shape } k

    The line is fitted to the last half of the losses; its error counts the autocorrelation of
    :math:`\epsilon`. Random numbers are drawn; parameters, gradients and parameter store stay as
    they are.

    Args:
        losses: F at each step, in nats.
        model, guide: any two programs of Pyro, wherever their parameters are.
        args, kwargs: what both are called with.
        elbo: how F is estimated, for the gradient; ``Trace_ELBO`` by default.
        num_gradients: evaluations of the gradient.
        num_draws: importance weights.
        max_plate_nesting: number of nested plates: all weights are then drawn in one run.

    Raises:
        ValueError: for fewer than 20 losses, one of model and guide without the other, or numbers
            that are too small.

    Reference: Yao, Vehtari, Simpson and Gelman (2018), "Yes, but did it work?: evaluating
    variational inference"; Vehtari, Simpson, Gelman, Yao and Gabry (2024), "Pareto smoothed
    importance sampling"; Rainforth et al. (2018), "Tighter variational bounds are not necessarily
    better".

    Example:
        >>> import pyro
        >>> pyro.set_rng_seed(0)
        >>> convergence(10.0 * 0.9 ** torch.arange(300) + torch.rand(300)).converged
        True
        >>> print(convergence(torch.linspace(9.0, 7.0, 200)).advice)
        F is still falling, by 1.01 nats in 100 steps: train on.
    """
    trend = _trend(losses)
    if (model is None) != (guide is None):
        raise ValueError(complain("model, guide", "both or neither", "one of them"))
    if model is None or guide is None:
        return Convergence(trend)
    positive_int("num_gradients", num_gradients - 1)
    snr = signal_to_noise(model, guide, args, kwargs, elbo, num_gradients)
    weights = log_weights(
        model, guide, args, kwargs, positive_int("num_draws", num_draws), max_plate_nesting
    )
    return Convergence(trend, snr, pareto_k(weights))


def _trend(losses: Sequence[float] | Tensor) -> Trend | None:
    series = torch.as_tensor(losses, dtype=torch.float64).detach().flatten().numpy(force=True)
    if len(series) < FEWEST:
        raise ValueError(complain("losses", f"at least {FEWEST} numbers", f"{len(series)} of them"))
    half = series[len(series) // 2 :]
    return trend_of(half) if bool(np.isfinite(half).all()) else None
