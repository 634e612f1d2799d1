"""Angles: von Mises distributions."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch import distributions as torch_dist
from torch.special import i0e, i1e

from .family import Unbounded

NEWTON = 60
LARGE, TERMS = 30.0, 20  # from where on a series in 1 / kappa has all digits, also of derivatives


class VonMises(Unbounded):
    r"""Von Mises distributions; usual coordinates: location, concentration.

    .. math:: \theta = \kappa (\cos\mu, \sin\mu), \qquad \psi = \log I_0(\kappa), \qquad
              \eta = A(\kappa) (\cos\mu, \sin\mu), \quad A = I_1 / I_0

    Locations are returned between :math:`-\pi` and :math:`\pi`.

    Reference: Mardia and Jupp (2000), "Directional statistics", section 3.5.4.
    """

    name, domain = "VonMises", "a location and a concentration > 0"
    kinds = (torch_dist.VonMises,)

    def coordinates(self, distribution: Any) -> Tensor:
        """Location and concentration."""
        pair = distribution.loc, distribution.concentration
        return torch.stack(torch.broadcast_tensors(*pair), -1)

    def distribution(self, point: Tensor) -> Any:
        """The distribution."""
        return dist.VonMises(point[..., 0], point[..., 1])

    def valid(self, point: Tensor) -> Tensor:
        """Whether the concentration is positive."""
        fine = point.isfinite().all(-1) & (point[..., -1] > 0)
        return fine & (point.shape[-1] == 2)

    def natural(self, point: Tensor) -> Tensor:
        """Of the cosine and the sine."""
        return _vector(*point.split(1, -1))

    def from_natural(self, natural: Tensor) -> Tensor:
        """Location and concentration."""
        return torch.cat(_polar(natural), -1)

    def mean(self, point: Tensor) -> Tensor:
        """Expected cosine and sine."""
        loc, concentration = point.split(1, -1)
        return _vector(loc, _resultant(concentration))

    def from_mean(self, mean: Tensor) -> Tensor:
        """Location and concentration, by Newton's method."""
        loc, length = _polar(mean)
        return torch.cat([loc, _inverse(length)], -1)

    def log_partition(self, natural: Tensor) -> Tensor:
        """Logarithm of the Bessel function of order 0."""
        return _log_bessel(_polar(natural)[1]).squeeze(-1)

    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """KL divergence."""
        gap = self.natural(point) - self.natural(other)
        rest = _log_bessel(other[..., 1]) - _log_bessel(point[..., 1])
        return (gap * self.mean(point)).sum(-1) + rest


def _series() -> list[float]:
    """Coefficients of A in powers of 1 / kappa, which solve A' = 1 - A / kappa - A^2."""
    found = [1.0]
    for m in range(1, TERMS + 1):
        inner = sum(found[i] * found[m - i] for i in range(1, m))
        found.append(((m - 2) * found[-1] - inner) / 2)
    return found


SERIES = _series()


def _vector(angle: Tensor, length: Tensor) -> Tensor:
    return length * torch.cat([angle.cos(), angle.sin()], -1)


def _polar(vector: Tensor) -> tuple[Tensor, Tensor]:
    """Angle and length, each ``(*batch, 1)``."""
    x, y = vector.split(1, -1)
    return torch.atan2(y, x), (x.square() + y.square()).sqrt()


def _log_bessel(x: Tensor) -> Tensor:
    return i0e(x).log() + x


def _resultant(concentration: Tensor) -> Tensor:
    """A, the length of the mean of points on the circle."""
    terms = concentration.new_tensor(SERIES)
    small = 1 / concentration.clamp(min=LARGE).unsqueeze(-1)
    found = (terms * small ** torch.arange(len(terms)).to(terms)).sum(-1)
    return torch.where(concentration > LARGE, found, i1e(concentration) / i0e(concentration))


def _inverse(length: Tensor) -> Tensor:
    """The concentration with such a resultant; differentiable once. Start: Banerjee et al. (2005).

    NaN where there is none.
    """
    with torch.no_grad():
        start = length * (2 - length.square()) / (1 - length.square())
        x = torch.where((length > 0) & (length < 1), start, torch.nan)
        for _ in range(NEWTON):
            step = (_resultant(x) - length) / _slope(x)
            x = torch.maximum(x - step, x / 4)
            if bool((step.abs() <= 1e-15 * x).logical_or(x.isnan()).all()):
                break
    return x + (length - length.detach()) / _slope(x)


def _slope(x: Tensor) -> Tensor:
    resultant = _resultant(x)
    return 1 - resultant / x - resultant.square()
