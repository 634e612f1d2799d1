"""Peers for one person in plain Python, written from the papers' equations."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.integrate import quad
from scipy.stats import norm

Trials = Sequence[tuple[int, float | None]]  # action and reward; None where it is missing


def softmax(worth: Sequence[float]) -> list[float]:
    top = max(worth)
    each = [math.exp(w - top) for w in worth]
    return [e / sum(each) for e in each]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def rescorla_wagner(
    trials: Trials,
    actions: int,
    beta: float,
    gain: float,
    loss: float | None = None,
    forgetting: float = 0.0,
    stickiness: float = 0.0,
) -> list[list[float]]:
    values, last, probs = [0.0] * actions, None, []
    for action, reward in trials:
        probs.append(softmax([beta * q + stickiness * (u == last) for u, q in enumerate(values)]))
        if reward is not None:
            error = reward - values[action]
            values[action] += (loss if loss is not None and error < 0 else gain) * error
        for other in range(actions):
            if other != action:
                values[other] *= 1 - forgetting
        last = action
    return probs


def kalman(
    trials: Trials,
    actions: int,
    noise: float,
    drift: float,
    beta: float | None = None,
    bonus: float = 0.0,
) -> list[list[float]]:
    mean, variance, probs = [0.0] * actions, [1.0] * actions, []
    for action, reward in trials:
        if beta is None:
            probs.append(best(mean, variance))
        else:
            sure = zip(mean, variance, strict=True)
            probs.append(softmax([beta * (m + bonus * math.sqrt(v)) for m, v in sure]))
        if reward is not None:
            gain = variance[action] / (variance[action] + noise)
            mean[action] += gain * (reward - mean[action])
            variance[action] *= 1 - gain
        variance = [v + drift for v in variance]
    return probs


def best(mean: Sequence[float], variance: Sequence[float]) -> list[float]:
    """How probably each normal variable is the largest: by adaptive quadrature."""
    spread = [math.sqrt(v) for v in variance]

    def density(x: float, u: int) -> float:
        others = [norm.cdf(x, mean[k], spread[k]) for k in range(len(mean)) if k != u]
        return float(norm.pdf(x, mean[u], spread[u]) * math.prod(others))

    limits = [(m - 9 * s, m + 9 * s) for m, s in zip(mean, spread, strict=True)]
    return [
        quad(density, *limits[u], args=(u,), epsabs=1e-13, epsrel=1e-13, limit=200)[0]
        for u in range(len(mean))
    ]


def hgf(
    trials: Trials,
    omega: float,
    zeta: float,
    theta: float | None = None,
    kappa: float = 1.0,
) -> tuple[list[list[float]], np.ndarray]:
    """Probabilities of choices, and (mu_2, 1 / pi_2, mu_3, 1 / pi_3) after each trial."""
    mu2, sigma2, mu3, sigma3 = 0.0, 1.0, 0.0, 1.0
    probs, path = [], []
    for action, reward in trials:
        right = sigmoid(zeta * mu2)
        probs.append([1 - right, right])
        if reward is not None:
            u = float((reward > 0) == (action == 1))
            nu = math.exp(omega if theta is None else kappa * mu3 + omega)
            muhat1 = sigmoid(mu2)
            delta1 = u - muhat1
            sigmahat1 = muhat1 * (1 - muhat1)
            sigmahat2 = sigma2 + nu
            new_sigma2 = 1 / (1 / sigmahat2 + sigmahat1)
            new_mu2 = mu2 + new_sigma2 * delta1
            if theta is not None:
                pihat3 = 1 / (sigma3 + theta)
                w2 = nu / (sigma2 + nu)
                r2 = (nu - sigma2) / (sigma2 + nu)
                delta2 = (new_sigma2 + (new_mu2 - mu2) ** 2) / (sigma2 + nu) - 1
                pi3 = pihat3 + kappa**2 / 2 * w2 * (w2 + r2 * delta2)
                if pi3 > 0:
                    sigma3 = 1 / pi3
                    mu3 = mu3 + sigma3 * kappa / 2 * w2 * delta2
                else:
                    sigma3 = 1 / pihat3
            mu2, sigma2 = new_mu2, new_sigma2
        path.append((mu2, sigma2, mu3, sigma3))
    return probs, np.array(path)


def win_stay(trials: Trials, actions: int, stay: float, shift: float) -> list[list[float]]:
    now, probs = [1 / actions] * actions, []
    for action, reward in trials:
        probs.append(now)
        if reward is not None:
            again = stay if reward > 0 else 1 - shift
            now = [again if u == action else (1 - again) / (actions - 1) for u in range(actions)]
    return probs
