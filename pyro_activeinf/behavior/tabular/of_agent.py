"""From agents to choosers."""

from __future__ import annotations

from typing import Any

from ..._checks import complain
from ...agents import Agent
from ...filters import ExactFilter
from ...planning import OpenLoop
from ..chooser import Chooser
from ..persons import chooser_of
from .arrays import Reading, groups
from .fixed import FixedTables
from .plans import Plan, Policies
from .sites import Sites


@chooser_of.register(Agent)
def tabular(agent: Agent) -> Chooser:
    """The chooser of an agent with joint tables."""
    filter, plan = agent.filter, plan_of(agent)
    planner: Any = agent.planner
    if not isinstance(filter, ExactFilter) or plan is None:
        raise TypeError(complain("agent", "an ExactFilter and OpenLoop", repr(agent)))
    tables = filter.tables
    reading = Reading(filter.joint_outcomes, filter.novelty)
    steps = [0] if filter.stationary else range(64)
    return FixedTables(
        reading(tables, [filter.preferences(step) for step in steps]),
        Sites(groups(tables)),
        plan,
        dict(filter.habit()),
        planner.precision,
        agent.action_precision,
    )


def plan_of(agent: Agent) -> Plan | None:
    """The plan of a planner that has one over joint states."""
    planner: Any = agent.planner
    if type(planner) is OpenLoop and isinstance(agent.filter, ExactFilter):
        return Policies.of(planner, agent.filter.tables.controls)
    return None
