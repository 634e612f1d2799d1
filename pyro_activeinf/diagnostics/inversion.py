"""Whether a flow is what it says: a bijection with this log-determinant."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .._checks import complain, positive_int
from ..flows import ConditionedFlow, NormalizingFlow
from ..flows.preimage import jacobian


@dataclass(frozen=True)
class Invertibility:
    """What :func:`invertibility` found.

    Attributes:
        round_trip: the largest of ``|inverse(forward(z)) - z|``; ``None`` without an inverse.
        log_det: the largest difference of log abs det from that of the Jacobian, in nats.
        condition: the largest condition number of the Jacobian: what rounding grows by.
        points: number of points tried.
        resolution: of the numbers (``torch.finfo(dtype).eps``).
    """

    round_trip: float | None
    log_det: float
    condition: float
    points: int
    resolution: float

    @property
    def tolerance(self) -> float:
        """The error that rounding explains: the square root of the resolution."""
        return float(self.resolution**0.5)

    @property
    def passed(self) -> bool:
        """Whether both errors are what rounding explains."""
        worst = max(self.log_det, self.round_trip or 0.0)  # not so where one of them is NaN
        return worst <= self.tolerance and self.log_det == self.log_det

    @property
    def advice(self) -> str:
        """What to do."""
        if not self.log_det <= self.tolerance:
            return (
                "The log-determinant is not that of the Jacobian: densities are wrong. Where the "
                "flow is one of this library, look for parameters that are not finite or huge."
            )
        if self.round_trip is None:
            return "The log-determinant is right. There is no inverse: score what was just drawn."
        if not self.round_trip <= self.tolerance:
            return (
                f"Values do not come back (the Jacobian's condition number is up to "
                f"{self.condition:.1e}): densities of foreign values are wrong. Use float64, fewer "
                "steps, a lower learning rate, or weight decay."
            )
        return "Inverse and log-determinant are right up to rounding."

    def __str__(self) -> str:
        """Numbers and advice."""
        back = "no inverse" if self.round_trip is None else f"round trip {self.round_trip:.1e}"
        numbers = f"{back}, log-det {self.log_det:.1e} nats off, condition {self.condition:.1e}"
        return f"{numbers} ({self.points} points). {self.advice}"


def invertibility(
    flow: NormalizingFlow | ConditionedFlow, points: Tensor | None = None, num_points: int = 100
) -> Invertibility:
    r"""Go forward and back, and hold the log-determinant against automatic differentiation.

    .. math:: \max_z \|f^{-1}(f(z)) - z\|_\infty, \qquad
        \max_z \bigl| \log |\det J_f(z)| - \log |\det \partial f / \partial z| \bigr|

    Args:
        flow: a flow; a conditional one with its context, ``flow.condition(context)``.
        points: ``(*batch, dim)`` to try; standard normal ones by default.
        num_points: how many of these.

    Raises:
        TypeError: for what is no flow.
        ValueError: for points of another size, a number below 1, or a conditional flow without its
            context.

    Example:
        >>> import pyro
        >>> from pyro_activeinf.flows import NormalizingFlow
        >>> pyro.set_rng_seed(0)
        >>> found = invertibility(NormalizingFlow(2, 4, "spline_coupling"))
        >>> found.passed, found.advice
        (True, 'Inverse and log-determinant are right up to rounding.')
    """
    if not isinstance(flow, NormalizingFlow | ConditionedFlow):
        raise TypeError(complain("flow", "a flows.NormalizingFlow", repr(flow)))
    z = _points(flow, num_points) if points is None else points
    with torch.no_grad():
        x, log_det = flow.forward(z)
        back = (flow.inverse(x) - z).abs().max().item() if flow.invertible else None
    matrices = jacobian(flow.forward, z.expand(x.shape))
    expected = torch.linalg.slogdet(matrices).logabsdet
    return Invertibility(
        back,
        (log_det - expected).abs().max().item(),
        torch.linalg.cond(matrices).max().item(),
        log_det.numel(),
        torch.finfo(x.dtype).eps,
    )


def _points(flow: NormalizingFlow | ConditionedFlow, count: int) -> Tensor:
    base = flow.distribution().base
    return base.sample(torch.Size((positive_int("num_points", count),)))
