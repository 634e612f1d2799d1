"""How close a metric comes to being degenerate along a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .._checks import complain
from ..geometry import Manifold

FINE, BAD = 1e3, 1e8  # of the condition number, where coordinates are scaled


@dataclass(frozen=True, eq=False)
class MetricCondition:
    """What :func:`metric_condition` found.

    Attributes:
        condition: largest over smallest eigenvalue of the metric at each step, ``(steps,)``.
        scaled: the same where each coordinate has been scaled to a unit length, ``(steps,)``: it
            does not depend on units.
        rank: number of directions that can be told apart at each step, ``(steps,)``.
        size: number of coordinates.
    """

    condition: Tensor
    scaled: Tensor
    rank: Tensor
    size: int

    @property
    def worst(self) -> int:
        """The step at which the scaled condition is largest."""
        return int(self.scaled.argmax())

    @property
    def degenerate(self) -> bool:
        """Whether some direction cannot be told apart at some step."""
        return bool((self.rank < self.size).any())

    @property
    def advice(self) -> str:
        """What to do."""
        step, scaled = self.worst, float(self.scaled.max())
        if self.degenerate:
            step = int(self.rank.argmin())
            lost = self.size - int(self.rank.min())
            return (
                f"The metric is degenerate at step {step}: {lost} of {self.size} directions change "
                "nothing. Leave out parameters that say the same, or take a damping of 1e-6 or "
                "more; exact geodesics end here."
            )
        if scaled > BAD:
            return (
                f"The metric is nearly degenerate at step {step} (condition {scaled:.2g}): take a "
                "damping of about 1e-6 and a trust region, and double precision."
            )
        if scaled > FINE:
            return (
                f"Coordinates are strongly correlated at step {step} (condition {scaled:.2g}): "
                "the natural gradient gains most here; plain gradients are slow."
            )
        if float(self.condition.max()) > FINE:
            return "Coordinates differ in scale only: a gradient scaled for each (Adam) will do."
        return "The metric is well conditioned: plain and natural gradients agree nearly."

    def __str__(self) -> str:
        """Numbers and advice."""
        return (
            f"condition up to {float(self.condition.max()):.2g}, with scaled coordinates "
            f"{float(self.scaled.max()):.2g} (step {self.worst}). {self.advice}"
        )


def metric_condition(metric: Manifold | Tensor, path: Any = None) -> MetricCondition:
    r"""Condition of the metric along a run, and what it means for descent.

    .. math:: \kappa_t = \frac{\lambda_{max}(g_t)}{\lambda_{min}(g_t)}, \qquad
              \tilde g_{ij} = \frac{g_{ij}}{\sqrt{g_{ii}\, g_{jj}}}

    Args:
        metric: a manifold; or the metrics themselves, ``(steps, d, d)``, such as
            ``NaturalGradient(guide).fisher().matrix()`` at several steps.
        path: points of the manifold, ``(steps, d)``, distributions with these as batch, or a list.

    Raises:
        TypeError: it is neither a manifold nor a tensor.
        ValueError: there is no path on a manifold, no step, or metrics are not square or finite.

    Reference: Amari (2016), "Information geometry and its applications", section 12.2.

    Example:
        >>> import pyro.distributions as dist
        >>> from pyro_activeinf.geometry import StatisticalManifold
        >>> beliefs = dist.Normal(torch.zeros(3), torch.tensor([1.0, 0.1, 0.01]))
        >>> found = metric_condition(StatisticalManifold(dist.Normal), beliefs)
        >>> [round(x, 3) for x in found.condition.tolist()]
        [2.0, 2.0, 2.0]
        >>> found.advice
        'The metric is well conditioned: plain and natural gradients agree nearly.'
    """
    metrics = _metrics(metric, path).detach().double()
    diagonal = metrics.diagonal(dim1=-2, dim2=-1)
    scale = torch.where(diagonal > 0, torch.where(diagonal > 0, diagonal, 1.0).rsqrt(), 0.0)
    scaled = torch.linalg.eigvalsh(scale.unsqueeze(-1) * metrics * scale.unsqueeze(-2))
    size = metrics.shape[-1]
    least = size * torch.finfo(torch.float64).eps
    rank = (scaled > 10 * least * scaled[..., -1:].clamp(min=least)).sum(-1)
    return MetricCondition(
        _condition(torch.linalg.eigvalsh(metrics)), _condition(scaled), rank, size
    )


def _condition(values: Tensor) -> Tensor:
    return torch.where(
        values[..., 0] > 0, values[..., -1] / values[..., 0].clamp(min=1e-300), torch.inf
    )


def _metrics(metric: Manifold | Tensor, path: Any) -> Tensor:
    if isinstance(metric, Manifold):
        if path is None:
            raise ValueError(complain("path", "points of the manifold", "none"))
        metric = metric.metric(path)
    if not isinstance(metric, Tensor):
        got = type(metric).__name__
        raise TypeError(complain("metric", "a manifold, or metrics (steps, d, d)", got))
    if not bool(metric.isfinite().all()):
        way_out = "Has the run diverged? Look at the steps before."
        raise ValueError(complain("metric", "finite numbers", "others", way_out))
    if metric.dim() < 2 or metric.shape[-1] != metric.shape[-2] or not metric.numel():
        raise ValueError(complain("metric", "metrics (steps, d, d)", tuple(metric.shape)))
    return metric.reshape(-1, *metric.shape[-2:])
