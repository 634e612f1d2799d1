"""Linear Gaussian variables that are written out as one big Gaussian."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .flattened import Array


class Net:
    """Vectors, each a linear function of earlier ones with some noise."""

    def __init__(self) -> None:
        self.mean, self.cov = np.zeros(0), np.zeros((0, 0))
        self.spans: dict[str, slice] = {}

    def add(
        self, name: str, offset: Array, noise: Array, parents: Mapping[str, Array] | None = None
    ) -> None:
        """Add a vector ``sum of slope @ parent + offset + N(0, noise)``."""
        old, new = len(self.mean), len(self.mean) + len(offset)
        slope = np.zeros((len(offset), old))
        for parent, part in (parents or {}).items():
            slope[:, self.spans[parent]] += part
        cross = slope @ self.cov
        self.mean = np.concatenate([self.mean, slope @ self.mean + offset])
        self.cov = np.block([[self.cov, cross.T], [cross, cross @ slope.T + noise]])
        self.spans[name] = slice(old, new)

    def given(self, seen: Mapping[str, Array]) -> tuple[dict[str, tuple[Array, Array]], float]:
        """Mean and covariance of each vector given some of them, and their log-density."""
        known = [i for name in seen for i in range(len(self.mean))[self.spans[name]]]
        away = np.concatenate([*seen.values()]) - self.mean[known]
        spread = self.cov[np.ix_(known, known)]
        gain = np.linalg.solve(spread, self.cov[known]).T
        mean, cov = self.mean + gain @ away, self.cov - gain @ self.cov[known]
        log_det = np.linalg.slogdet(2 * np.pi * spread)[1]
        density = -0.5 * (away @ np.linalg.solve(spread, away) + log_det)
        return {n: (mean[s], cov[s, s]) for n, s in self.spans.items()}, float(density)
