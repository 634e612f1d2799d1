"""Hierarchical agents in files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import checkpoint, filters, planning
from .._checks import complain
from . import below, keeping, outward
from .floors import Floor
from .keeping import parameters, require_fit, restore_model, search
from .level import Level
from .plain import from_plain, to_plain
from .recipes import made, recipe

if TYPE_CHECKING:
    from .hierarchical import HierarchicalAgent

KIND = "hierarchical agent"


def save(path: str | os.PathLike[str], agent: HierarchicalAgent) -> None:
    """Write an agent to a file, as a whole or not at all."""
    state = {
        "levels": [_described(floor) for floor in agent.tower.floors],
        "outward": recipe(agent.outward, outward),
        "batch_shape": tuple(agent.batch_shape),
        "states": to_plain("states", agent.states),
        "belief": to_plain("belief", agent.belief),
        "actions": to_plain("actions", agent.actions),
    }
    checkpoint.save(path, KIND, state)


def _described(floor: Floor) -> dict[str, Any]:
    level = floor.level
    return {
        "model": parameters(level.model),
        "planner": recipe(level.planner, planning),
        "filter": None if level.filter is None else recipe(level.filter, filters) or {"name": ""},
        "steps_per_update": level.steps_per_update,
        "until": level.until is not None,
        "action_precision": level.action_precision,
        "below": recipe(level.below, below),
        "search": search(level.planner, floor.filter),
    }


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What :func:`save` has written."""
    return checkpoint.load(path, KIND)


def levels_of(kept: dict[str, Any], given: Sequence[Any]) -> list[Level]:
    """The levels, each with the parameters in the file; models among them are completed from it.

    Raises:
        ValueError: where they are not as many, parameters do not fit (none is changed then), or
            plain values did not describe what a model needs.
    """
    parts = kept["levels"]
    if not isinstance(given, Sequence) or len(given) != len(parts):
        raise ValueError(complain("levels", f"{len(parts)} levels, lowest first", repr(given)))
    models = [each.model if isinstance(each, Level) else each for each in given]
    for model, part in zip(models, parts, strict=True):
        require_fit(model, part["model"])
    found = [
        each if isinstance(each, Level) else _completed(i, each, part)
        for i, (each, part) in enumerate(zip(given, parts, strict=True))
    ]
    for model, part in zip(models, parts, strict=True):
        restore_model(model, part)
    return found


def _completed(i: int, model: Any, part: dict[str, Any]) -> Level:
    planner = made(part["planner"], planning)
    filter = made(part["filter"], filters, model=model)
    scored = made(part["below"], below)
    missing = planner is None or scored is None or (part["filter"] is not None and filter is None)
    if missing or part["until"]:
        expected = "a Level, as plain values did not describe its planner, filter or condition"
        way_out = f"HierarchicalAgent.load(path, [.., Level(model, ..), ..]), at position {i}."
        raise ValueError(complain(f"levels[{i}]", expected, "a model", way_out))
    clock, precision = part["steps_per_update"], part["action_precision"]
    return Level(model, planner, filter, clock, action_precision=precision, below=scored)


def outward_of(kept: dict[str, Any]) -> outward.Outward:
    """What the world is shown.

    Raises:
        ValueError: where plain values did not describe it.
    """
    found: outward.Outward | None = made(kept["outward"], outward)
    if found is None:
        expected = "the rule of the agent, which plain values did not describe"
        raise ValueError(complain("outward", expected, None))
    return found


def restore(agent: HierarchicalAgent, kept: dict[str, Any]) -> None:
    """Bring back what an agent believed and had done."""
    agent.reset(kept["batch_shape"])
    agent.states = from_plain(kept["states"])
    agent.belief = from_plain(kept["belief"])
    agent.actions = from_plain(kept["actions"])


def resume(agent: HierarchicalAgent, kept: dict[str, Any], given: Sequence[Any]) -> None:
    """Let planners that come from the file begin where those of the file would have."""
    for floor, part, each in zip(agent.tower.floors, kept["levels"], given, strict=True):
        if not isinstance(each, Level):
            keeping.resume(floor.level.planner, floor.filter, part)
