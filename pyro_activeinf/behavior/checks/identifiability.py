"""What data tell about each parameter, and which parameters stand in for each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pyro import poutine
from torch import Tensor
from torch.distributions import biject_to

from ..._checks import by_site, complain, instance
from ..behavior_fit import BehaviorFit
from ..choice_model import ChoiceModel
from ..choices import Choices
from ..simulate import draw
from .recover import entries

PRIOR_DRAWS = 2000
LITTLE, MUCH = 0.5, 0.7  # contraction below, correlation above which there is something to say


@dataclass(frozen=True)
class Identifiability:
    """What is known of each parameter of each subject; see :func:`identifiability`."""

    names: tuple[str, ...]  # of the coordinates: parameters, or their entries
    contraction: Tensor  # (subjects, coordinates)
    z_scores: Tensor | None  # (subjects, coordinates), where the truth is known
    correlation: Tensor  # (subjects, coordinates, coordinates), of posterior draws

    @property
    def advice(self) -> str:
        """What to look after, in words."""
        told = [*self._told_little(), *self._trading()]
        if not told:
            return "Every parameter is identified: the data narrow each of them by themselves."
        return " ".join(told)

    def _told_little(self) -> list[str]:
        middle = self.contraction.median(0).values
        return [
            f"Data tell little about `{name}` (median contraction {float(value):.2f}): give it a "
            "task in which it matters, more trials, or a fixed value."
            for name, value in zip(self.names, middle, strict=True)
            if value < LITTLE
        ]

    def _trading(self) -> list[str]:
        middle = self.correlation.median(0).values
        pairs = [(i, j) for i in range(len(self.names)) for j in range(i)]
        return [
            f"`{self.names[j]}` and `{self.names[i]}` stand in for each other (median correlation "
            f"{float(middle[i, j]):.2f}): fix one of them, or estimate what they have in common."
            for i, j in pairs
            if abs(middle[i, j]) > MUCH
        ]


def identifiability(fit: BehaviorFit, true: Mapping[str, Tensor] | None = None) -> Identifiability:
    r"""Compare posteriors with the prior, parameter by parameter and pair by pair.

    .. math:: \text{contraction} = 1 - \frac{Var[\theta | u]}{Var[\theta]}, \qquad
        z = \frac{E[\theta | u] - \theta^*}{\sqrt{Var[\theta | u]}}

    all on the scale without bounds (log of what is positive, log-odds of what is a probability).
    Contraction is 1 where data tell all, 0 where they tell nothing; below 0, the posterior is
    wider than the prior. Data sets of which z-scores are large have a prior against them, or an
    inference that failed. Torch's generator is left as it was.

    Args:
        fit: draws from a posterior.
        true: what is known to be true of simulated subjects, site to ``(subjects, *event)``.

    Raises:
        TypeError: ``fit`` is none, or ``true`` no dict of tensors.
        ValueError: ``true`` has other sites than the fit, or other shapes.

    Reference: M. Betancourt (2018), "Calibrating model-based inferences and decisions",
    arXiv:1803.08393, section 4.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf import behavior
        >>> from pyro_activeinf.behavior.peers import RescorlaWagner
        >>> from pyro_activeinf.behavior.tasks import ReversalLearning
        >>> pyro.set_rng_seed(0)
        >>> def program():  # only their product matters
        ...     pyro.sample("beta", dist.LogNormal(1.0, 1.0))
        ...     pyro.sample("scale", dist.LogNormal(0.0, 1.0))
        >>> def build(p):
        ...     return RescorlaWagner(0.3 + 0 * p["beta"], p["beta"] * p["scale"])
        >>> model = behavior.ChoiceModel(program, build)
        >>> choices = behavior.simulate(model, ReversalLearning(), subjects=8, trials=200).choices
        >>> engine = behavior.AdaptiveImportance(proposals=200)
        >>> found = behavior.fit(model, choices, engine, progress=False)
        >>> "`beta` and `scale` stand in for each other" in identifiability(found).advice
        True
    """
    instance("fit", fit, BehaviorFit, "what behavior.fit returns")
    scales = transforms(fit.model)
    before = _flat(prior_draws(fit.model, fit.choices), scales, 1)
    after = _flat({k: v.flatten(0, 1) for k, v in fit.parameters.items()}, scales, 2)
    variance = after.var(0)
    scores = None
    if true is not None:
        _check_true(true, fit, list(scales))
        scores = (after.mean(0) - _flat(true, scales, 1)) / variance.sqrt()
    return Identifiability(
        names=tuple(_names(fit, scales)),
        contraction=1 - variance / before.var(0),
        z_scores=scores,
        correlation=_correlations(after),
    )


def _check_true(true: object, fit: BehaviorFit, names: Sequence[str]) -> None:
    by_site("true", true, names)
    given: Mapping[str, Any] = true  # type: ignore[assignment]
    if missing := [name for name in names if name not in given]:
        raise ValueError(complain("true", f"values of {list(names)}", f"none of {missing}"))
    for name, value in given.items():
        shape = tuple(fit.parameters[name].shape[2:])
        expected = f"a tensor (subjects, *event) = {shape} as {name!r}"
        instance("true", value, Tensor, expected, "`simulate(..).parameters` are such.")
        if tuple(value.shape) != shape:
            raise ValueError(complain("true", expected, f"one of {tuple(value.shape)}"))


def transforms(model: ChoiceModel) -> dict[str, Any]:
    """From numbers without bounds to the values of each parameter."""
    with torch.random.fork_rng(devices=[]), poutine.block():
        nodes: dict[str, Any] = dict(poutine.trace(model.parameters).get_trace().nodes)
    return {name: biject_to(nodes[name]["fn"].support) for name in model.events if name in nodes}


def prior_draws(
    model: ChoiceModel, choices: Choices, count: int = PRIOR_DRAWS
) -> dict[str, Tensor]:
    """Parameters of subjects like these before anything is known, ``(draws, *event)``."""
    size = choices.num_subjects
    with torch.random.fork_rng(devices=[]):
        parts = [draw(model, size, 1, choices.covariates)[0] for _ in range(max(2, count // size))]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _flat(values: Mapping[str, Tensor], scales: Mapping[str, Any], batch: int) -> Tensor:
    """Coordinates without bounds ``(*batch, coordinates)`` of values ``(*batch, *event)``."""
    parts = [scale.inv(values[name]) for name, scale in scales.items()]
    return torch.cat([part.reshape(*part.shape[:batch], -1) for part in parts], -1)


def _names(fit: BehaviorFit, scales: Mapping[str, Any]) -> list[str]:
    found = []
    for name, scale in scales.items():
        event = fit.parameters[name].shape[3:]
        found += entries(name, torch.Size(scale.inverse_shape(event)))
    return found


def _correlations(draws: Tensor) -> Tensor:
    """Of draws ``(draws, subjects, coordinates)``, for each subject."""
    away = draws - draws.mean(0)
    cov = torch.einsum("nsi,nsj->sij", away, away)
    scale = cov.diagonal(dim1=-2, dim2=-1).sqrt()
    return cov / (scale.unsqueeze(-1) * scale.unsqueeze(-2))
