"""Laplace's approximation of the parameters of persons."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ..._checks import instance, positive_int
from .base import Engine, Found
from .importance import weighed
from .map import MAP
from .target import Target


class CurvatureWarning(UserWarning):
    """The posterior is not curved downward at what should be its mode."""


@dataclass(frozen=True)
class Laplace(Engine):
    r"""A normal distribution at the mode, with the curvature there.

    .. math:: q(z) = N(z; z^*, \Sigma), \qquad \Sigma^{-1} = - \nabla^2 \log \pi(z^*)

    Coordinates are those without bounds. Subjects that tell nothing about each other have a mode,
    a covariance, an evidence and a k-hat each.

    Args:
        draws: from the approximation.
        mode: how to find the mode.

    Raises:
        ValueError: for a number of draws below 1.
        TypeError: for a mode that is no :class:`MAP`.

    Warns:
        CurvatureWarning: the posterior is flat or curved upward at its mode.

    Reference: Tierney and Kadane (1986), "Accurate approximations for posterior moments and
    marginal densities", JASA 81.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior import ChoiceModel, Choices, fit
        >>> from pyro_activeinf.behavior.peers import RandomChoice
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("side", dist.Normal(0.0, 1.0))
        >>> model = ChoiceModel(
        ...     program, lambda p: RandomChoice(torch.stack([0 * p["side"], p["side"]]))
        ... )
        >>> choices = Choices(torch.tensor([[1, 1, 1, 0]]))
        >>> found = fit(model, choices, Laplace(draws=2000), progress=False)
        >>> bool(abs(found.spreads["side"] - 0.718).item() < 0.03)  # (1 + 4 p (1 - p)) ** -0.5
        True
    """

    draws: int = 1000
    mode: MAP = field(default_factory=MAP)

    def __post_init__(self) -> None:
        """Check the settings."""
        positive_int("draws", self.draws)
        instance("mode", self.mode, MAP, "how to find the mode, MAP()")

    def __call__(self, target: Target, start: Tensor | None, progress: bool) -> Found:
        """Draws ``(1, draws, dim)``."""
        mode = self.mode.mode(target, start)
        root = covariance_root(curvature(target, mode))
        return weighed(target, partial(_drawn, target, mode, root), self.draws)


def _drawn(target: Target, mode: Tensor, root: Tensor, draws: int) -> tuple[Tensor, Tensor]:
    """Points ``(draws, dim)`` and the log-density of each cell ``(draws, cells)``."""
    density = torch.distributions.MultivariateNormal(mode[target.cells], scale_tril=root)
    drawn = density.sample((draws,))
    z = drawn.new_empty(draws, target.dim)
    z[:, target.cells] = drawn
    return z, density.log_prob(drawn)


def curvature(target: Target, z: Tensor) -> Tensor:
    r"""Minus the second derivatives of the log-density by cell, ``(cells, size, size)``."""
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(target.log_prob(leaf), leaf, create_graph=True)
        rows = [
            torch.autograd.grad(gradient[index].sum(), leaf, retain_graph=True)[0]
            for index in target.cells.T
        ]
    # one row for every cell at a time: cells know nothing of each other
    found = -torch.stack([row[target.cells] for row in rows], 1)
    return (found + found.mT) / 2


def covariance_root(precision: Tensor) -> Tensor:
    """The Cholesky factor of the inverse; of a flat direction as if its precision were small."""
    values, vectors = torch.linalg.eigh(precision)
    least = 1e-4 * values.amax(-1, keepdim=True).clamp(min=1.0)
    if bool((values < least).any()):
        text = "The posterior is flat or curved upward at its mode: look at pareto_k."
        warnings.warn(text, CurvatureWarning, stacklevel=2)
    covariance = vectors / values.clamp(min=least).unsqueeze(-2) @ vectors.mT
    return torch.linalg.cholesky(covariance)
