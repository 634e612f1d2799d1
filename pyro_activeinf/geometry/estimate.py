"""The metric from samples, with its standard error."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .._checks import complain, positive_int
from .autodiff import jacobian
from .family import Family


@dataclass(frozen=True, eq=False)
class MetricEstimate:
    """A metric from samples."""

    metric: Tensor  # (*batch, d, d)
    error: Tensor  # (*batch, d, d), its standard error


def estimate(family: Family, point: Tensor, num_samples: int) -> MetricEstimate:
    r"""Mean of the outer product of the score over samples.

    .. math:: g_{ij} \approx \tfrac1n \sum_n \partial_i \log p(x_n)\, \partial_j \log p(x_n)
    """
    if positive_int("num_samples", num_samples) < 2:
        raise ValueError(complain("num_samples", "2 samples or more, for an error", num_samples))
    draws = family.distribution(point).sample((num_samples,))
    score = jacobian(lambda x: family.distribution(x).log_prob(draws).movedim(0, -1), point)
    outer = score.unsqueeze(-1) * score.unsqueeze(-2)  # (*batch, n, d, d)
    return MetricEstimate(outer.mean(-3), outer.std(-3) / num_samples**0.5)
