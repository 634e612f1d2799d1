"""A guide without a network: a distribution of its own for each site and step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyro
import torch
from pyro.infer.autoguide.initialization import InitMessenger, init_to_median
from torch import Tensor, nn

from .._checks import complain
from ..models import GenerativeModel
from ..models.series import Series
from ..models.unroll import over_time, random_names
from .base import Guide
from .sites import Quantity, latent, quantity, quiet

START_SCALE = 0.1


class MeanField(Guide):
    r"""An independent distribution for each state site, step and member of the batch.

    .. math:: q(s_{0:T}) = \prod_{t, i} q(s_t^i)

    A Gaussian per number of a continuous site, carried to its support; a probability for each
    value of a discrete one. Parameters are made when the shapes of the data are known: by the
    first call, or by :meth:`prepare`. Do either before an optimizer is given
    ``guide.parameters()``, or a saved state is loaded. Continuous sites start at the median of a
    few draws of the model.

    Where a transition is deterministic, independence is impossible and F infinite (or very large):
    take :class:`~pyro_activeinf.guides.Exact` there.

    Args:
        model: what is to be recognized.

    Raises:
        ValueError: in a call with data of other shapes than the first.

    Example:
        >>> from pyro_activeinf.models import LinearGaussian
        >>> one = torch.eye(1)
        >>> guide = MeanField(LinearGaussian(one, C=one, Q=one, R=one))
        >>> guide.prepare({"o": torch.zeros(4, 3, 1)})
        >>> [tuple(numbers.shape) for numbers in guide.parameters()]  # (batch, time, loc and scale)
        [(4, 3, 2)]
    """

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__(model)
        self.numbers = nn.ParameterList()
        self._kinds: dict[str, Quantity] = {}
        self._at: list[list[str]] = []  # sites that are latent at each step
        self._batch: torch.Size | None = None

    def prepare(self, observations: Mapping[str, Any] | None = None, actions: Any = None) -> None:
        """Make the parameters for data of these shapes."""
        self._fit(self.series(observations, actions), observations, actions)

    def forward(
        self, observations: Mapping[str, Any] | None = None, actions: Any = None
    ) -> list[dict[str, Tensor]]:
        """Sample the states of an episode; returns the values of their sites over time."""
        series = self.series(observations, actions)
        self._fit(series, observations, actions)
        self.recognize_parameters()
        numbers = dict(zip(self._kinds, self.numbers, strict=True))

        def step(t: int, previous: Any) -> dict[str, Tensor]:
            at = {
                name: self._kinds[name].distribution(numbers[name][..., t, :])
                for name in self._at[t]
            }
            return {name: pyro.sample(name, fn) for name, fn in at.items()}

        return over_time(range(series.steps), series.batch, step)

    @property
    def marginals(self) -> dict[str, Any]:
        """q of each site, of batch shape ``(*batch, time)``."""
        pairs = zip(self._kinds.items(), self.numbers, strict=True)
        return {name: kind.distribution(numbers) for (name, kind), numbers in pairs}

    def _fit(self, series: Series, observations: Any, actions: Any) -> None:
        if self._batch is None:
            self._make(series, observations, actions)
        elif (self._batch, len(self._at)) != (series.batch, series.steps):
            raise ValueError(
                complain(
                    "observations",
                    f"batch {tuple(self._batch)} and {len(self._at)} steps, as at first",
                    f"batch {tuple(series.batch)} and {series.steps} steps",
                    "Take another MeanField for other data, or guides.Amortized for any.",
                )
            )

    def _make(self, series: Series, observations: Any, actions: Any) -> None:
        with InitMessenger(init_to_median(num_samples=15)):
            trace = quiet(self.model, observations, actions)
        found = {n: fn for n, fn in latent(trace).items() if n not in random_names(self.model)}
        self._at = [[] for _ in range(series.steps)]
        starts: dict[str, list[tuple[int, Tensor]]] = {}
        for name, fn in found.items():
            site, _, t = name.rpartition("_")
            self._at[int(t)].append(site)
            if site not in self._kinds:
                self._kinds[site] = quantity(site, fn)
            value = trace.nodes[name]["value"]
            near = self._kinds[site].near(value, START_SCALE)
            starts.setdefault(site, []).append((int(t), near))
        for site in self._kinds:
            self.numbers.append(nn.Parameter(_over_steps(starts[site], series)))
        self._batch = series.batch


def _over_steps(starts: list[tuple[int, Tensor]], series: Series) -> Tensor:
    """Parameters ``(*batch, time, numbers)``; zeros where a site is certain."""
    size = starts[0][1].shape[-1]
    full = torch.zeros(*series.batch, series.steps, size)
    for t, numbers in starts:
        full[..., t, :] = numbers
    return full
