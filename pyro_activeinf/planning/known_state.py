"""Bounds on what planning under uncertainty can reach: the state known, and nothing looked at."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..filters import ExactFilter

VERY_BAD = 1e30  # for outcomes that are never wanted: an infinity cannot be multiplied with zero
CERTAIN = 1e-6  # a state is known that is believed so nearly
ROWS = 512  # beliefs that are looked at together


def known_state_values(filter: ExactFilter, end: int, horizon: int, discount: float) -> Tensor:
    r"""Best expected log-preference of each state with k steps to go, ``(horizon + 1, states)``.

    .. math::
        v_k(s) = \max_u E_{p(s'|s,u)} [\, c(s') + \delta v_{k-1}(s') \,], \qquad v_0 = 0

    where c is the expected log-preference of the outcomes in a state, in nats.

    Args:
        filter: holds the joint state's dynamics and preferences.
        end: the time index at which no steps are left.
        horizon: the largest k.
        discount: delta.

    Reference: Littman, Cassandra and Kaelbling (1995), "Learning policies for partially observable
    environments" (QMDP).

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> values = known_state_values(ExactFilter(TMaze()), 2, 2, 1.0)
        >>> [round(v, 2) for v in values[:, 0].tolist()]  # 0, then .98 * 3 - .02 * 3 each step
        [0.0, 2.88, 5.76]
    """

    def step(ahead: Tensor, worth: Tensor) -> Tensor:
        return (filter.transition @ (worth + discount * ahead)).max(0).values

    return _accumulated(filter, end, horizon, step, filter.transition.shape[-1:])


def blind_values(filter: ExactFilter, end: int, horizon: int, discount: float) -> Tensor:
    r"""Expected log-preference of one action taken k times, ``(horizon + 1, actions, states)``.

    .. math::
        v_k(u, s) = E_{p(s'|s,u)} [\, c(s') + \delta v_{k-1}(u, s') \,], \qquad v_0 = 0

    Whatever is believed, the best of these can be reached without looking.

    Args:
        filter, end, horizon, discount: as for :func:`known_state_values`.

    Reference: Hauskrecht (1997), "Incremental methods for computing bounds in partially observable
    Markov decision processes".

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> values = blind_values(ExactFilter(TMaze()), 2, 2, 1.0)
        >>> [round(v, 2) for v in values[:, 1, 0].tolist()]  # to the arm with the reward, if so
        [0.0, 2.88, 5.76]
    """

    def step(ahead: Tensor, worth: Tensor) -> Tensor:
        return (filter.transition @ (worth + discount * ahead).unsqueeze(-1)).squeeze(-1)

    return _accumulated(filter, end, horizon, step, filter.transition.shape[:2])


def _accumulated(
    filter: ExactFilter,
    end: int,
    horizon: int,
    step: Callable[[Tensor, Tensor], Tensor],
    shape: torch.Size,
) -> Tensor:
    """Values with 0, 1, .. steps to go, from those ahead and the worth of each next state."""
    certain = torch.eye(shape[-1], dtype=filter.dtype, device=filter.device)
    values = [torch.zeros(shape, dtype=filter.dtype, device=filter.device)]
    for k in range(1, horizon + 1):
        at = filter.unpack(certain, max(end - k + 1, 0))
        worth = filter.expected_free_energy(at).pragmatic
        values.append(step(values[-1], worth.clamp(min=-VERY_BAD)))
    return torch.stack(values)


def stays_known(filter: ExactFilter) -> bool:
    """Whether a state that is known is known ever after: each outcome tells where one got to.

    Example:
        >>> from pyro_activeinf.models import TMaze, Tiger
        >>> stays_known(ExactFilter(TMaze())), stays_known(ExactFilter(Tiger()))
        (True, False)
    """
    for after in filter.transition.flatten(0, 1).split(ROWS):
        branches = filter.branch(filter.unpack(after, 1), 0.0)
        if bool((branches.packed.max(-1).values < 1 - CERTAIN).any()):
            return False
    return True
