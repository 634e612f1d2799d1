"""Agents in files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from .. import checkpoint, filters, learning, planning
from .._checks import complain
from ..filters import Filter
from ..learning import Learner
from ..planning import Planner
from .plain import from_plain, to_plain
from .recipes import made, recipe

if TYPE_CHECKING:
    from .single import Agent

KIND = "agent"


def save(path: str | os.PathLike[str], agent: Agent) -> None:
    """Write an agent to a file, as a whole or not at all."""
    learner = agent.learner
    state = {
        "model": parameters(agent.model),
        "belief": to_plain("belief", agent.belief),
        "action": None if agent.action is None else agent.action.detach(),
        "batch_shape": tuple(agent.batch_shape),
        "action_precision": agent.action_precision,
        "planner": recipe(agent.planner, planning),
        "filter": recipe(agent.filter, filters),
        "learner": None if learner is None else recipe(learner, learning) or {"name": ""},
        "search": search(agent.planner, agent.filter),
        "learned": None if learner is None else learner.state_dict(),
    }
    checkpoint.save(path, KIND, state)


def search(planner: planning.Planner, filter: filters.Filter) -> Mapping[str, Any] | None:
    """Where a planner would begin its next search."""
    return planner.solution(filter) if isinstance(planner, planning.Resumable) else None


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What :func:`save` has written."""
    return checkpoint.load(path, KIND)


class Parts:
    """The parts of an agent, made anew when they are asked for.

    Args:
        model: what filter and learner are of.
        kept: what was in the file.
    """

    def __init__(self, model: Any, kept: dict[str, Any]) -> None:
        self.model, self.kept = model, kept

    @property
    def planner(self) -> Planner:
        """The planner, by the arguments in the file."""
        return _required("planner", made(self.kept["planner"], planning))

    @property
    def filter(self) -> Filter:
        """The filter, by the arguments in the file."""
        return _required("filter", made(self.kept["filter"], filters, model=self.model))

    @property
    def learner(self) -> Learner | None:
        """The learner, by the arguments in the file; ``None`` where the agent had none."""
        found = self.kept["learner"]
        if found is None:
            return None
        return _required("learner", made(found, learning, model=self.model))


def _required(name: str, part: Any) -> Any:
    if part is None:
        expected = f"the {name} of the agent, which plain values did not describe"
        raise ValueError(complain(name, expected, None, f"Agent.load(path, model, {name}=..)."))
    return part


def require_fit(model: Any, learned: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` where parameters are not those of a model."""
    shapes = [{k: tuple(v.shape) for k, v in p.items()} for p in (learned, parameters(model))]
    if shapes[0] != shapes[1]:
        raise ValueError(complain("model", f"one with parameters {shapes[0]}", shapes[1]))


def restore_model(model: Any, kept: Mapping[str, Any]) -> None:
    """Give a model the parameters in the file, all of them or none."""
    require_fit(model, kept["model"])
    if isinstance(model, nn.Module):
        model.load_state_dict(kept["model"])


def restore(agent: Agent, kept: dict[str, Any]) -> None:
    """Bring back what an agent believed and had done."""
    agent.reset(kept["batch_shape"])
    if agent.learner is not None and kept["learned"] is not None:
        agent.learner.load_state_dict(kept["learned"])
    agent.belief, agent.action = from_plain(kept["belief"]), kept["action"]


def resume(planner: planning.Planner, filter: filters.Filter, kept: Mapping[str, Any]) -> None:
    """Let a planner begin its next search where that of the file would have."""
    found = kept.get("search")
    if found is not None and isinstance(planner, planning.Resumable):
        planner.resume(filter, found)


def parameters(model: Any) -> dict[str, Any]:
    """What a model has learned: its tensors by name."""
    return dict(model.state_dict()) if isinstance(model, nn.Module) else {}
