"""Values as if the state were known: a bound on what planning under uncertainty can reach."""

from __future__ import annotations

import torch
from torch import Tensor

from ..filters import ExactFilter


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
    states = filter.transition.shape[-1]
    certain = torch.eye(states, dtype=filter.dtype, device=filter.device)
    values = [torch.zeros(states, dtype=filter.dtype, device=filter.device)]
    for k in range(1, horizon + 1):
        at = filter.unpack(certain, max(end - k + 1, 0))
        worth = filter.expected_free_energy(at).pragmatic
        ahead = filter.transition @ (worth + discount * values[-1])
        values.append(ahead.max(0).values)
    return torch.stack(values)
