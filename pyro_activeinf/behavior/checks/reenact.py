"""Persons as a fit has them, let loose in the task: the posterior predictive of whole sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..._checks import complain, instance, positive_int
from ..behavior_fit import BehaviorFit
from ..choices import Choices
from ..simulate import Simulation, simulate
from ..tasks import Task


@dataclass(frozen=True)
class Reenactment:
    """Sessions that persons of a fit have gone through anew; see :func:`reenact`."""

    fit: BehaviorFit
    choices: Choices  # (draws * subjects, trials), one draw after another
    parameters: Mapping[str, Tensor]  # site -> (draws, subjects, *event)
    log_probs: Tensor  # (draws, subjects, trials, actions), with which actions were drawn; nats

    @property
    def num_draws(self) -> int:
        """Number of draws from the posterior."""
        return len(self.log_probs)

    def by_draw(self, values: Tensor) -> Tensor:
        """Values of all rows of ``choices``, as ``(draws, subjects, *)``."""
        return values.unflatten(0, (self.num_draws, -1))


def reenact(
    fit: BehaviorFit, task: Task, *, trials: int | None = None, draws: int = 100
) -> Reenactment:
    r"""Let persons with parameters from the posterior go through a task themselves.

    .. math:: \theta \sim p(\theta | u, o), \qquad
        \tilde u_t \sim p(u_t | \tilde o_{\le t}, \tilde u_{<t}, \theta), \qquad
        \tilde o_{t+1} \sim \text{task}(\tilde u_t)

    Each choice follows from what the simulated person did and saw before, not from what the real
    one did: a model that foretells the next choice, given the history, may still never behave as
    people do over a session. ``learning_curve`` of the result lies beside that of the people;
    :func:`~pyro_activeinf.to_arviz` takes it.

    Args:
        fit: draws from a posterior.
        task: what choices bring; the one that people did.
        trials: of each person; as many as people had by default.
        draws: from the posterior.

    Raises:
        TypeError: for something that is no fit or no task.
        ValueError: for an agent whose actions are not those of the task, or fewer draws than one.

    Reference: S. Palminteri, V. Wyart and E. Koechlin (2017), "The importance of falsification in
    computational cognitive modeling", Trends Cogn. Sci. 21.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf import behavior
        >>> from pyro_activeinf.behavior.peers import WinStayLoseShift
        >>> from pyro_activeinf.behavior.tasks import ReversalLearning
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("stay", dist.Beta(8.0, 2.0))
        ...     pyro.sample("shift", dist.Beta(5.0, 5.0))
        >>> model = behavior.ChoiceModel(program, lambda p: WinStayLoseShift(p["stay"], p["shift"]))
        >>> task = ReversalLearning()
        >>> people = behavior.simulate(model, task, subjects=10, trials=60).choices
        >>> engine = behavior.AdaptiveImportance(proposals=100, rounds=3)
        >>> fit = behavior.fit(model, people, engine, progress=False)
        >>> anew = behavior.reenact(fit, task, draws=50)
        >>> anew.by_draw(anew.choices.actions).shape
        torch.Size([50, 10, 60])
        >>> curve = behavior.learning_curve(anew)
        >>> low, high = curve.interval(0.95)
        >>> float(((curve.observed >= low) & (curve.observed <= high)).double().mean()) > 0.8
        True
    """
    instance("fit", fit, BehaviorFit, "what behavior.fit returns")
    instance("task", task, Task, "a task, such as tasks.ReversalLearning()")
    parameters = thinned(fit, draws)
    count = fit.choices.num_trials if trials is None else positive_int("trials", trials)
    whole = {name: value.flatten(0, 1) for name, value in parameters.items()}
    found: Simulation = simulate(fit.model, task, whole, trials=count)
    log_probs = found.log_probs.unflatten(0, (draws, -1))
    return Reenactment(fit, found.choices, parameters, log_probs)


def thinned(fit: BehaviorFit, draws: int) -> dict[str, Tensor]:
    """Parameters at so many draws, from the first to the last: ``(draws, subjects, *event)``."""
    whole = {name: value.flatten(0, 1) for name, value in fit.parameters.items()}
    count = len(next(iter(whole.values())))
    index = torch.linspace(0, count - 1, positive_int("draws", draws)).round().long()
    return {name: value[index] for name, value in whole.items()}


def aims(choices: Choices, correct: str) -> Tensor:
    """The correct action of each trial, -1 where it is not known or no choice counts.

    Raises:
        ValueError: where no condition tells it.
    """
    if correct not in choices.conditions:
        expected = f"a condition {correct!r} that tells the correct action"
        way_out = "Name its column in from_dataframe(.., condition=[..]), or give correct=."
        raise ValueError(complain("choices", expected, sorted(choices.conditions), way_out))
    return torch.where(choices.counted, choices.conditions[correct], -1)
