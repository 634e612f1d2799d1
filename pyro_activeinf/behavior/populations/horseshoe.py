"""Many covariates, few of which matter."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ..._checks import positive
from ..choices import Choices
from .base import Population, Program
from .design import Design
from .deviations import Deviations, NonCentered, check_deviations, standard
from .hierarchical import persons_of
from .regression import Formulas, check_formulas, regressed
from .typical import Priors, Typical, check_priors, typical_values


@dataclass(frozen=True)
class Horseshoe(Population):
    r"""A :class:`Regression` whose coefficients have the regularized horseshoe prior.

    .. math::
        \beta_j = \tau \tilde\lambda_j \zeta_j, \qquad \zeta_j \sim N(0, 1), \qquad
        \tilde\lambda_j^2 = \frac{c^2 \lambda_j^2}{c^2 + \tau^2 \lambda_j^2}, \qquad
        \lambda_j \sim C^+(0, 1), \\
        \tau \sim C^+\Big(0, \frac{p_0}{D - p_0} \frac{\sigma}{\sqrt n}\Big), \qquad
        c^2 \sim \textrm{Inv-Gamma}(\nu / 2, \nu s^2 / 2)

    for the D coefficients of a parameter, of which about :math:`p_0` matter, n subjects and
    their spread :math:`\sigma`. What matters little is drawn to 0; what matters is about as
    large as s. Covariates should have the same scale (``scale(age)``).

    Sites of a parameter ``x``: ``x_local`` :math:`\lambda` and ``x_standard`` :math:`\zeta`
    ``(columns, *inner)``; ``x_global`` :math:`\tau / \tau_0`, with :math:`\tau_0` the scale of
    its prior; ``x_slab`` :math:`c^2`; ``x_coefficients`` :math:`\beta` (deterministic); and those
    of :class:`Hierarchical`.

    Raises:
        TypeError: for formulas, a prior or deviations that are none.
        ValueError: for numbers that are not above 0, or a formula that cannot be read.

    Reference: Piironen and Vehtari (2017), "Sparsity information and regularization in the
    horseshoe and other shrinkage priors", eqs. 2.8 and 3.12.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior import Choices
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("rate", dist.Beta(2.0, 2.0))
        >>> age = {"age": torch.tensor([-1.0, 0.0, 1.0])}
        >>> choices = Choices(torch.zeros(3, 1, dtype=torch.long), covariates=age)
        >>> plate = pyro.plate("subject", 3, dim=-2)
        >>> Horseshoe("age")(program, choices, plate)["rate"].shape
        torch.Size([3])
    """

    formula: Formulas
    relevant: float = 1.0  # p0: how many coefficients of a parameter one expects to matter
    slab_scale: float = 1.0  # s
    slab_freedom: float = 4.0  # nu
    spread: Priors | None = None
    deviations: Deviations = field(default_factory=NonCentered)

    def __post_init__(self) -> None:
        """Check numbers, formulas, the prior of spread, and how persons differ."""
        check_formulas(self.formula)
        check_priors("spread", self.spread)
        check_deviations(self.deviations)
        for name in ("relevant", "slab_scale", "slab_freedom"):
            positive(name, getattr(self, name))

    def __call__(self, parameters: Program, choices: Choices, subjects: Any) -> dict[str, Tensor]:
        """Sample the parameters of every subject, site to ``(*outer, subjects, *event)``."""
        typical = typical_values(parameters)
        expected = regressed(typical, choices, self.formula, self.spread, self._coefficients)
        return persons_of(self.deviations, expected, subjects)

    def _coefficients(self, name: str, typical: Typical, columns: Design, spread: Tensor) -> Tensor:
        inner = len(typical.inner)
        shape = torch.Size([len(columns.columns), *typical.inner])
        one = torch.ones_like(spread.flatten()[0])
        local = pyro.sample(
            f"{name}_local", dist.HalfCauchy(one).expand(shape).to_event(len(shape))
        )
        scale = pyro.sample(f"{name}_global", dist.HalfCauchy(one))
        half = one * self.slab_freedom / 2
        slab = pyro.sample(f"{name}_slab", dist.InverseGamma(half, half * self.slab_scale**2))
        zeta = pyro.sample(f"{name}_standard", standard(one, shape))
        wide = (..., *[None] * len(shape))
        tau = scale[wide] * self._scale(shape, len(columns.matrix)) * spread.unsqueeze(-1 - inner)
        kept = slab[wide] / (slab[wide] + tau**2 * local**2)
        beta = tau * local * kept.sqrt() * zeta
        return pyro.deterministic(f"{name}_coefficients", beta, event_dim=len(shape))

    def _scale(self, shape: torch.Size, subjects: int) -> float:
        """p0 / (D - p0) / sqrt(n): where p0 is not below D, as if half of them mattered."""
        total = shape.numel()
        relevant = min(self.relevant, total / 2)
        return relevant / (total - relevant) / math.sqrt(subjects)
