"""Recurrent summaries of a series: of what came before each step, or of all of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .._checks import positive_int
from ..compile import Programs
from ..models.series import Series
from .networks import StepEncoder


class _Recurrent(nn.Module):
    """A recurrent network over the features of each step."""

    def __init__(self, model: Programs, hidden_dim: int, both_ways: bool) -> None:
        super().__init__()
        hidden = positive_int("hidden_dim", hidden_dim)
        self.encoder = StepEncoder(model)
        self.network = nn.GRU(self.encoder.width, hidden, batch_first=True, bidirectional=both_ways)
        self.width = 2 * hidden if both_ways else hidden

    def forward(self, series: Series) -> Tensor:
        """What is made of the series, ``(*batch, time, width)``."""
        steps = [self._features(series, t) for t in range(series.steps)]
        rows = torch.stack([x.expand(*series.batch, x.shape[-1]) for x in steps], -2)
        found, _ = self.network(rows.reshape(-1, *rows.shape[-2:]))
        return found.reshape(*series.batch, series.steps, self.width)

    def _features(self, series: Series, t: int) -> Tensor:
        seen = {name: values.values for name, values in series.observed(t).items()}
        return self.encoder(series.action(t - 1) if t else None, seen)


class Past(_Recurrent):
    """A summary of what was seen and done up to each step: for filtering.

    Args:
        model: the model whose observations and actions are read.
        hidden_dim: size of the summary.
    """

    def __init__(self, model: Programs, hidden_dim: int) -> None:
        super().__init__(model, hidden_dim, both_ways=False)


class Whole(_Recurrent):
    """A summary of the whole series, read forward and backward: for smoothing.

    The posterior of a state given the one before depends on all that is seen from then on. A
    guide that looks at the present alone falls short of it.

    Args:
        model: the model whose observations and actions are read.
        hidden_dim: size of the summary in each direction.
    """

    def __init__(self, model: Programs, hidden_dim: int) -> None:
        super().__init__(model, hidden_dim, both_ways=True)
