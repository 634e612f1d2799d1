"""From agents to choosers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..._checks import complain
from ...agents import Agent
from ...compile.program import habit_tables
from ...filters import ExactFilter
from ...learning import DirichletLearner, EachStep
from ...learning.dirichlet import DirichletUpdate, tables_of
from ...planning import OpenLoop
from ..chooser import Chooser
from ..persons import chooser_of
from .arrays import Reading, groups
from .fixed import FixedTables
from .learned import LearnedTables, Rule
from .plans import Plan, Policies
from .sites import Sites
from .skeleton import Blank, Skeleton


@chooser_of.register(Agent)
def tabular(agent: Agent) -> Chooser:
    """The chooser of an agent with joint tables."""
    filter, plan = agent.filter, plan_of(agent)
    if not isinstance(filter, ExactFilter) or plan is None:
        raise TypeError(complain("agent", "an ExactFilter and OpenLoop", repr(agent)))
    if agent.learner is not None:
        return _learned(agent, filter, plan)
    tables, planner = filter.tables, _planner(agent)
    steps = [0] if filter.stationary else range(64)
    return FixedTables(
        _reading(filter)(tables, [filter.preferences(step) for step in steps]),
        Sites(groups(tables)),
        plan,
        dict(filter.habit()),
        planner.precision,
        agent.action_precision,
    )


def _learned(agent: Agent, filter: ExactFilter, plan: Plan) -> LearnedTables:
    learner: Any = agent.learner
    if not isinstance(learner, DirichletLearner) or not isinstance(learner.occasion, EachStep):
        raise TypeError(complain("learner", "a DirichletLearner that learns EachStep", learner))
    tables, planner = filter.tables, _planner(agent)
    names = {table: name for name, table in tables_of(agent.model).items()}
    habit = habit_tables(agent.model, tables.controls)
    skeleton, fixed = Skeleton.of(tables, [filter.preferences(0)], habit, names)
    update = learner.rule or DirichletUpdate()
    learns = list(names) if learner.tables is None else learner.tables
    return LearnedTables(
        skeleton=skeleton,
        reading=_reading(filter),
        sites=Sites(groups(tables)),
        plan=plan,
        rule=_rule(skeleton, frozenset(names[table] for table in learns), update.cap),
        fixed=fixed,
        shapes={name: tuple(table.counts.shape) for table, name in names.items()},
        counts={name: table.counts for table, name in names.items()},
        prior={name: table.prior for table, name in names.items()},
        rate=update.rate,
        forgetting=update.forgetting,
        precision=planner.precision,
        action_precision=agent.action_precision,
    )


def _rule(skeleton: Skeleton, learns: frozenset[str], cap: float) -> Rule:
    """Which tables are drawn from when; whole policies are drawn at no time."""
    habits = [blank for blank in skeleton.habit if blank.table.variable.name != "policy"]
    return Rule(
        learns,
        starts=_owners(skeleton.initial),
        moves=_owners([*skeleton.transition, *habits]),
        always=_owners([*skeleton.observe, *skeleton.preferences[0]]),
        cap=cap,
    )


def _owners(blanks: Iterable[Blank]) -> frozenset[str]:
    return frozenset(blank.owner for blank in blanks if blank.owner is not None)


def _reading(filter: ExactFilter) -> Reading:
    return Reading(filter.joint_outcomes, filter.novelty)


def _planner(agent: Agent) -> Any:
    return agent.planner


def plan_of(agent: Agent) -> Plan | None:
    """The plan of a planner that has one over joint states."""
    planner = _planner(agent)
    if type(planner) is OpenLoop and isinstance(agent.filter, ExactFilter):
        return Policies.of(planner, agent.filter.tables.controls)
    return None
