"""Expected free energy of outcomes that are taken to be Gaussian, in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .._checks import complain
from ..compile import Layout
from ..filters.nested import expected, standard_error
from ..filters.prediction import Estimate, Likelihood, Prediction
from .cubature import cubature
from .estimator import Estimator, States


@dataclass(frozen=True)
class Gaussian(Estimator):
    r"""The predicted outcomes as one Gaussian that has their mean and covariance.

    .. math::
        I(s; o) \approx \tfrac12 \log \det 2 \pi e \, \Sigma - E_{q(s)}[H[p(o|s)]], \qquad
        \Sigma = E_{q(s)}[\mathrm{Cov}(o|s)] + \mathrm{Cov}_{q(s)}(E[o|s])

    Exact where the program is linear and Gaussian: with a Gaussian belief, whose states are then
    cubature points, to rounding. Elsewhere the Gaussian has the largest entropy for its
    covariance, so that with Gaussian noise epistemic value is too *high* and G too low: a lower
    bound of G. Preferences are averaged over the cubature points of the Gaussian outcomes, which
    is exact for Gaussian preferences and for polynomials up to degree 3.

    Raises:
        ValueError: on a call, for an outcome without mean and variance in the real numbers, or
            sites that depend on each other.

    Reference: Särkkä (2013), "Bayesian filtering and smoothing", ch. 6, for the cubature; Cover and
    Thomas (2006), theorem 8.6.5, for the bound.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> look = lambda s: pyro.sample("o", dist.Normal(s["s"], 1.0))
        >>> points = {"s": torch.tensor([-1.0, 1.0])}  # of a standard normal belief
        >>> halves = torch.full((2,), 0.5).log()
        >>> prediction = Prediction(
        ...     1, points, halves, Likelihood(look, points, (2,)), lambda values: {}
        ... )
        >>> round(Gaussian()(prediction).epistemic.item(), 4)  # log(2) / 2
        0.3466
    """

    states = States.MATCHED

    def __call__(self, prediction: Prediction) -> Estimate:
        """See :class:`~pyro_activeinf.free_energy.Estimator`."""
        moments = _Moments.of(prediction)
        spans = [slice(None), *moments.layout.spans.values()]
        entropy = torch.stack([_entropy(moments.cov[..., span, span]) for span in spans], -1)
        each = list(prediction.likelihood.entropy().values())
        unclear = torch.stack([sum(each[1:], each[0]), *each], -1)
        ambiguity = _mean(prediction.weights, unclear)
        worth = _pragmatic(prediction, moments)
        values = torch.stack([worth, entropy, ambiguity, torch.zeros_like(worth)], -2)
        sites = moments.layout.names
        if not prediction.sampled:
            return Estimate(values, sites)
        return Estimate(values, sites, _errors(prediction, moments, unclear[..., 0]))

    def numbers(self, particles: int) -> int:
        """See :class:`~pyro_activeinf.free_energy.Estimator`."""
        return 32 * particles


@dataclass(frozen=True)
class _Moments:
    """Means and covariances of outcomes, laid out in a vector."""

    layout: Layout  # where each site is
    means: Tensor  # (particles, *batch, numbers): E[o|s]
    noise: Tensor  # (particles, *batch, numbers, numbers): Cov(o|s)
    mean: Tensor  # (*batch, numbers)
    cov: Tensor  # (*batch, numbers, numbers)

    @classmethod
    def of(cls, prediction: Prediction) -> _Moments:
        likelihood = prediction.likelihood
        _require_apart(likelihood)
        shape = likelihood.shape
        parts = {name: _moments(name, fn, shape) for name, fn in likelihood.sites.items()}
        means = torch.cat([mean for mean, _ in parts.values()], -1)
        noise = _block_diagonal([cov for _, cov in parts.values()])
        mean = _mean(prediction.weights, means)
        away = means - mean
        outer = away.unsqueeze(-1) * away.unsqueeze(-2)
        layout = Layout({name: fn.event_shape for name, fn in likelihood.sites.items()})
        return cls(layout, means, noise, mean, _mean(prediction.weights, outer + noise))


def _mean(weights: Tensor, values: Tensor) -> Tensor:
    """Mean over particles of values ``(particles, *batch, ..)``."""
    beside = weights.reshape(*weights.shape, *[1] * (values.dim() - weights.dim()))
    return expected(beside, values)


def _require_apart(likelihood: Likelihood) -> None:
    if likelihood.linked:
        raise ValueError(
            complain(
                "observe",
                "sites that do not depend on each other",
                list(likelihood.sites),
                "Write them as one MultivariateNormal site, or take Nested().",
            )
        )


def _moments(site: str, fn: Any, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """Mean ``(*shape, numbers)`` and covariance of one site's outcomes, its event flattened."""
    cov = _covariance(fn, (*shape, fn.event_shape.numel()))
    if cov is None or not bool(cov.detach().isfinite().all()):
        raise ValueError(
            complain(
                f"site '{site}'",
                "real outcomes that have a mean and a covariance",
                type(fn).__name__,
                "Exact() takes discrete outcomes, Mixed() both, Nested() any.",
            )
        )
    return fn.mean.expand(*shape, *fn.event_shape).reshape(cov.shape[:-1]), cov


def _covariance(fn: Any, wide: tuple[int, ...]) -> Tensor | None:
    """``(*shape, numbers, numbers)``; ``None`` where it is not to be had."""
    found = getattr(fn, "covariance_matrix", None)
    if found is not None:
        return found.expand(*wide, wide[-1])
    base = fn
    while isinstance(base, torch.distributions.Independent):
        base = base.base_dist
    if base.event_shape or fn.support.is_discrete:
        return None
    return fn.variance.expand(*wide[:-1], *fn.event_shape).reshape(wide).diag_embed()


def _block_diagonal(blocks: list[Tensor]) -> Tensor:
    total = sum(block.shape[-1] for block in blocks)
    start, rows = 0, []
    for block in blocks:
        size = block.shape[-1]
        rows.append(torch.nn.functional.pad(block, (start, total - start - size)))
        start += size
    return torch.cat(rows, -2)


def _entropy(cov: Tensor) -> Tensor:
    """H of a Gaussian in nats, ``(*batch)``, from its covariance."""
    half_log_det = torch.linalg.cholesky(cov).diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return half_log_det + 0.5 * cov.shape[-1] * math.log(2 * math.pi * math.e)


def _pragmatic(prediction: Prediction, moments: _Moments) -> Tensor:
    """Expected log-preference, ``(*batch, 1 + sites)``: outcomes and states together, each site."""
    points = cubature(moments.mean, torch.linalg.cholesky(moments.cov))
    zero = torch.zeros_like(moments.mean[..., 0])
    shape = prediction.likelihood.shape
    each = prediction.log_preference({**prediction.states, **moments.layout.split(points)})
    found = {
        name: zero + x.mean(0)
        if name in moments.layout.events
        else expected(prediction.weights, x.expand(shape))
        for name, x in each.items()
    }
    total = sum(found.values(), zero)
    return torch.stack([total, *(found.get(name, zero) for name in moments.layout.names)], -1)


def _errors(prediction: Prediction, moments: _Moments, unclear: Tensor) -> dict[str, Tensor]:
    """To first order: of a mean over particles of what each adds to the terms."""
    with torch.no_grad():
        precision = torch.linalg.inv(moments.cov)
        away = (moments.means - moments.mean).unsqueeze(-1)
        second = away * away.mT + moments.noise
        information = 0.5 * (precision * second).sum((-1, -2)) - unclear
        means = {name: fn.mean for name, fn in prediction.likelihood.sites.items()}
        values = {**prediction.states, **means}
        shape = prediction.likelihood.shape
        each = [x.expand(shape) for x in prediction.log_preference(values).values()]
        worth = sum(each, torch.zeros_like(information))
    weights = prediction.weights
    return {
        "pragmatic": standard_error(weights, worth),
        "epistemic": standard_error(weights, information),
        "novelty": torch.zeros_like(information[0]),
        "total": standard_error(weights, worth + information),
    }
