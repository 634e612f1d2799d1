"""Simulated behavior: subjects with known parameters go through a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor

from .._checks import complain, instance, positive_int
from .choice_model import ChoiceModel
from .choices import Choices
from .chooser import Chooser, State, moved
from .foretold import check_parameters
from .populations.base import Watched
from .tasks import Task, Trial


@dataclass(frozen=True)
class Simulation:
    """What simulated subjects did, and who they were."""

    choices: Choices  # (subjects, trials)
    parameters: Mapping[str, Tensor]  # site -> (subjects, *event), the true ones
    log_probs: Tensor  # (subjects, trials, actions), with which actions were drawn; nats
    population: Mapping[str, Tensor]
    # other latent sites of the population -> as drawn; empty for given parameters


def simulate(
    model: ChoiceModel,
    task: Task,
    parameters: Mapping[str, Any] | None = None,
    *,
    subjects: int | None = None,
    trials: int,
    covariates: Mapping[str, Any] | None = None,
) -> Simulation:
    r"""Let subjects go through a task: parameters from the population, actions from their agents.

    .. math:: \theta \sim p(\theta), \qquad u_t \sim p(u_t \mid o_{\le t}, u_{<t}, \theta)

    All subjects go together. Randomness follows ``pyro.set_rng_seed``; nothing is differentiated.

    Args:
        model: parameters, agent and population.
        task: what choices bring.
        parameters: the true ones, site to ``(subjects, *event)`` or ``(*event)`` for all of them;
            drawn from the population without them.
        subjects: their number; that of the parameters, where these are given, or else 1.
        trials: number of choices of each; a run of the T-maze has several.
        covariates: name to ``(subjects,)`` values, for a population that asks for them.

    Raises:
        ValueError: for parameters of other sites or another number of subjects, or for an agent
            whose actions are not those of the task.

    Example:
        >>> import pyro.distributions as dist
        >>> from pyro_activeinf.behavior.peers import RescorlaWagner
        >>> from pyro_activeinf.behavior.tasks import ReversalLearning
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("rate", dist.Beta(2.0, 2.0))
        ...     pyro.sample("beta", dist.Gamma(4.0, 1.0))
        >>> model = ChoiceModel(program, lambda p: RescorlaWagner(p["rate"], p["beta"]))
        >>> found = simulate(model, ReversalLearning(), subjects=3, trials=50)
        >>> found.choices.actions.shape, found.parameters["rate"].shape
        (torch.Size([3, 50]), torch.Size([3]))
        >>> told = model.log_probs(found.parameters, found.choices)
        >>> bool(torch.allclose(told, found.log_probs, atol=1e-12))
        True
    """
    instance("model", model, ChoiceModel, "a ChoiceModel")
    instance("task", task, Task, "a task, such as tasks.ReversalLearning()")
    positive_int("trials", trials)
    given = None if parameters is None else _given(model, parameters, subjects)
    with torch.no_grad():
        count = _count(given, model, subjects)
        others: dict[str, Tensor] = {}
        if given is None:
            given, others = draw(model, count, trials, covariates or {})
        chooser = model.chooser(given)
        if chooser.num_actions != task.num_actions:
            got = f"{chooser.num_actions} against {task.num_actions} of the task"
            way_out = "Give both the same number of actions."
            expected = "an agent with the actions of the task"
            raise ValueError(complain("model", expected, got, way_out))
        choices, log_probs = _run(chooser, task, trials, covariates or {})
    return Simulation(choices, given, log_probs, others)


def _given(
    model: ChoiceModel, parameters: Mapping[str, Any], subjects: int | None
) -> dict[str, Tensor]:
    """Parameters of all subjects, ``(subjects, *event)``."""
    check_parameters(parameters, model.events)
    values = {site: torch.as_tensor(value) for site, value in parameters.items()}
    batches = [v.shape[: v.dim() - model.events[site]] for site, v in values.items()]
    try:
        batch = torch.broadcast_shapes(*batches, () if subjects is None else (subjects,))
    except RuntimeError as error:
        got = f"batch shapes {[tuple(b) for b in batches]}"
        expected = f"(subjects, *event) for {subjects or 'as many'} subjects"
        raise ValueError(complain("parameters", expected, got)) from error
    if len(batch) > 1:
        raise ValueError(complain("parameters", "(subjects, *event)", f"a batch {tuple(batch)}"))
    batch = batch or torch.Size([1])
    inner = {site: v.shape[v.dim() - model.events[site] :] for site, v in values.items()}
    return {site: value.expand(*batch, *inner[site]) for site, value in values.items()}


def _count(given: Mapping[str, Tensor] | None, model: ChoiceModel, subjects: int | None) -> int:
    if given is None:
        return positive_int("subjects", 1 if subjects is None else subjects)
    return len(next(iter(given.values())))


def draw(
    model: ChoiceModel, subjects: int, trials: int, covariates: Mapping[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters of subjects from their population, and its other latent sites as they are."""
    nothing = torch.full((subjects, trials), -1)
    choices = Choices(nothing, covariates=covariates)
    with torch.no_grad(), poutine.block(), Watched() as watched:
        plate = pyro.plate("subject", subjects, dim=-2)
        found = model.population(model.parameters, choices, plate)
    latent = watched.sites.items()
    return found, {name: site["value"] for name, site in latent if name not in found}


def _run(
    chooser: Chooser, task: Task, trials: int, covariates: Mapping[str, Any]
) -> tuple[Choices, Tensor]:
    subjects = chooser.batch_shape[-1]
    state, trial = chooser.initial(), task.begin(subjects)
    rows: list[_Row] = []
    for _ in range(trials):
        state = _seen(chooser, state, trial, first=not rows)
        log_probs = chooser.log_probs(state)
        action = torch.distributions.Categorical(logits=log_probs).sample()
        outcome, following = task.step(trial, action)
        rows.append(_Row(trial, action, outcome, log_probs))
        state = moved(trial.present, partial(rows[-1].teach, chooser), state, 1)
        trial = following
    return _table(rows, covariates), torch.stack([row.log_probs for row in rows], 1)


def _seen(chooser: Chooser, state: State, trial: Trial, first: bool) -> State:
    if not first:
        state = moved(trial.starts, chooser.restart, state, 1)
    return chooser.perceive(state, dict(trial.cue)) if trial.cue else state


@dataclass(frozen=True)
class _Row:
    """A trial of all subjects."""

    trial: Trial
    action: Tensor  # (subjects,)
    outcome: Mapping[str, Tensor]
    log_probs: Tensor  # (subjects, actions)

    def teach(self, chooser: Chooser, state: State) -> State:
        """What subjects learn from it."""
        return chooser.learn(state, self.action, self.outcome)


def _table(rows: list[_Row], covariates: Mapping[str, Any]) -> Choices:
    def stacked(each: list[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        return {name: torch.stack([row[name] for row in each], 1) for name in each[0]}

    present = torch.stack([row.trial.present for row in rows], 1)
    actions = torch.stack([row.action for row in rows], 1)
    return Choices(
        actions=torch.where(present, actions, -1),
        outcomes=stacked([row.outcome for row in rows]),
        cues=stacked([row.trial.cue for row in rows]),
        present=present,
        starts=torch.stack([row.trial.starts for row in rows], 1),
        conditions=stacked([row.trial.conditions for row in rows]),
        covariates=covariates,
    )
