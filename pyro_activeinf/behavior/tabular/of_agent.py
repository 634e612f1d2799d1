"""From agents to choosers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.fx.experimental.proxy_tensor import disable_proxy_modes_tracing

from ..._checks import instance
from ...agents import Agent
from ...compile import Counted, Table
from ...compile.program import habit_tables
from ...filters import ExactFilter
from ...learning import DirichletLearner, EachEpisode, EachStep
from ...learning.dirichlet import DirichletUpdate, tables_of
from ...models import POMDP
from ...planning import OpenLoop, Sophisticated
from ..chooser import Chooser
from ..persons import NoCommonForm, alone, chooser_of
from .arrays import Reading, groups
from .branching import Branching
from .course import Rule
from .fixed import FixedTables
from .learned import LearnedTables
from .plans import Plan, Policies
from .sites import Sites
from .skeleton import Blank, Skeleton

TIMED_STEPS = 256  # of programs whose preferences depend on time, and are told step by step


@alone.register(Agent)
def lonely(agent: Agent) -> str | None:
    """Why agents like this one have no common tables; ``None`` where they have."""
    if type(agent.filter) is not ExactFilter:
        return f"{type(agent.filter).__name__} has no joint tables."
    if plan_of(agent) is None:
        return f"{type(agent.planner).__name__} has no form for joint tables."
    learner = agent.learner
    if learner is None:
        return None
    if type(learner) is not DirichletLearner:
        return f"{type(learner).__name__} does not learn by counting."
    return _why_not_counted(agent, agent.filter, learner)


def _why_not_counted(agent: Agent, filter: ExactFilter, learner: Any) -> str | None:
    rule = learner.rule or DirichletUpdate()
    if type(rule) is not DirichletUpdate or callable(rule.rate) or callable(rule.forgetting):
        return "counts change by a schedule, or by a rule of their own."
    if type(learner.occasion) not in (EachStep, EachEpisode, type(None)):
        return f"{type(learner.occasion).__name__} is an occasion of its own."
    if not filter.stationary and any(_counted(filter.preferences(t)) for t in range(2)):
        return "preferences are learned that depend on time."
    return None


def _counted(tables: Iterable[Table]) -> bool:
    return any(table.source is not None for table in tables)


@chooser_of.register(Agent)
def tabular(agent: Agent) -> Chooser:
    """The chooser of an agent with joint tables.

    Raises:
        TypeError: for what is no agent.
        NoCommonForm: for another one.
    """
    instance("agent", agent, Agent, "an Agent")
    why, plan, filter = lonely(agent), plan_of(agent), agent.filter
    if why is not None or plan is None or not isinstance(filter, ExactFilter):
        raise NoCommonForm(why)
    if agent.learner is not None:
        return _learned(agent, filter, plan)
    tables, planner = filter.tables, _planner(agent)
    return FixedTables(
        _reading(filter, plan)(tables, _preferences(filter)),
        Sites(groups(tables)),
        plan,
        dict(filter.habit()),
        planner.precision,
        agent.action_precision,
        getattr(planner, "discount", 1.0),
        _told(filter),
    )


def _learned(agent: Agent, filter: ExactFilter, plan: Plan) -> LearnedTables:
    learner: Any = agent.learner
    tables, planner = filter.tables, _planner(agent)
    held = tables_of(agent.model)
    names: dict[Counted, str] = {table: name for name, table in held.items()}
    habit = habit_tables(agent.model, tables.controls)
    skeleton, fixed = Skeleton.of(tables, _preferences(filter), habit, names)
    update: Any = learner.rule or DirichletUpdate()
    learns = list(names) if learner.tables is None else learner.tables
    return LearnedTables(
        skeleton=skeleton,
        reading=_reading(filter, plan),
        sites=Sites(groups(tables)),
        plan=plan,
        rule=_rule(skeleton, frozenset(names[t] for t in learns), update.cap, _episodes(learner)),
        fixed=fixed,
        shapes={name: tuple(table.counts.shape) for name, table in held.items()},
        counts={name: table.counts for name, table in held.items()},
        prior={name: table.prior for name, table in held.items()},
        rate=update.rate,
        forgetting=update.forgetting,
        precision=planner.precision,
        action_precision=agent.action_precision,
        discount=getattr(planner, "discount", 1.0),
        told=_told(filter),
    )


def _episodes(learner: Any) -> int | None:
    """How many sessions are learned from together; ``None`` where each time step is."""
    if isinstance(learner.occasion, EachStep):
        return None
    return 1 if learner.occasion is None else int(learner.occasion.number)


def _rule(skeleton: Skeleton, learns: frozenset[str], cap: float, episodes: int | None) -> Rule:
    """Which tables are drawn from when; whole policies are drawn at no time."""
    habits = [blank for blank in skeleton.habit if blank.table.variable.name != "policy"]
    return Rule(
        learns,
        starts=_owners(skeleton.initial),
        moves=_owners([*skeleton.transition, *habits]),
        always=_owners([*skeleton.observe, *skeleton.preferences[0]]),
        cap=cap,
        episodes=episodes,
    )


def _owners(blanks: Iterable[Blank]) -> frozenset[str]:
    return frozenset(blank.owner for blank in blanks if blank.owner is not None)


def _preferences(filter: ExactFilter) -> list[tuple[Table, ...]]:
    """Log-preferences of each time step that has its own; later ones are as the last."""
    return [filter.preferences(step) for step in range(_steps(filter))]


def _steps(filter: ExactFilter) -> int:
    if filter.stationary:
        return 1
    model = filter.model
    if isinstance(model, POMDP):
        return 1 + max(len(c) for c in model.C if c.dim() == 2)
    return TIMED_STEPS


def _told(filter: ExactFilter) -> int | None:
    """Number of time steps whose preferences are known; ``None`` where all are."""
    return None if filter.stationary or isinstance(filter.model, POMDP) else TIMED_STEPS


def _reading(filter: ExactFilter, plan: Plan) -> Reading:
    return Reading(filter.joint_outcomes, filter.novelty, isinstance(plan, Branching))


def _planner(agent: Agent) -> Any:
    return agent.planner


def plan_of(agent: Agent) -> Plan | None:
    """The plan of a planner that has one over joint states."""
    planner, filter = _planner(agent), agent.filter
    if not isinstance(filter, ExactFilter):
        return None
    controls = filter.tables.controls
    if type(planner) is OpenLoop:
        with disable_proxy_modes_tracing():  # policies are constants to a tracer
            return Policies.of(planner, controls)
    if type(planner) is Sophisticated and planner.deadline is None and filter.stationary:
        return Branching.of(planner, controls)
    return None
