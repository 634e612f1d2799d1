"""Bandits: what each arm brings, trial by trial, is laid down beforehand."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..._checks import complain, finite, instance, positive_int
from .base import Task, Trial, check_probability


@dataclass(frozen=True)
class Bandit(Task):
    """Arms that bring a reward (1) or none (0), with probabilities that may change.

    A subject goes through the schedule once; then there are no more trials. The condition
    ``"correct"`` is the arm that is most probably rewarded, ``"reversal"`` is 1 at trials where
    that has just changed.

    Args:
        probs: of a reward, ``(trials, actions)``.
        site: of the outcome.

    Raises:
        ValueError: for something else than probabilities of that shape.

    Example:
        >>> import pyro
        >>> pyro.set_rng_seed(0)
        >>> task = Bandit(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        >>> outcome, trial = task.step(task.begin(subjects=2), torch.tensor([0, 1]))
        >>> outcome["outcome"].tolist(), trial.conditions["correct"].tolist()
        ([1, 0], [1, 1])
    """

    probs: Tensor  # (trials, actions)
    site: str = "outcome"

    def __post_init__(self) -> None:
        """See that these are probabilities."""
        require_schedule("probs", self.probs)
        if not bool(((self.probs >= 0) & (self.probs <= 1)).all()):
            raise ValueError(complain("probs", "probabilities", self.probs.tolist()))

    @property
    def num_actions(self) -> int:
        """Number of arms."""
        return self.probs.shape[1]

    def begin(self, subjects: int) -> Trial:
        """The first row of the schedule."""
        return scheduled(self.probs, 0, subjects)

    def step(self, trial: Trial, action: Tensor) -> tuple[dict[str, Tensor], Trial]:
        """A reward or none, and the next row."""
        chance = row(self.probs, trial.state)[action]
        outcome = torch.bernoulli(chance).long()
        return {self.site: outcome}, scheduled(self.probs, trial.state + 1, len(action))


@dataclass(frozen=True)
class GaussianBandit(Task):
    r"""Arms that bring normally distributed rewards, with means that may change.

    Args:
        means: ``(trials, actions)``.
        noise: standard deviation of rewards.
        site: of the outcome.

    Raises:
        ValueError: for means of another shape.

    Example:
        >>> import pyro
        >>> pyro.set_rng_seed(0)
        >>> task = GaussianBandit(torch.tensor([[1.0, -1.0]]), noise=0.0)
        >>> task.step(task.begin(subjects=2), torch.tensor([0, 1]))[0]["outcome"].tolist()
        [1.0, -1.0]
    """

    means: Tensor  # (trials, actions)
    noise: float = 1.0
    site: str = "outcome"

    def __post_init__(self) -> None:
        """See that there are trials and actions."""
        require_schedule("means", self.means)
        finite("noise", self.noise)

    @property
    def num_actions(self) -> int:
        """Number of arms."""
        return self.means.shape[1]

    def begin(self, subjects: int) -> Trial:
        """The first row of the schedule."""
        return scheduled(self.means, 0, subjects)

    def step(self, trial: Trial, action: Tensor) -> tuple[dict[str, Tensor], Trial]:
        """A reward, and the next row."""
        mean = row(self.means, trial.state)[action]
        outcome = mean + self.noise * torch.randn_like(mean)
        return {self.site: outcome}, scheduled(self.means, trial.state + 1, len(action))


def require_schedule(argument: str, schedule: Tensor) -> None:
    """Raise unless there is a row for each trial and a column for each of two or more actions."""
    instance(argument, schedule, Tensor, "a tensor (trials, actions)")
    if schedule.dim() != 2 or schedule.shape[1] < 2 or not len(schedule):
        raise ValueError(complain(argument, "(trials, actions)", tuple(schedule.shape)))


def row(schedule: Tensor, trial: int) -> Tensor:
    """The row of a trial, the last one after the end."""
    return schedule[min(trial, len(schedule) - 1)]


def scheduled(schedule: Tensor, trial: int, subjects: int) -> Trial:
    """The trial of this number."""
    correct = int(row(schedule, trial).argmax())
    changed = trial > 0 and correct != int(row(schedule, trial - 1).argmax())
    every = torch.ones(subjects, dtype=torch.long)
    return Trial(
        state=trial,
        starts=every.bool() & (trial == 0),
        present=every.bool() & (trial < len(schedule)),
        conditions={"correct": correct * every, "reversal": int(changed) * every},
    )


def random_walks(
    trials: int, actions: int, step: float = 0.03, low: float = 0.25, high: float = 0.75
) -> Tensor:
    r"""Reward probabilities that walk at random between two walls, ``(trials, actions)``.

    .. math:: p_{t+1} = p_t + \epsilon, \quad \epsilon \sim N(0, \text{step}^2),

    thrown back at the walls.

    Raises:
        ValueError: for walls that are no probabilities in their order, or no trials.

    Reference: N. Daw, S. Gershman, B. Seymour, P. Dayan and R. Dolan (2011), Neuron 69.

    Example:
        >>> import pyro
        >>> pyro.set_rng_seed(0)
        >>> walks = random_walks(trials=200, actions=4)
        >>> walks.shape, bool((walks >= 0.25).all()), bool((walks <= 0.75).all())
        (torch.Size([200, 4]), True, True)
    """
    for name, value in (("trials", trials), ("actions", actions)):
        positive_int(name, value)
    finite("step", step)
    check_probability("low", low)
    check_probability("high", high)
    if not low < high:
        raise ValueError(complain("high", f"a probability above `low` = {low}", high))
    start = low + (high - low) * torch.rand(1, actions)
    free = torch.cat([start, step * torch.randn(trials - 1, actions)]).cumsum(0)
    width = high - low
    place = torch.remainder(free - low, 2 * width)
    return low + torch.where(place > width, 2 * width - place, place)
