"""The Kalman filter and the Rauch-Tung-Striebel smoother, in numpy: the truth about Gaussians."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tests.oracles import Array


class System(NamedTuple):
    """s' = A s + B u + N(0, Q), o = C s + d + N(0, R), s_0 ~ N(mean, cov)."""

    A: Array
    B: Array | None
    C: Array
    Q: Array
    R: Array
    mean: Array
    cov: Array
    offset: Array


class Posterior(NamedTuple):
    """Smoothed moments, and the evidence in nats."""

    means: Array  # (time, n)
    covs: Array  # (time, n, n)
    log_evidence: float


def _log_normal(x: Array, mean: Array, cov: Array) -> float:
    away = x - mean
    _, log_det = np.linalg.slogdet(2 * np.pi * cov)
    return float(-0.5 * (away @ np.linalg.solve(cov, away) + log_det))


def smooth(system: System, observations: Array, actions: Array | None = None) -> Posterior:
    """Observations (time, m); a row with NaN in it is missing. Actions (time - 1, k)."""
    mean, cov, log_evidence = system.mean, system.cov, 0.0
    predicted: list[tuple[Array, Array]] = []
    filtered: list[tuple[Array, Array]] = []
    for t, seen in enumerate(observations):
        if t:
            mean = system.A @ mean
            if system.B is not None and actions is not None:
                mean = mean + system.B @ actions[t - 1]
            cov = system.A @ cov @ system.A.T + system.Q
        predicted.append((mean, cov))
        if not np.isnan(seen).any():
            expected = system.C @ mean + system.offset
            spread = system.C @ cov @ system.C.T + system.R
            log_evidence += _log_normal(seen, expected, spread)
            gain = cov @ system.C.T @ np.linalg.inv(spread)
            mean, cov = mean + gain @ (seen - expected), cov - gain @ system.C @ cov
        filtered.append((mean, cov))
    return _backward(system, predicted, filtered, log_evidence)


def _backward(
    system: System,
    predicted: Sequence[tuple[Array, Array]],
    filtered: Sequence[tuple[Array, Array]],
    log_evidence: float,
) -> Posterior:
    means, covs = [filtered[-1][0]], [filtered[-1][1]]
    for (mean, cov), (ahead, spread) in zip(filtered[-2::-1], predicted[:0:-1], strict=True):
        gain = cov @ system.A.T @ np.linalg.inv(spread)
        means.insert(0, mean + gain @ (means[0] - ahead))
        covs.insert(0, cov + gain @ (covs[0] - spread) @ gain.T)
    return Posterior(np.array(means), np.array(covs), log_evidence)


class Joint(NamedTuple):
    """The posterior of all states together."""

    mean: Array  # (time * n)
    cov: Array  # (time * n, time * n)
    log_evidence: float


def joint_posterior(system: System, observations: Array, actions: Array | None = None) -> Joint:
    """From one big Gaussian over all states and observations, with nothing recursive."""
    steps, n = len(observations), len(system.mean)
    move = np.zeros((steps * n, steps * n))  # s = move s + shift + noise
    shift, noise = np.zeros(steps * n), np.zeros((steps * n, steps * n))
    for t in range(steps):
        at = slice(t * n, (t + 1) * n)
        shift[at], noise[at, at] = (system.mean, system.cov) if t == 0 else (0.0, system.Q)
        if t:
            move[at, (t - 1) * n : t * n] = system.A
            if system.B is not None and actions is not None:
                shift[at] = system.B @ actions[t - 1]
    inverse = np.linalg.inv(np.eye(steps * n) - move)
    mean, cov = inverse @ shift, inverse @ noise @ inverse.T
    there = ~np.isnan(observations).any(-1)
    show = np.kron(np.eye(steps)[there], system.C)
    spread = show @ cov @ show.T + np.kron(np.eye(int(there.sum())), system.R)
    seen, expected = observations[there].ravel(), show @ mean + np.tile(system.offset, there.sum())
    gain = cov @ show.T @ np.linalg.inv(spread)
    evidence = _log_normal(seen, expected, spread) if there.any() else 0.0
    return Joint(mean + gain @ (seen - expected), cov - gain @ show @ cov, evidence)


def random_system(seed: int, n: int = 2, m: int = 2, k: int | None = 1) -> System:
    """A stable system of random matrices."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.standard_normal((n, n)))[0]

    def covariance(size: int, scale: float) -> Array:
        root = rng.standard_normal((size, size))
        found: Array = scale * (root @ root.T + np.eye(size))
        return found

    return System(
        A=0.9 * rotation,
        B=None if k is None else rng.standard_normal((n, k)),
        C=rng.standard_normal((m, n)),
        Q=covariance(n, 0.2),
        R=covariance(m, 0.3),
        mean=rng.standard_normal(n),
        cov=covariance(n, 0.5),
        offset=rng.standard_normal(m),
    )


def simulate(
    system: System, seed: int, steps: int, missing: float = 0.0
) -> tuple[Array, Array | None]:
    """Observations (time, m), NaN where missing, and actions (time - 1, k) drawn from -1 to 1."""
    rng = np.random.default_rng(seed)
    state = rng.multivariate_normal(system.mean, system.cov)
    actions = None if system.B is None else rng.uniform(-1, 1, (steps - 1, system.B.shape[1]))
    rows = []
    for t in range(steps):
        if t:
            push = 0.0 if system.B is None or actions is None else system.B @ actions[t - 1]
            state = rng.multivariate_normal(system.A @ state + push, system.Q)
        rows.append(rng.multivariate_normal(system.C @ state + system.offset, system.R))
    seen = np.array(rows)
    seen[rng.random(steps) < missing] = np.nan
    return seen, actions
