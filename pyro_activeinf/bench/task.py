"""What this library does for a problem: set up once, then done again and again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..agents import Agent
from ..filters import ExactFilter, JointBelief
from ..models import POMDP
from ..planning import OpenLoop
from .worlds import World


class Timed(ABC):
    """A problem that is set up; one call does it once."""

    @abstractmethod
    def fresh(self) -> Any:
        """What a call starts from, with nothing in it computed beforehand; not timed."""

    @abstractmethod
    def run(self, start: Any) -> Any:
        """The call that is timed."""

    @abstractmethod
    def outputs(self, result: Any, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """The numbers of a result that the other side computes as well."""


class Task(Timed):
    """A discrete problem that is set up; one call does it once."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.problem = problem
        self.world = World.from_json(problem["world"])
        self.batch = () if problem["batch"] == 1 else (problem["batch"],)
        arrays: dict[str, Any] = {
            name: [torch.tensor(x).float() for x in getattr(self.world, name)] for name in "ABCD"
        }
        self.model = POMDP(
            **arrays,
            A_dependencies=self.world.A_dependencies,
            B_dependencies=self.world.B_dependencies,
        )
        self.filter = ExactFilter(self.model, joint_outcomes=False)  # as the peer counts

    def outputs(self, result: Any, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """The numbers of a result that the other side computes as well."""
        return {}

    def planner(self) -> OpenLoop:
        """A planner over all policies, or over those that are given."""
        given = self.problem["policies"]
        policies = None if given is None else self.actions(given)
        return OpenLoop(self.problem["horizon"], policies, precision=self.problem["precision"])

    def agent(self) -> Agent:
        """An agent that plans so."""
        precision = self.problem["precision"]
        return Agent(
            self.model, planner=self.planner(), filter=self.filter, action_precision=precision
        )

    def observation(self, rows: Sequence[Sequence[int]]) -> dict[str, Any]:
        """Rows ``(agents, modalities)`` as worlds show them: integers, or an array of a batch."""
        columns = np.array(rows).T
        seen = columns if self.batch else [int(column[0]) for column in columns]
        return dict(zip(self.filter.observation_sites, seen, strict=True))

    def actions(self, rows: Any) -> Tensor:
        """Actions ``(.., factors)`` as this library takes them: of what can be controlled."""
        found = torch.tensor(rows)[..., list(self.world.controlled)]
        return found.squeeze(-1) if found.shape[-1] == 1 else found

    def factors(self, actions: Tensor) -> Any:
        """Actions of a single control, ``(..)``, as rows of all factors, ``(.., factors)``."""
        rows = torch.zeros(*actions.shape, len(self.world.B), dtype=torch.long)
        rows[..., self.world.controlled[0]] = actions
        return rows.tolist()

    def start(self) -> JointBelief:
        """The belief after the first observation."""
        seen = self.observation(self.problem["world"]["first"])
        return self.filter.update(self.filter.initial(self.batch), seen)

    @property
    def action(self) -> Tensor:
        """The action after the first observation, ``(*batch[, controls])``."""
        found = self.actions(self.problem["world"]["action"])
        return found.reshape((*self.batch, *found.shape[1:]))


def unread(belief: JointBelief) -> JointBelief:
    """The same belief as a new record, in which nothing has been looked up yet."""
    return replace(belief)
