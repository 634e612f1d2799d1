"""Parameter recovery: how much of simulated subjects a fit gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..._checks import complain
from ..choice_model import ChoiceModel
from ..engines import Engine
from ..tasks import Task
from .rehearsal import Rehearsal, rehearse

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Recovery:
    """True parameters of simulated subjects beside what was inferred; see :func:`recover`."""

    true: Mapping[str, Tensor]  # site -> (repeats, subjects, *event)
    estimated: Mapping[str, Tensor]  # posterior means, (repeats, subjects, *event)
    spread: Mapping[str, Tensor]  # posterior standard deviations, (repeats, subjects, *event)
    low: Mapping[str, Tensor]  # ends of central intervals, (repeats, subjects, *event)
    high: Mapping[str, Tensor]
    mass: float  # of the intervals
    by_subject: Mapping[str, Tensor]  # name -> (repeats, subjects), from the engine

    @classmethod
    def of(cls, rehearsal: Rehearsal, mass: float = 0.9) -> Recovery:
        """Read it off simulated subjects that were fitted."""
        if not 0 < mass < 1:
            raise ValueError(complain("mass", "a number between 0 and 1", mass))
        ends = torch.tensor([(1 - mass) / 2, (1 + mass) / 2])
        draws = rehearsal.draws
        bounds = {name: _quantiles(value, ends) for name, value in draws.items()}
        return cls(
            true=rehearsal.true,
            estimated={name: value.mean(0) for name, value in draws.items()},
            spread={name: value.std(0) for name, value in draws.items()},
            low={name: bound[0] for name, bound in bounds.items()},
            high={name: bound[1] for name, bound in bounds.items()},
            mass=mass,
            by_subject=rehearsal.by_subject,
        )

    @property
    def correlation(self) -> dict[str, Tensor]:
        """Pearson's r between true and estimated values of a data set, ``(repeats, *event)``."""
        return {name: _correlation(self.true[name], self.estimated[name]) for name in self.true}

    @property
    def coverage(self) -> dict[str, Tensor]:
        """How many of the intervals hold what was true, over all data sets, ``(*event)``."""
        return {
            name: ((self.low[name] <= true) & (true <= self.high[name])).double().mean((0, 1))
            for name, true in self.true.items()
        }

    @property
    def bias(self) -> dict[str, Tensor]:
        """Mean of estimated less true values, ``(*event)``."""
        return {
            name: (self.estimated[name] - true).mean((0, 1)) for name, true in self.true.items()
        }

    def summary(self) -> pd.DataFrame:
        """A row for each parameter: correlation (mean and least of data sets), coverage, bias."""
        import pandas as pd

        rows = {}
        for name in self.true:
            pairs = zip(
                entries(name, self.true[name].shape[2:]),
                self.correlation[name].reshape(len(self.true[name]), -1).T,
                self.coverage[name].flatten(),
                self.bias[name].flatten(),
                strict=True,
            )
            for label, r, covered, bias in pairs:
                rows[label] = {
                    "correlation": float(r.mean()),
                    "least correlation": float(r.min()),
                    "coverage": float(covered),
                    "bias": float(bias),
                }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")

    def to_dataframe(self) -> pd.DataFrame:
        """A row for each data set, subject and parameter."""
        import pandas as pd

        parts = []
        columns = ("true", "estimated", "spread", "low", "high")
        for name, true in self.true.items():
            repeats, subjects = true.shape[:2]
            labels = entries(name, true.shape[2:])
            index = pd.MultiIndex.from_product(
                [range(repeats), range(subjects), labels], names=["repeat", "subject", "parameter"]
            )
            values = {c: getattr(self, c)[name].flatten().numpy(force=True) for c in columns}
            parts.append(pd.DataFrame(values, index=index).reset_index())
        return pd.concat(parts, ignore_index=True)


def recover(  # noqa: PLR0913
    model: ChoiceModel,
    task: Task,
    *,
    subjects: int = 50,
    trials: int = 200,
    repeats: int = 1,
    engine: Engine | None = None,
    mass: float = 0.9,
    covariates: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Recovery:
    r"""Simulate subjects with known parameters, fit them, and compare.

    .. math:: \theta^* \sim p(\theta), \qquad u \sim p(u \mid \theta^*), \qquad
        \hat\theta = E[\theta \mid u]

    A correlation near 1 says that the task tells subjects apart; intervals that cover the truth as
    often as they say, that the inference can be trusted.

    Args:
        model: parameters, agent and population; priors decide how different subjects are.
        task: what they go through.
        subjects: in a data set.
        trials: choices of each.
        repeats: number of data sets: coverage is counted over all of them.
        engine: how to infer; :class:`~.AdaptiveImportance` where subjects are independent,
            :class:`~.NUTS` elsewhere by default.
        mass: of central posterior intervals.
        covariates: name to ``(subjects,)`` values.
        progress: show a progress bar for each fit.

    Raises:
        ValueError: for numbers out of range.

    Reference: R. Wilson and A. Collins (2019), "Ten simple rules for the computational modeling of
    behavioral data", eLife 8.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior.peers import WinStayLoseShift
        >>> from pyro_activeinf.behavior.tasks import ReversalLearning
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("stay", dist.Beta(1.0, 1.0))
        ...     pyro.sample("shift", dist.Beta(1.0, 1.0))
        >>> model = ChoiceModel(program, lambda p: WinStayLoseShift(p["stay"], p["shift"]))
        >>> found = recover(model, ReversalLearning(), subjects=20, trials=100, progress=False)
        >>> bool((found.summary()["correlation"] > 0.95).all())
        True
    """
    rehearsal = rehearse(
        model,
        task,
        subjects=subjects,
        trials=trials,
        repeats=repeats,
        engine=engine,
        covariates=covariates,
        progress=progress,
    )
    return Recovery.of(rehearsal, mass)


def _quantiles(draws: Tensor, ends: Tensor) -> Tensor:
    """Quantiles ``(ends, *)`` along the first dim, however large the rest is."""
    ordered = draws.sort(0).values
    place = ends * (len(draws) - 1)
    below = place.floor().long()
    share = (place - below).reshape(-1, *[1] * (draws.dim() - 1))
    return torch.lerp(ordered[below], ordered[(below + 1).clamp(max=len(draws) - 1)], share)


def _correlation(first: Tensor, second: Tensor) -> Tensor:
    """Pearson's r along the subjects ``(repeats, subjects, *event)``."""
    a, b = (x - x.mean(1, keepdim=True) for x in (first, second))
    return (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()


def entries(name: str, event: torch.Size) -> list[str]:
    """Names of the entries of a parameter.

    Example:
        >>> entries("bias", torch.Size([2])), entries("rate", torch.Size([]))
        (['bias[0]', 'bias[1]'], ['rate'])
    """
    if not event:
        return [name]
    places = torch.cartesian_prod(*(torch.arange(n) for n in event)).reshape(-1, len(event))
    return [f"{name}[{', '.join(map(str, place))}]" for place in places.tolist()]
