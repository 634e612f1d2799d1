"""Predictive coding: the beliefs of a hierarchical model, by descent on free energy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad, jacrev, vmap

from .._checks import complain, positive, positive_int
from .hierarchical import HierarchicalVariational
from .level_links import shown


@dataclass(frozen=True)
class Coded:
    """What each level believes, and by how much the level above fails to predict it."""

    means: Mapping[int, Tensor]  # level: (n, dim)
    errors: Mapping[int, Tensor]  # level: (n, dim), (z - prediction) / scale; 0 is the observed x
    free_energy: Tensor  # (steps + 1, n): F along the descent, in nats


class PredictiveCoding:
    r"""Beliefs of a :class:`HierarchicalVariational` without a guide: by gradients of F.

    .. math::
        F(\mu) = -\log p(x, \mu_{1:L}) = \sum_{i=0}^{L} \tfrac12 \epsilon_i^2 + \log \sigma_i + c,
        \quad \epsilon_i = \frac{\mu_i - g_i(\mu_{i+1})}{\sigma_i}, \quad
        \mu_i \leftarrow \mu_i - \eta \, \partial F / \partial \mu_i

    with :math:`\mu_0 = x`. Each level is moved by its own error and by that of the level below. F
    is the free energy under the Laplace assumption, but for the entropy of the beliefs; at its
    minimum the curvature is their precision, :meth:`covariance`. Where links are linear
    (``hidden_dim=0``) both are those of the exact posterior.

    Args:
        model: whose latent levels are to be inferred.
        rate: eta, the step of the descent; halved for a row whose F it would raise.

    Raises:
        TypeError: for a model of another kind.
        ValueError: for a rate that is not above 0.

    Reference: Rao and Ballard (1999), "Predictive coding in the visual cortex"; Friston (2005), "A
    theory of cortical responses"; Bogacz (2017), "A tutorial on the free-energy framework",
    eqs. 12-14 and 33.

    Example:
        >>> import pyro
        >>> _ = pyro.set_rng_seed(0)
        >>> coding = PredictiveCoding(HierarchicalVariational([3, 2, 2], hidden_dim=0))
        >>> found = coding.infer(torch.ones(5, 3), steps=50)
        >>> bool((found.free_energy.diff(dim=0) <= 0).all())
        True
        >>> {level: tuple(mean.shape) for level, mean in found.means.items()}
        {1: (5, 2), 2: (5, 2)}
    """

    def __init__(self, model: HierarchicalVariational, rate: float = 0.1) -> None:
        if not isinstance(model, HierarchicalVariational):
            raise TypeError(complain("model", "a HierarchicalVariational", repr(model)))
        self.model, self.rate = model, positive("rate", rate)

    def infer(self, x: Tensor, steps: int = 200) -> Coded:
        """Descend from what the levels above predict, ``x (n, dims[0])``.

        A step that would raise F of a row is not taken, and its rate is halved from then on; it
        grows again by a tenth with each step that is taken.

        Raises:
            ValueError: for anything but rows of finite x, in [0, 1] where they are binary.
        """
        x = self.model.checked(x)
        z = self._predicted(len(x))
        rate = x.new_full((len(x), 1), self.rate)
        energy, slope = self._slope(x, z)
        found = [energy]
        for _ in range(positive_int("steps", steps)):
            moved = z - rate * slope
            there, ahead = self._slope(x, moved)
            better = (there <= energy).unsqueeze(-1)
            z, slope = torch.where(better, moved, z), torch.where(better, ahead, slope)
            energy = torch.where(better.squeeze(-1), there, energy)
            rate = torch.where(better, 1.1 * rate, 0.5 * rate)
            found.append(energy)
        return Coded(self._levels(z), self.errors(x, z), torch.stack(found))

    def _predicted(self, rows: int) -> Tensor:
        """What the levels above predict, from the topmost down, ``(n, dims)``."""
        model, parts = self.model, list[Tensor]()
        with torch.no_grad():
            for level in range(model.depth, 0, -1):
                loc = model.prior(level, parts[0] if parts else None)[0]
                parts.insert(0, loc.expand(rows, -1))
        return torch.cat(parts, -1)

    def energy(self, x: Tensor, z: Tensor) -> Tensor:
        """-log p(x, z), ``(*batch)`` in nats; ``z`` has all levels in a row, the lowest first."""
        levels = self._levels(z)
        total = -shown(self.model.show, levels[1]).log_prob(x)
        for level, value in levels.items():
            loc, scale = self.model.prior(level, levels.get(level + 1))
            total = total - torch.distributions.Normal(loc, scale).log_prob(value).sum(-1)
        return total

    def errors(self, x: Tensor, z: Tensor) -> dict[int, Tensor]:
        """Prediction errors in standard deviations, level to ``(*batch, dim)``; 0 is that of x."""
        levels = self._levels(z)
        sight = shown(self.model.show, levels[1])
        found = {0: (x - sight.mean) / sight.stddev}
        for level, value in levels.items():
            loc, scale = self.model.prior(level, levels.get(level + 1))
            found[level] = (value - loc) / scale
        return {level: error.detach() for level, error in found.items()}

    def covariance(self, x: Tensor, coded: Coded) -> Tensor:
        """Of all levels in a row, the lowest first, ``(n, dims, dims)``: the inverse curvature.

        Args:
            x: the rows that ``coded`` was inferred from.
        """
        x = self.model.checked(x)
        if len(x) != len(coded.means[1]):
            raise ValueError(complain("x", f"the {len(coded.means[1])} rows of coded", len(x)))
        z = torch.cat([coded.means[level] for level in sorted(coded.means)], -1)
        curvature = vmap(jacrev(grad(self.energy, argnums=1), argnums=1))(x, z)
        return torch.linalg.inv(curvature.detach())

    def _slope(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """F of each row and its gradient."""
        with torch.enable_grad():
            at = z.detach().requires_grad_()
            energy = self.energy(x, at)
            (slope,) = torch.autograd.grad(energy.sum(), at)
        return energy.detach(), slope

    def _levels(self, z: Tensor) -> dict[int, Tensor]:
        return dict(enumerate(z.split(self.model.dims[1:], -1), 1))
