"""Simulated subjects, fitted: what was true beside what is inferred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..._checks import instance, positive_int
from ..behavior_fit import BehaviorFit
from ..choice_model import ChoiceModel
from ..engines import NUTS, AdaptiveImportance, Engine
from ..fit import fit
from ..populations import Flat
from ..simulate import Simulation, simulate
from ..tasks import Task


@dataclass(frozen=True)
class Rehearsal:
    """True parameters of simulated subjects, and draws from their posteriors.

    Parameters of a population that no single subject has are those of one subject.
    """

    true: Mapping[str, Tensor]  # site -> (repeats, subjects, *event)
    draws: Mapping[str, Tensor]  # site -> (draws, repeats, subjects, *event)
    by_subject: Mapping[str, Tensor]
    # name -> (repeats, subjects), what the engine tells of each subject; may be empty
    independent: bool  # subjects tell nothing about each other


def rehearse(
    model: ChoiceModel,
    task: Task,
    *,
    subjects: int = 50,
    trials: int = 200,
    repeats: int = 1,
    engine: Engine | None = None,
    covariates: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Rehearsal:
    r"""Simulate subjects with parameters from the population, and fit them.

    .. math:: \theta^* \sim p(\theta), \quad u \sim p(u \mid \theta^*), \quad
        \theta_n \sim p(\theta \mid u)

    Where subjects are independent (:class:`~.Flat`), those of all repeats are simulated and
    fitted at once. See :func:`~.recover` and :func:`~.calibrate`, which read it off.

    Args:
        model: parameters, agent and population.
        task: what they go through.
        subjects: in a data set.
        trials: choices of each.
        repeats: number of data sets.
        engine: how to infer; :class:`~.AdaptiveImportance` where subjects are independent,
            :class:`~.NUTS` elsewhere by default.
        covariates: name to ``(subjects,)`` values.
        progress: show a progress bar for each fit.

    Raises:
        TypeError: for a model, task or engine that is none.
        ValueError: for numbers that are no integers above 0.

    Reference: S. Talts, M. Betancourt, D. Simpson, A. Vehtari and A. Gelman (2018), "Validating
    Bayesian inference algorithms with simulation-based calibration", arXiv:1804.06788, algorithm 1.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior.peers import WinStayLoseShift
        >>> from pyro_activeinf.behavior.tasks import ReversalLearning
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("stay", dist.Beta(2.0, 2.0))
        >>> model = ChoiceModel(program, lambda p: WinStayLoseShift(p["stay"], p["stay"]))
        >>> engine = AdaptiveImportance(draws=100, proposals=50, rounds=2)
        >>> found = rehearse(
        ...     model, ReversalLearning(), subjects=3, trials=10, repeats=2, engine=engine,
        ...     progress=False,
        ... )
        >>> found.true["stay"].shape, found.draws["stay"].shape
        (torch.Size([2, 3]), torch.Size([100, 2, 3]))
    """
    instance("model", model, ChoiceModel, "a ChoiceModel")
    positive_int("subjects", subjects)
    positive_int("repeats", repeats)
    flat = isinstance(model.population, Flat)
    together = repeats if flat else 1
    chosen = (AdaptiveImportance() if flat else NUTS()) if engine is None else engine
    given = {name: list(values) * together for name, values in (covariates or {}).items()}
    found = []
    for _ in range(repeats // together):
        simulation = simulate(
            model, task, subjects=subjects * together, trials=trials, covariates=given
        )
        fitted = fit(model, simulation.choices, chosen, progress=progress)
        found.append(_unfolded(simulation, fitted, together))
    return Rehearsal(
        _joined([each.true for each in found], 0),
        _joined([each.draws for each in found], 1),
        _joined([each.by_subject for each in found], 0),
        flat,
    )


def _unfolded(simulation: Simulation, fitted: BehaviorFit, repeats: int) -> Rehearsal:
    true = {
        name: value.unflatten(0, (repeats, -1)) for name, value in simulation.parameters.items()
    }
    draws = {
        name: value.flatten(0, 1).unflatten(1, (repeats, -1))
        for name, value in fitted.parameters.items()
    }
    for name, value, drawn in _shared(simulation, fitted):
        true[name] = value.reshape(1, 1, *drawn.shape[2:])
        draws[name] = drawn.flatten(0, 1)[:, None, None]
    told = {k: v.unflatten(0, (repeats, -1)) for k, v in fitted.found.by_subject.items()}
    return Rehearsal(true, draws, told, independent=True)


def _shared(simulation: Simulation, fitted: BehaviorFit) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Sites of the population in no plate: name, true value, draws ``(chains, draws, *event)``."""
    for name, value in simulation.population.items():
        if name in fitted.draws and not fitted.dims[name]:
            yield name, value, fitted.draws[name]


def _joined(parts: list[Mapping[str, Tensor]], dim: int) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts], dim) for name in parts[0]}
