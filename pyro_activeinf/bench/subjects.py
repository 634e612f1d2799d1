"""Persons to be found out: agents and peers with priors over their parameters, and tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .. import models
from ..agents import Agent
from ..behavior import ChoiceModel
from ..behavior.peers import RandomChoice, RescorlaWagner, WinStayLoseShift
from ..behavior.tasks import Every, ReversalLearning, Task, TMaze
from ..planning import OpenLoop

GOOD, BAD = 0.85, 0.15  # chances of a reward
VALIDITY, MOVES = 0.8, 2  # of a run in the maze

Values = Mapping[str, Tensor]


def reversal_task() -> Task:
    """Two actions, and a reversal every 8 to 15 trials."""
    return ReversalLearning(GOOD, BAD, Every(8, 15))


def maze_task() -> Task:
    """Runs of two moves; arms that tell a little more than nothing."""
    return TMaze(VALIDITY, MOVES)


def _reversal_parameters() -> None:
    pyro.sample("hazard", dist.Normal(_like(-3.0), 2.0))  # log-odds that the better action changes
    pyro.sample("preference", dist.LogNormal(_like(1.2), 0.6))
    pyro.sample("bias", dist.Normal(_like(0.0), 0.8))


def _reversal_agent(values: Values) -> Agent:
    habit = torch.stack([0 * values["bias"], values["bias"]]).log_softmax(-1)
    hazard, preference = values["hazard"].sigmoid() / 2, values["preference"]
    model = models.ReversalLearning(GOOD, BAD, hazard, preference, habit)
    return Agent(model, planner=OpenLoop(1, precision=1.0), action_precision=1.0)


class Maze(models.TMaze):
    """The T-maze for someone with a habit."""

    def __init__(self, preference: Tensor, habit: Tensor) -> None:
        super().__init__(VALIDITY)
        self.preference = torch.stack([0 * preference, preference, -preference])
        self.log_habit = habit

    def habit(self) -> None:
        """Sample an action as a matter of habit."""
        pyro.sample("action", dist.Categorical(logits=self.log_habit))


def _maze_parameters() -> None:
    pyro.sample("preference", dist.LogNormal(_like(0.3), 0.6))
    pyro.sample("precision", dist.LogNormal(_like(0.4), 0.5))
    pyro.sample("waiting", dist.Normal(_like(0.0), 1.0))  # a habit of staying where one is


def _maze_agent(values: Values) -> Agent:
    wait, none = values["waiting"], 0 * values["waiting"]
    habit = torch.stack([wait, none, none, none]).log_softmax(-1)
    planner = OpenLoop(MOVES, precision=values["precision"])
    return Agent(Maze(values["preference"], habit), planner=planner, action_precision=1.0)


def reversal_persons() -> ChoiceModel:
    """An active-inference agent with a belief about volatility, a preference and a side."""
    return ChoiceModel(_reversal_parameters, _reversal_agent)


def maze_persons() -> ChoiceModel:
    """An active-inference agent with a preference, a precision and a habit of waiting."""
    return ChoiceModel(_maze_parameters, _maze_agent)


def _learner_parameters() -> None:
    pyro.sample("rate", dist.Beta(_like(2.0), 2.0))
    pyro.sample("inverse temperature", dist.LogNormal(_like(1.2), 0.5))


def _follower_parameters() -> None:
    pyro.sample("stay", dist.Beta(_like(8.0), 2.0))
    pyro.sample("shift", dist.Beta(_like(5.0), 3.0))


def _biased_parameters() -> None:
    pyro.sample("bias", dist.Normal(_like(0.0), 1.0))


def four_models() -> dict[str, ChoiceModel]:
    """Models of the reversal task that account for choices in different ways."""

    def learner(values: Values) -> RescorlaWagner:
        return RescorlaWagner(values["rate"], values["inverse temperature"])

    def follower(values: Values) -> WinStayLoseShift:
        return WinStayLoseShift(values["stay"], values["shift"])

    def biased(values: Values) -> RandomChoice:
        return RandomChoice(torch.stack([0 * values["bias"], values["bias"]]))

    return {
        "active inference": reversal_persons(),
        "Rescorla-Wagner": ChoiceModel(_learner_parameters, learner),
        "win-stay, lose-shift": ChoiceModel(_follower_parameters, follower),
        "random": ChoiceModel(_biased_parameters, biased),
    }


PERSONS: dict[str, tuple[Callable[[], ChoiceModel], Callable[[], Task], int]] = {
    "reversal learning": (reversal_persons, reversal_task, 1),
    "T-maze": (maze_persons, maze_task, MOVES),
}  # name: model, task, choices in a trial


def _like(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.get_default_dtype())
