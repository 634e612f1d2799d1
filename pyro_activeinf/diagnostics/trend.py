"""Whether a series still goes somewhere, its neighbors being alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Trend:
    """A straight line through a series.

    Attributes:
        slope: per step.
        error: standard error of the slope, autocorrelation included.
        noise: standard deviation around the line.
        correlation_time: number of steps that are worth one independent step.
        steps: length of the series.
    """

    slope: float
    error: float
    noise: float
    correlation_time: float
    steps: int

    @property
    def score(self) -> float:
        """The slope in standard errors."""
        if self.error > 0:
            return self.slope / self.error
        return 0.0 if self.slope == 0 else float(np.copysign(np.inf, self.slope))


def trend_of(series: Array) -> Trend:
    r"""Fit a line by least squares.

    .. math:: \mathrm{se}^2 = \tau \frac{\hat\sigma^2}{\sum_t (t - \bar t)^2}, \qquad
        \tau = 1 + 2 \sum_k \rho_k

    with the autocorrelations of the residuals summed up to the first pair whose sum is negative.

    Reference: Geyer (1992), "Practical Markov chain Monte Carlo", section 3.3.

    Example:
        >>> found = trend_of(np.arange(50.0) + np.tile([1.0, -1.0], 25))
        >>> round(found.slope, 2), found.score > 50
        (1.0, True)
    """
    count = len(series)
    time = np.arange(count) - (count - 1) / 2
    slope = float(time @ series / (time @ time))
    rest = series - series.mean() - slope * time
    variance = float(rest @ rest) / (count - 2)
    tau = _correlation_time(rest)
    error = float(np.sqrt(tau * variance / (time @ time)))
    return Trend(slope, error, float(np.sqrt(variance)), tau, count)


def _correlation_time(rest: Array) -> float:
    """At least one step."""
    power = float(rest @ rest)
    if power == 0.0:
        return 1.0
    size = 2 ** int(np.ceil(np.log2(2 * len(rest))))
    spectrum = np.abs(np.fft.rfft(rest, size)) ** 2
    rho = np.fft.irfft(spectrum)[: len(rest)] / power
    pairs = rho[: len(rho) // 2 * 2].reshape(-1, 2).sum(1)
    end = int(np.argmax(pairs < 0)) if (pairs < 0).any() else len(pairs)
    return max(1.0, float(2.0 * pairs[:end].sum() - 1.0))
