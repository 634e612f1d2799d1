"""What an agent believes and plans now, as data sets.

- ``posterior``: draws of each state site from the belief, over ``chain``, ``draw`` and batch dims;
- ``policies``: ``action_probs`` over ``action``, where the agent has planned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from .._checks import complain
from ..agents import Agent
from ..behavior.data_sets import SAMPLED, dataset, event_dims
from ..store.groups import groups

if TYPE_CHECKING:
    from xarray import Dataset


@groups.register(Agent)
def _groups_of_agent(source: Agent, draws: int) -> dict[str, Dataset]:
    belief = source.belief
    if belief is None:
        way_out = "Call agent.perceive(observation) first."
        raise ValueError(complain("source", "an agent that has perceived", "a new one", way_out))
    variables = {}
    for site, density in belief.marginals.items():
        batch, event = len(density.batch_shape), len(density.event_shape)
        dims = (*SAMPLED, *_batch(batch), *event_dims(site, event))
        variables[site] = (dims, density.sample((1, draws)))
    found = {"posterior": dataset(variables, {})}
    if source.posterior is not None and not isinstance(source.posterior.action_probs, dict):
        probs: Tensor = source.posterior.action_probs
        dims = (*_batch(probs.dim() - 1), "action")
        found["policies"] = dataset({"action_probs": (dims, probs)}, {})
    return found


def _batch(count: int) -> tuple[str, ...]:
    return tuple(f"batch_{i}" for i in range(count))
