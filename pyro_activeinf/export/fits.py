"""Fits of behavior as data sets.

- ``posterior``: each latent site over ``chain``, ``draw`` and its plates, and each parameter over
  ``chain``, ``draw``, ``subject``; event dims are ``<site>_dim_0``, ..;
- ``sample_stats``: of a sampler, ``diverging``, ``energy``, ``tree_depth``, ..;
- ``log_likelihood``: ``choice`` over ``chain``, ``draw``, ``observation`` (the choices that count,
  one after another, with the coordinates ``observation_subject`` and ``observation_trial``), and
  ``response_time`` of a model of them, over ``timed_observation``; nats. ``arviz.loo(data)`` leaves
  out one choice; with response times, name what is left out: ``arviz.loo(data,
  var_name="choice")`` or ``"response_time"``. (What is the same at all draws is made to differ by
  less than 1e-11, which ArviZ asks for.)
- ``log_likelihood_by_subject``: their sums over ``chain``, ``draw``, ``subject``, in nats;
  ``arviz.loo`` leaves out a subject when it is given them in the place of ``log_likelihood``;
- ``posterior_predictive``, ``prior_predictive``: ``choice`` over ``chain``, ``draw``, ``subject``,
  ``trial``, drawn one step ahead: given what was done and seen before; and ``response_time`` of a
  model of them, given the choice; -1 or NaN where nothing was observed;
- ``prior``: as ``posterior``;
- ``observed_data``: ``choice`` (and ``response_time``) over ``subject``, ``trial``;
- ``constant_data``: ``present``, ``start``, ``cue_<site>``, ``outcome_<site>``,
  ``condition_<name>`` over ``subject``, ``trial`` (and ``response_time`` where the model says
  nothing about it), and ``covariate_<name>`` over ``subject``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..behavior import BehaviorFit, Choices
from ..behavior.data_sets import SAMPLED, dataset, drawn, event_dims, labels
from ..behavior.populations import event_labels
from ..store.groups import groups

if TYPE_CHECKING:
    from xarray import Dataset

    Variables = dict[str, tuple[Sequence[str], Any]]

ROWS = ("subject", "trial")
NATS = {"units": "nats"}
OBSERVATIONS = {"choice": "observation", "response_time": "timed_observation"}  # name -> dim


@groups.register(BehaviorFit)
def _groups_of_fit(source: BehaviorFit, draws: int) -> dict[str, Dataset]:
    choices, events = source.choices, _events(source)
    named = labels(choices) | {dim: np.asarray(values) for dim, values in events.values()}
    latents, parameters = source.prior(draws)
    seen, given = observed(choices), constant(choices)
    if source.model.response_times is None and "response_time" in seen:
        given["response_time"] = seen.pop("response_time")
    found = {
        "posterior": dataset(_sampled(source, source.draws, source.parameters), named),
        "prior": dataset(_sampled(source, latents, parameters), named),
        "posterior_predictive": dataset(_foretold(source, source.parameters), named),
        "prior_predictive": dataset(_foretold(source, parameters), named),
        "log_likelihood": _log_likelihood(source),
        "log_likelihood_by_subject": _by_subject(source),
        "observed_data": dataset(seen, named),
        "constant_data": dataset(given, named),
    }
    statistics = source.found.statistics
    if statistics:
        variables = {name: (SAMPLED, value) for name, value in statistics.items()}
        found["sample_stats"] = dataset(variables, {})
    return found


def _sampled(
    source: BehaviorFit, latents: Mapping[str, Tensor], parameters: Mapping[str, Tensor]
) -> Variables:
    plates = {**dict.fromkeys(parameters, ("subject",)), **source.dims}
    first = {name: dim for name, (dim, _) in _events(source).items()}
    return dict(drawn({**parameters, **latents}, plates, first))


def _events(source: BehaviorFit) -> dict[str, tuple[str, tuple[Any, ...]]]:
    """Names and labels of first event dims that have a meaning."""
    model = source.model
    return event_labels(model.population, list(model.events), source.choices)


def _foretold(source: BehaviorFit, parameters: Mapping[str, Tensor]) -> Variables:
    dims = (*SAMPLED, *ROWS)
    choices = source.choices
    actions = torch.where(choices.counted, source.foretold(parameters), -1)
    if source.model.response_times is None:
        return {"choice": (dims, actions)}
    times = torch.where(choices.timed, source.foretold_times(parameters), torch.nan)
    return {"choice": (dims, actions), "response_time": (dims, times)}


def _log_likelihood(source: BehaviorFit) -> Dataset:
    variables: Variables = {}
    coords: dict[str, Any] = {}
    for name, value, counted in _terms(source):
        dim = OBSERVATIONS[name]
        subjects, trials = (index.numpy() for index in counted.nonzero(as_tuple=True))
        variables[name] = ((*SAMPLED, dim), told_apart(value[..., counted].double()))
        coords[f"{dim}_subject"] = (dim, np.asarray(source.choices.subjects)[subjects])
        coords[f"{dim}_trial"] = (dim, trials)
    return _in_nats(dataset(variables, coords))


def _by_subject(source: BehaviorFit) -> Dataset:
    sums: Variables = {}
    for name, value, counted in _terms(source):
        total = torch.where(counted, value.double(), 0.0).sum(-1)
        sums[name] = ((*SAMPLED, "subject"), told_apart(total))
    return _in_nats(dataset(sums, labels(source.choices)))


def _terms(source: BehaviorFit) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Log-likelihoods ``(chains, draws, subjects, trials)``, and which of their trials count."""
    yield "choice", source.log_likelihood, source.choices.counted
    if source.model.response_times is not None:
        yield "response_time", source.time_log_likelihood, source.choices.timed


def _in_nats(found: Dataset) -> Dataset:
    for variable in found.data_vars.values():
        variable.attrs.update(NATS)
    return found


def told_apart(log_likelihood: Tensor) -> Tensor:
    """Make draws differ by less than 1e-11 where all are the same; means stay.

    ArviZ 1.x does not take importance weights that are all the same, ArviZ 0.x calls them bad: the
    first choice of a person may not depend on a parameter.

    Args:
        log_likelihood: ``(chains, draws, *observations)``, in nats.
    """
    flat = log_likelihood.flatten(0, 1)
    same = flat.amax(0) - flat.amin(0) < TIE
    ramp = torch.linspace(-TIE, TIE, len(flat), dtype=flat.dtype)
    ramp = ramp.reshape(-1, *[1] * (flat.dim() - 1))
    return (flat + same * ramp).reshape(log_likelihood.shape)


TIE = 5e-12  # nats


def observed(choices: Choices) -> Variables:
    """What was done, over subjects and trials; -1 or NaN where missing."""
    found: Variables = {"choice": (ROWS, choices.actions)}
    if choices.response_times is not None:
        found["response_time"] = (ROWS, choices.response_times)
    return found


def constant(choices: Choices) -> Variables:
    """What was shown, and who the subjects are."""
    found: Variables = {"present": (ROWS, choices.present), "start": (ROWS, choices.starts)}
    kinds = {"cue": choices.cues, "outcome": choices.outcomes, "condition": choices.conditions}
    for kind, sites in kinds.items():
        for site, value in sites.items():
            name = f"{kind}_{site}"
            found[name] = ((*ROWS, *event_dims(name, value.dim() - 2)), value)
    for name, values in choices.covariates.items():
        found[f"covariate_{name}"] = (("subject",), np.asarray(values))
    return found
