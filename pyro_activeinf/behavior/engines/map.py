"""The most probable parameters of persons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..._checks import positive, positive_int
from .ascent import Summit, bfgs
from .base import Engine, Found
from .evaluator import Evaluator
from .starts import scattered
from .target import Target
from .together import finished


@dataclass(frozen=True)
class MAP(Engine):
    r"""The mode of the posterior, as its only draw.

    .. math:: z^* = \arg\max_z \log p(u, \theta(z)) + \log |\det \partial \theta / \partial z|

    It is the mode over coordinates without bounds, which is kept by a change of units, and where
    spreads of a population do not fall to 0. Subjects that tell nothing about each other are
    climbed one by one, in one pass.

    Args:
        starts: number of points to start from; the highest end is taken.
        steps: of each way up, at most.
        tolerance: the largest coordinate of the gradient at the end, in nats.

    Raises:
        ValueError: for settings that are no numbers above 0.

    Reference: J. Nocedal and S. Wright (2006), "Numerical Optimization", algorithm 6.1 (BFGS).

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
        >>> found = fit(model, choices, MAP(), progress=False)
        >>> f"{found.parameters['side'].item():.3f}"  # z = 3 - 4 / (1 + exp(-z))
        '0.505'
    """

    starts: int = 4
    steps: int = 500
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        """Check the settings."""
        positive_int("starts", self.starts)
        positive_int("steps", self.steps)
        positive("tolerance", self.tolerance)

    def __call__(self, target: Target, start: Tensor | None, progress: bool) -> Found:
        """The mode ``(1, 1, dim)``."""
        return Found(self.mode(target, start).reshape(1, 1, target.dim))

    def mode(self, target: Target, start: Tensor | None) -> Tensor:
        """The mode of each cell, put together, ``(dim,)``."""
        answer = Evaluator(target, self.starts)
        points = answer.taken_apart(scattered(target, start, self.starts)).double().numpy()
        climb = partial(bfgs, steps=self.steps, tolerance=self.tolerance)
        found = finished([climb(point) for point in points], answer)
        cells = len(target.cells)
        best = [_highest(found[cell::cells]) for cell in range(cells)]
        z = torch.empty(target.dim)
        z[target.cells] = torch.as_tensor(np.stack([summit.z for summit in best]), dtype=z.dtype)
        return z


def _highest(found: list[Summit]) -> Summit:
    return max(found, key=lambda summit: summit.log_prob)
