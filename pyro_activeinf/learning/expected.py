"""Expected counts of an episode or of a step, by whichever filter of tables there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..filters import ExactFilter, FactorizedFilter, Smoothing
from ..filters.factorized_smoothing import FactorizedSmoothing
from .counts import Counts, count
from .factorized_counts import count_factors


def counted(
    filter: ExactFilter | FactorizedFilter,
    smoothing: Any,
    observations: Mapping[str, Any],
    actions: Any,
    first: int = 0,
    start: int = 0,
) -> Counts:
    """Counts of the steps from ``first`` on, see :func:`~.counts.count`."""
    arguments = smoothing, observations, actions, first, start
    if isinstance(filter, FactorizedFilter):
        return count_factors(filter, *arguments)
    return count(filter, *arguments)


def expected_counts(
    filter: ExactFilter | FactorizedFilter, observations: Mapping[str, Any], actions: Any = None
) -> tuple[Counts, Smoothing | FactorizedSmoothing]:
    r"""Expected number of times that each entry of each table was used in an episode.

    .. math:: n_{ri} = \sum_t q\big(row_t = r, x_t = i \mid o_{0:T}\big)

    Summed over the batch. What says nothing is not counted: steps after the last observation, and
    outcomes that were not seen and that nothing seen depends on. Exact with an ``ExactFilter``;
    with a ``FactorizedFilter`` where sites are independent.

    Args:
        filter: of a model in which some sites are drawn from tables with counts.
        observations: site to values ``(*batch, time, *event)``; missing ones as for ``update``.
        actions: ``(*batch, time - 1)``, with a last dim for several controls.

    Returns:
        Table to counts, shaped as its own, and the smoothed beliefs.

    Raises:
        ValueError: as the filter's ``smooth`` does.
    """
    smoothing = filter.smooth(observations, actions)
    return counted(filter, smoothing, observations, actions), smoothing
