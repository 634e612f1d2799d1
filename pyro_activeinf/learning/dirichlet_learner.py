"""Counting while one acts: after each step, or after each episode in hindsight."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .._checks import complain, positive_int
from ..compile import Compiled, Programs, control_sizes
from ..filters import ExactFilter, FactorizedBelief, FactorizedFilter, Filter, JointBelief
from ..models import CategoricalTable
from ..records import SoftObservation
from .counts import Counts, log_weights_of, named
from .dirichlet import DirichletUpdate, added, apply, chosen_of, tables_of
from .expected import counted, expected_counts
from .learner import Experience, Learner


class Occasion(ABC):
    """When counts are added up, and when they change the tables."""

    hindsight: bool  # whether the whole episode tells what happened at a step

    @abstractmethod
    def due(self, episodes: int) -> bool:
        """Whether to learn now, with so many episodes over since the last time."""


@dataclass(frozen=True)
class EachStep(Occasion):
    """Learn from every observation at once, by what one believes after it."""

    hindsight = False

    def due(self, episodes: int) -> bool:
        """Always."""
        return True


@dataclass(frozen=True)
class EachEpisode(Occasion):
    """Learn at the end of every episode, or of every few, by what one knows in hindsight.

    Args:
        number: of episodes that are learned from together.

    Raises:
        ValueError: for a number below one.
    """

    number: int = 1
    hindsight = True

    def __post_init__(self) -> None:
        positive_int("number", self.number)

    def due(self, episodes: int) -> bool:
        """Whether enough of them are over."""
        return episodes >= self.number


class DirichletLearner(Learner):
    r"""Learns the tables of an agent's model by counting what it sees and does.

    Args:
        model: the agent's model, with a :class:`~pyro_activeinf.models.CategoricalTable` in it.
        occasion: :class:`EachStep` or :class:`EachEpisode`, which is the default.
        rule: how counts change; Bayes' rule by default.
        tables: those that learn; all of the model by default.

    Attributes:
        updates: how often the tables have changed.

    Raises:
        ValueError: for a model without tables, or tables of another model.
        TypeError: for an occasion, a rule or tables that are none.

    Reference: Friston et al. (2016), "Active inference and learning".

    Example:
        >>> from pyro_activeinf.models import POMDP
        >>> look = CategoricalTable(torch.ones(2, 2))
        >>> model = POMDP(A=[look], B=[torch.eye(2)[..., None]], D=[torch.tensor([1.0, 0.0])])
        >>> learner, filter = DirichletLearner(model, EachStep()), ExactFilter(model)
        >>> belief = filter.update(filter.initial(), {"o0": 1})
        >>> learner.experience(Experience(filter, None, {"o0": 1}, belief))
        >>> look.counts.tolist()
        [[1.0, 2.0], [1.0, 1.0]]
    """

    def __init__(
        self,
        model: Programs,
        occasion: Occasion | None = None,
        rule: DirichletUpdate | None = None,
        tables: Iterable[CategoricalTable] | None = None,
    ) -> None:
        if not isinstance(occasion, Occasion | None):
            raise TypeError(complain("occasion", "EachStep() or EachEpisode(number)", occasion))
        if not isinstance(rule, DirichletUpdate | None):
            raise TypeError(complain("rule", "a DirichletUpdate", repr(rule)))
        self._tables = tables_of(model)
        self.model: Any = model
        self.occasion, self.rule = occasion, rule
        self._chosen = chosen_of(model, tables)
        self.tables = None if tables is None else self._chosen
        self._when = EachEpisode() if occasion is None else occasion
        self._how = DirichletUpdate() if rule is None else rule
        self.updates = 0
        self._filter: ExactFilter | FactorizedFilter | None = None
        self._before: JointBelief | FactorizedBelief | None = None
        self._seen: list[dict[str, Tensor]] = []  # log-weights of each step
        self._done: list[Tensor] = []
        self._waiting: Counts = {}
        self._episodes = 0

    def experience(self, step: Experience) -> None:
        """Remember an observation; learn from it where each step is an occasion.

        Raises:
            ValueError: as :meth:`check` does.
        """
        self.check(step.filter)
        filter: Any = step.filter
        self._filter = filter
        belief: Any = step.belief
        if step.first:
            self._forget()
        elif step.action is not None:
            self._done.append(torch.as_tensor(step.action))
        self._seen.append(
            {
                site.name: log_weights_of(site, step.observation.get(site.name))
                for site in filter.tables.outcomes
            }
        )
        if not self._when.hindsight:
            self._learn_step(filter, belief)
            self._before, self._seen, self._done = belief, self._seen[-1:], []

    def check(self, filter: Filter) -> None:
        """Whether it learns beside a filter.

        Raises:
            ValueError: for one that is no ``ExactFilter`` or ``FactorizedFilter`` of this model.
        """
        model = filter.model if isinstance(filter, ExactFilter | FactorizedFilter) else None
        if model is not self.model:
            raise ValueError(
                complain(
                    "filter",
                    "an ExactFilter or FactorizedFilter of the learner's model",
                    filter,
                    "Agent(model, filter=ExactFilter(model), learner=DirichletLearner(model), ..): "
                    "the same model for all, and a filter of tables.",
                )
            )

    def _learn_step(self, filter: Any, belief: Any) -> None:
        """Count what the last observation tells about the step that led to it."""
        before, done = self._before, self._done[-1] if self._done else None
        window = filter.look_back(before, done, belief)
        seen, done = self._series(belief.batch_shape)
        first = len(self._seen) - 1
        self._learn(counted(filter, window, seen, done, first, belief.step - first))

    def finish(self) -> None:
        """Learn from the episode where that is an occasion."""
        filter = self._filter
        if filter is not None and self._seen and self._when.hindsight:
            found, _ = expected_counts(filter, *self._series(()))
            found = {table: seen.detach() for table, seen in found.items()}
            self._waiting = added(self._waiting, found)
            self._episodes += 1
            if self._when.due(self._episodes):
                self._learn(self._waiting)
                self._waiting, self._episodes = {}, 0
        self._forget()

    def _learn(self, found: Counts) -> None:
        apply(found, self._how, self._chosen, self.updates)
        self.updates += 1

    def _forget(self) -> None:
        self._before, self._seen, self._done = None, [], []

    def _series(self, batch: tuple[int, ...]) -> tuple[dict[str, SoftObservation], Tensor | None]:
        """Observations and actions of the steps at hand, with a time dim."""
        shapes = [weights.shape[:-1] for step in self._seen for weights in step.values()]
        event = int(len(control_sizes(self.model.actions)) > 1)
        shapes += [action.shape[: action.dim() - event] for action in self._done]
        batch = torch.broadcast_shapes(batch, *shapes)
        seen = {
            name: SoftObservation(
                torch.stack([step[name].expand(*batch, -1) for step in self._seen], -2)
            )
            for name in self._seen[0]
        }
        moves = [x.expand((*batch, *x.shape[x.dim() - event :])) for x in self._done]
        return seen, torch.stack(moves, len(batch)) if moves else None

    def state_dict(self) -> dict[str, Any]:
        """Counts and priors of the tables, and what is to be learned from them yet."""
        before = self._before
        return {
            "tables": {
                name: {"counts": table.counts.detach().clone(), "prior": table.prior.clone()}
                for name, table in self._tables.items()
            },
            "updates": self.updates,
            "waiting": named(self.model, self._waiting),
            "episodes": self._episodes,
            "seen": [dict(step) for step in self._seen],
            "done": list(self._done),
            "before": None if before is None else [before.step, before.log_probs.clone()],
            "apart": isinstance(before, FactorizedBelief),
        }

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned.

        Raises:
            ValueError: for tables of other names or shapes; nothing is changed then.
        """
        shapes = {name: tuple(held["counts"].shape) for name, held in state["tables"].items()}
        own = {name: tuple(table.counts.shape) for name, table in self._tables.items()}
        if shapes != own:
            raise ValueError(complain("state", f"tables of shapes {own}", shapes))
        for name, table in self._tables.items():
            table.counts.copy_(state["tables"][name]["counts"])
            table.prior.copy_(state["tables"][name]["prior"])
        self.updates, self._episodes = state["updates"], state["episodes"]
        self._waiting = {self._tables[name]: value for name, value in state["waiting"].items()}
        self._seen = [dict(step) for step in state["seen"]]
        self._done = list(state["done"])
        self._before = None
        if state["before"] is not None:
            step, log_probs = state["before"]
            sites = Compiled(self.model).tables.states
            if state.get("apart", False):
                self._before = FactorizedBelief(step, sites, log_probs)
            else:
                self._before = JointBelief(step, sites, log_probs_=log_probs)
