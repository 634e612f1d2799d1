r"""The one rule of learning: natural coordinates move to the gradient in mean coordinates.

.. math:: \lambda \leftarrow (1 - \rho) \lambda + \rho \nabla_\mu E_q[\log p(x, z)]

It is a step of size rho along the natural gradient of -F, as the negative entropy has the
gradient :math:`\nabla_\mu (\lambda \cdot \mu - A) = \lambda`; and a piece of an e-geodesic, which
is straight in natural coordinates. All that learns by natural gradients does so here.

Reference: Hoffman et al. (2013), "Stochastic variational inference", JMLR; Khan and Rue (2023),
"The Bayesian learning rule", JMLR, eq. 22.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

Found = TypeVar("Found")


def natural_step(natural: Tensor, toward: Tensor, rho: float | Tensor) -> Tensor:
    r"""The rule: :math:`(1 - \rho) \lambda + \rho \lambda'`.

    Args:
        natural: :math:`\lambda`, where the belief is.
        toward: :math:`\lambda' = \nabla_\mu E_q[\log p]`, which is :math:`\lambda - \nabla_\mu F`;
            an entry of minus infinity, which is an impossible outcome, is taken over.
        rho: size of the step, in (0, 1]; 1 is the optimum where the model is conjugate.

    Example:
        >>> import torch
        >>> natural_step(torch.tensor([1.0, -1.0]), torch.tensor([3.0, -2.0]), 0.5).tolist()
        [2.0, -1.5]
    """
    if isinstance(rho, float | int) and rho == 1:
        return toward  # exact, and minus infinity stays what it is
    return (1 - rho) * natural + rho * toward


def longest(
    attempt: Callable[[float], Found | None], rho: float, halvings: int
) -> tuple[Found, float] | None:
    """What a step leads to, halved until it leads somewhere; with its size.

    Args:
        attempt: what a step of some size leads to, ``None`` where it may not be taken.
        rho: the size to begin with.
        halvings: how often it may be halved.

    Example:
        >>> longest(lambda part: 8 * part if part < 0.3 else None, 1.0, 10)
        (2.0, 0.25)
    """
    for _ in range(halvings + 1):
        found = attempt(rho)
        if found is not None:
            return found, rho
        rho /= 2
    return None
