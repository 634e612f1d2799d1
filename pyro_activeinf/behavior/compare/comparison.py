"""Models of behavior side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..._checks import complain, instance
from ..behavior_fit import BehaviorFit
from .bms import GroupSelection, select
from .elpd import Elpd, loo, stacking, standard_error, waic
from .pointwise import pointwise, said_by, shared

if TYPE_CHECKING:
    from pandas import DataFrame

RELIABLE = 0.7  # Pareto k-hat above which a leave-one-out density cannot be trusted


@dataclass(frozen=True)
class Comparison:
    """What :func:`compare` found. Models are in the order in which they were given."""

    models: tuple[str, ...]
    loo: Mapping[str, Elpd]  # over trials that count
    waic: Mapping[str, Elpd]
    stacking: Mapping[str, float]  # weights of a mixture of predictions, their sum is 1
    pseudo_bma: Mapping[str, float]  # weights exp(elpd - se / 2), normalized
    selection: GroupSelection | None  # over subjects; None for fewer than two models or subjects
    evidence: Tensor  # (subjects, models), what the selection is made by, in nats
    evidence_kind: str  # "leave-one-out" or "log evidence"
    variables: tuple[str, ...] = ("choice",)  # whose density is compared

    @property
    def best(self) -> str:
        """The model with the largest leave-one-out density."""
        return max(self.models, key=lambda name: self.loo[name].total)

    def difference(self, first: str, second: str) -> tuple[float, float]:
        """Leave-one-out density of one model less that of another, and its standard error."""
        gap = self.loo[first].pointwise - self.loo[second].pointwise
        return float(gap.sum()), standard_error(gap)

    @property
    def unreliable(self) -> dict[str, int]:
        """Number of trials whose Pareto k-hat is above 0.7, by model."""
        ks = {name: self.loo[name].pareto_k for name in self.models}
        return {name: 0 if k is None else int((k > RELIABLE).sum()) for name, k in ks.items()}

    @property
    def table(self) -> DataFrame:
        """A row for each model, the best first."""
        from pandas import DataFrame

        order = sorted(self.models, key=lambda name: -self.loo[name].total)
        return DataFrame([self._row(name) for name in order], index=order)

    def _row(self, name: str) -> dict[str, float]:
        gap, error = self.difference(name, self.best)
        row = {
            "elpd_loo": self.loo[name].total,
            "se": self.loo[name].error,
            "p_loo": self.loo[name].parameters,
            "elpd_diff": gap,
            "dse": error,
            "elpd_waic": self.waic[name].total,
            "stacking": self.stacking[name],
            "pseudo_bma": self.pseudo_bma[name],
            "high_k": float(self.unreliable[name]),
        }
        if self.selection is None:
            return row
        at = self.models.index(name)
        return row | {
            "frequency": float(self.selection.frequencies[at]),
            "exceedance": float(self.selection.exceedance[at]),
            "protected": float(self.selection.protected_exceedance[at]),
        }

    @property
    def advice(self) -> str:
        """What to make of it, in a few sentences."""
        others = [name for name in self.models if name != self.best]
        said = [_on_gap(self.best, name, *self.difference(self.best, name)) for name in others]
        said += [
            f"{count} trials of {name} have a Pareto k-hat above {RELIABLE}: do not trust their "
            "leave-one-out densities."
            for name, count in self.unreliable.items()
            if count
        ]
        if self.selection is not None:
            risk = self.selection.omnibus_risk
            said.append(f"That all models are equally frequent has probability {risk:.2g}.")
        return " ".join(said)

    def __str__(self) -> str:
        """The table and the advice."""
        return f"{self.table.round(2).to_string()}\n{self.advice}"


def _on_gap(best: str, other: str, gap: float, error: float) -> str:
    clear = "clearly " if gap > max(4.0, 2.0 * error) else "not clearly "
    return f"{best} predicts {clear}better than {other}: {gap:.1f} +- {error:.1f} nats."


def compare(
    fits: Mapping[str, BehaviorFit], *, variables: str | Sequence[str] | None = None
) -> Comparison:
    r"""Compare models of the same choices, by what they predict and by whom they describe.

    .. math:: elpd_{loo} = \sum_{it} \log p(y_{it} | y_{-it}), \qquad
        elpd_{waic} = \sum_{it} \log E[p(y_{it} | \theta)] - V[\log p(y_{it} | \theta)]

    where :math:`y_{it}` is what is compared of a trial: the choice, its response time, or both,

    .. math:: \log p(y_{it} | \theta) = \log p(u_{it} | \theta) + \log p(RT_{it} | u_{it}, \theta)

    in nats (of densities per second, where times are compared). A time that is missing adds
    nothing. A model that has a likelihood of response times has learned its parameters from them
    also where only choices are compared.

    The model of each subject (Bayesian model selection with random effects) is judged by the
    subject's log evidence where every fit has one of just these variables, as fits by
    :class:`Laplace` of subjects that tell nothing about each other do; elsewhere by the subject's
    leave-one-out density.

    Args:
        fits: names and fits; all of the same choices.
        variables: ``"choice"``, ``"response_time"``, or both of them; by default all that every
            model has a likelihood of.

    Raises:
        TypeError: for something else than a dict of fits.
        ValueError: for no fits, fits of different choices, or a variable of which some model has
            no likelihood.

    Reference: Vehtari, Gelman and Gabry (2017), "Practical Bayesian model evaluation using
    leave-one-out cross-validation and WAIC", eqs. 4 and 12; Yao, Vehtari, Simpson and Gelman
    (2018), "Using stacking to average Bayesian predictive distributions"; Stephan et al. (2009);
    Rigoux et al. (2014).

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf import behavior
        >>> from pyro_activeinf.behavior.peers import RandomChoice, WinStayLoseShift
        >>> from pyro_activeinf.behavior.tasks import ReversalLearning
        >>> pyro.set_rng_seed(0)
        >>> def rule():
        ...     pyro.sample("stay", dist.Beta(8.0, 2.0))
        ...     pyro.sample("shift", dist.Beta(8.0, 2.0))
        >>> def bias():
        ...     pyro.sample("bias", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        >>> models = {
        ...     "rule": behavior.ChoiceModel(
        ...         rule, lambda p: WinStayLoseShift(p["stay"], p["shift"])
        ...     ),
        ...     "chance": behavior.ChoiceModel(bias, lambda p: RandomChoice(p["bias"])),
        ... }
        >>> task = ReversalLearning()
        >>> choices = behavior.simulate(models["rule"], task, subjects=4, trials=40).choices
        >>> engine = behavior.AdaptiveImportance(proposals=100, rounds=3)
        >>> found = compare(
        ...     {name: behavior.fit(model, choices, engine, progress=False)
        ...      for name, model in models.items()}
        ... )
        >>> found.best, found.variables
        ('rule', ('choice',))
    """
    counted = _same_choices(fits)
    chosen = shared(fits, variables)
    by_trial = {name: pointwise(fit, chosen)[..., counted] for name, fit in fits.items()}
    estimates = {name: loo(by_trial[name], fit.efficiency) for name, fit in fits.items()}
    evidence, kind = _evidence(fits, estimates, counted, chosen)
    several = len(fits) > 1
    return Comparison(
        models=tuple(fits),
        loo=estimates,
        waic={name: waic(value) for name, value in by_trial.items()},
        stacking=_stacking(estimates),
        pseudo_bma=_pseudo_bma(estimates),
        selection=select(evidence) if several else None,
        evidence=evidence,
        evidence_kind=kind,
        variables=chosen,
    )


def _same_choices(fits: Mapping[str, BehaviorFit]) -> Tensor:
    """Which choices count, ``(subjects, trials)``."""
    instance("fits", fits, Mapping, "a dict of fits by name", "Write {'name': fit, ..}.")
    for name, each in fits.items():
        instance("fits", each, BehaviorFit, f"a fit as {name!r}")
    if not fits:
        raise ValueError(complain("fits", "at least one fit by name", "none"))
    (name, first), *others = ((name, fit.choices) for name, fit in fits.items())
    for other, choices in others:
        same = torch.equal(first.counted, choices.counted)
        if not same or not torch.equal(first.actions, choices.actions):
            shapes = [tuple(each.actions.shape) for each in (first, choices)]
            got = f"others of {other!r} {shapes[1]} than of {name!r} {shapes[0]}"
            way_out = "Fit every model to the same Choices."
            raise ValueError(complain("fits", "fits of the same choices", got, way_out))
    return first.counted


def _evidence(
    fits: Mapping[str, BehaviorFit],
    estimates: Mapping[str, Elpd],
    counted: Tensor,
    variables: tuple[str, ...],
) -> tuple[Tensor, str]:
    found = [fit.found.log_evidence for fit in fits.values()]
    whole = all(set(said_by(fit)) == set(variables) for fit in fits.values())
    if whole and all(value is not None and len(value) == len(counted) for value in found):
        return torch.stack([value.double() for value in found if value is not None], -1), EVIDENCE
    rows = [_by_subject(estimate.pointwise, counted) for estimate in estimates.values()]
    return torch.stack(rows, -1), LEFT_OUT


EVIDENCE, LEFT_OUT = "log evidence", "leave-one-out"


def _by_subject(pointwise: Tensor, counted: Tensor) -> Tensor:
    table = pointwise.new_zeros(counted.shape)
    table[counted] = pointwise
    return table.sum(-1)


def _stacking(estimates: Mapping[str, Elpd]) -> dict[str, float]:
    weights = stacking(torch.stack([x.pointwise for x in estimates.values()], -1))
    return dict(zip(estimates, weights.tolist(), strict=True))


def _pseudo_bma(estimates: Mapping[str, Elpd]) -> dict[str, float]:
    r"""Weights :math:`\exp(elpd - se / 2)`, normalized (Yao et al. 2018, eq. 8)."""
    scores = torch.tensor([x.total - x.error / 2 for x in estimates.values()], dtype=torch.float64)
    return dict(zip(estimates, scores.softmax(0).tolist(), strict=True))
