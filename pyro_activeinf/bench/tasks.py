"""The tasks of this library, by the names that problems call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..filters import JointBelief
from ..records import Belief, PolicyPosterior, Trajectory
from ..rollout import rollout
from .agreement import agent_numbers, belief_numbers, plan_numbers
from .behavior import PopulationGradient
from .cart import GaussianScoring
from .levels import LevelStepping
from .simulator import Simulator
from .swing import ParticlePlanning
from .task import Task, Timed, unread


class Scoring(Task):
    """G of every policy, and the posterior over policies, from a belief."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(problem)
        self.plan, self.belief = self.planner(), self.start()

    def fresh(self) -> Belief:
        """The belief after the first observation."""
        return unread(self.belief)

    def run(self, start: Belief) -> PolicyPosterior:
        """Plan."""
        return self.plan(self.filter, start)

    def outputs(self, result: PolicyPosterior, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """Minus G and q(pi), ``(batch, policies)``."""
        return plan_numbers(result)


class Updating(Task):
    """A posterior over states from a prior and an observation."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(problem)
        self.belief = self.filter.predict(self.start(), self.action)
        self.seen = self.observation(problem["world"]["second"])

    def fresh(self) -> Belief:
        """The belief that was predicted after the first action."""
        return unread(self.belief)

    def run(self, start: JointBelief) -> JointBelief:
        """Update; the posterior is ready as probabilities, as the peer's is."""
        found = self.filter.update(start, self.seen)
        _ = found.probs
        return found

    def outputs(self, result: JointBelief, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """Marginals."""
        return belief_numbers(result)


class Stepping(Task):
    """A whole step of an agent: perceive, plan, act."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(problem)
        self.actor, self.belief = self.agent(), self.start()
        self.seen, self.taken = self.observation(problem["world"]["second"]), self.action

    def fresh(self) -> Belief:
        """The belief after the first observation."""
        return unread(self.belief)

    def run(self, start: Belief) -> Tensor:
        """Take the first action as done, see what comes of it, and choose the next one."""
        self.actor.belief = start
        self.actor.perceive(self.seen, action=self.taken)
        return self.actor.act()

    def outputs(self, result: Tensor, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """Marginals and plan after the second observation."""
        return agent_numbers(self.actor)


class Rollout(Task):
    """Agents that live in worlds drawn from their own model, everything recorded."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(problem)
        self.actor = self.agent()
        self.worlds = Simulator(self.world, problem["batch"])

    def fresh(self) -> None:
        """Nothing is kept from one rollout to the next."""

    def run(self, start: None) -> Trajectory:
        """Live through so many steps."""
        return rollout(self.actor, self.worlds, steps=self.problem["steps"], progress=False)

    def outputs(self, result: Trajectory, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """Beliefs at the end: of the other side's observations and actions, or else of its own."""
        if given is None:
            return {
                "observations": [x.tolist() for x in result.observations.values()],
                "actions": self.factors(result.actions[..., :-1]),
                **agent_numbers(self.actor),
            }
        seen = torch.tensor(given["observations"])  # (modalities, batch, time)
        taken = self.actions(given["actions"])  # (batch, time[, controls])
        self.actor.reset((self.problem["batch"],))
        for t in range(seen.shape[-1]):
            step = dict(zip(self.filter.observation_sites, seen[..., t], strict=True))
            self.actor.perceive(step, action=taken[:, t - 1] if t else None)
        self.actor.plan()
        return agent_numbers(self.actor)


class Living(Rollout):
    """The same without a record: one call is one episode."""

    def run(self, start: None) -> None:  # type: ignore[override]
        """Live through an episode of so many steps."""
        seen, _ = self.worlds.reset()
        self.actor.reset((self.problem["batch"],))
        self.actor.perceive(seen)
        for _ in range(self.problem["steps"]):
            seen, *_ = self.worlds.step(self.actor.act().numpy())
            self.actor.perceive(seen)


class Products(Task):
    """The matrix products alone that scoring every policy takes, each prefix once.

    Beliefs at all depths but the last are multiplied with the transitions; at all depths with the
    outcomes of the next step (likelihood, its entropy and expected preference) under each action.
    """

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(problem)
        move = self.filter.transition  # (actions, states, next states)
        self.count = len(move)
        columns = sum(a.shape[0] for a in self.world.A) + 2
        outcomes = torch.randn(move.shape[-1], columns, dtype=move.dtype)
        self.move = move.transpose(0, 1).flatten(1)
        self.look = (move @ outcomes).transpose(0, 1).flatten(1)
        self.probs = self.start().probs.reshape(-1, move.shape[-1])

    def fresh(self) -> Tensor:
        """Probabilities ``(batch, states)``."""
        return self.probs

    def run(self, start: Tensor) -> list[Tensor]:
        """Multiply."""
        found = []
        for depth in range(self.problem["horizon"]):
            found.append(start @ self.look)
            if depth < self.problem["horizon"] - 1:
                start = (start @ self.move).reshape(-1, start.shape[-1])
        return found


TASKS: dict[str, Callable[[Mapping[str, Any]], Timed]] = {
    "scoring": Scoring,
    "updating": Updating,
    "stepping": Stepping,
    "rollout": Rollout,
    "living": Living,
    "products": Products,
    "gaussian scoring": GaussianScoring,
    "particle planning": ParticlePlanning,
    "stepping of levels": LevelStepping,
    "gradient of a population": PopulationGradient,
}
