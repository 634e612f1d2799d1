"""How often something happened, and how sure one can be of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True)
class Proportion:
    """A number of successes among a number of independent trials.

    Example:
        >>> half = Proportion(5, 10)
        >>> half.rate, [round(bound, 3) for bound in half.interval()]
        (0.5, [0.237, 0.763])
    """

    successes: int
    trials: int

    @classmethod
    def of(cls, outcomes: Sequence[bool]) -> Proportion:
        """Count the successes among the outcomes of trials."""
        return cls(sum(outcomes), len(outcomes))

    @property
    def rate(self) -> float:
        """Share of the trials that succeeded."""
        return self.successes / self.trials

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        r"""Confidence interval of the probability of a success, by inversion of the score test.

        .. math::
            \frac{1}{1 + z^2 / n} \left( \hat p + \frac{z^2}{2n}
            \pm z \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4 n^2}} \right)

        Reference: Wilson (1927), "Probable inference, the law of succession, and statistical
        inference", Journal of the American Statistical Association 22.
        """
        z = NormalDist().inv_cdf((1 + level) / 2)
        n, p = self.trials, self.rate
        center = p + z**2 / (2 * n)
        spread = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        scale = 1 + z**2 / n
        low, high = (center - spread) / scale, (center + spread) / scale
        return max(0.0, min(p, low)), min(1.0, max(p, high))  # whatever the rounding
