"""The way of points through a flow."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class FlowSteps:
    r"""Where points are before and after each step of a flow.

    .. math:: z_0 \to z_1 \to \dots \to z_L = x, \qquad
        \log q(z_l) = \log q(z_0) - \sum_{k \le l} \log |\det J_k|

    Attributes:
        points: ``(length + 1, *batch, dim)``; the first are those that were given.
        log_dets: log abs det of the Jacobian of each step, ``(length, *batch)``.
    """

    points: Tensor
    log_dets: Tensor

    @property
    def log_det(self) -> Tensor:
        """Of the whole flow, ``(*batch,)``."""
        return self.log_dets.sum(0)

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.log_dets)
