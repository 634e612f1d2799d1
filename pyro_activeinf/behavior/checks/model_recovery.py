"""Model recovery: how often the model that made the data is the one that is chosen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..._checks import complain, instance, positive_int
from ..behavior_fit import BehaviorFit
from ..choice_model import ChoiceModel
from ..choices import Choices
from ..engines import AdaptiveImportance, Engine
from ..fit import fit
from ..simulate import simulate
from ..tasks import Task

if TYPE_CHECKING:
    import pandas as pd


class Score(ABC):
    """How well a model that was fitted accounts for each subject."""

    @abstractmethod
    def __call__(self, fitted: BehaviorFit) -> Tensor:
        """Scores ``(subjects,)`` in nats: higher is better."""


@dataclass(frozen=True)
class Evidence(Score):
    r"""Log-evidence :math:`\log p(u_i)` of each subject, from importance weights."""

    def __call__(self, fitted: BehaviorFit) -> Tensor:
        """Scores ``(subjects,)``.

        Raises:
            ValueError: for a fit without evidence for each subject.
        """
        found = fitted.found.log_evidence
        if found is None or len(found) != fitted.choices.num_subjects:
            expected = "an engine that gives the evidence of each subject"
            way_out = "Take AdaptiveImportance() or Laplace() and a Flat population."
            raise ValueError(complain("engine", expected, repr(fitted.engine), way_out))
        return found


@dataclass(frozen=True)
class LeaveOneOut(Score):
    r"""Expected log predictive density of trials that are left out in turn.

    .. math:: \sum_t \log \left( \frac{\sum_s w_{st} \, p(u_t | \theta_s)}{\sum_s w_{st}} \right),
        \qquad w_{st} = \min \left( \frac{1}{p(u_t | \theta_s)}, \sqrt{S} \, \bar{w}_t \right)

    Weights are truncated, which is quick for many subjects at once; for a single comparison, see
    :func:`~.compare`.

    Reference: E. Ionides (2008), "Truncated importance sampling", J. Comput. Graph. Stat. 17; A.
    Vehtari, A. Gelman and J. Gabry (2017), Stat. Comput. 27.
    """

    def __call__(self, fitted: BehaviorFit) -> Tensor:
        """Scores ``(subjects,)``."""
        log_likelihood = fitted.log_likelihood.flatten(0, 1)
        count = torch.tensor(float(len(log_likelihood))).to(log_likelihood)
        mean = (-log_likelihood).logsumexp(0) - count.log()
        log_weights = torch.minimum(-log_likelihood, mean + count.log() / 2)
        left_out = (log_weights + log_likelihood).logsumexp(0) - log_weights.logsumexp(0)
        return left_out.sum(-1)


@dataclass(frozen=True)
class ModelRecovery:
    """Which model was chosen for data of each model; see :func:`recover_models`."""

    names: tuple[str, ...]
    scores: Tensor  # (models that made the data, data sets, models that were fitted), nats

    @property
    def chosen(self) -> Tensor:
        """The model with the best score, ``(models that made the data, data sets)``."""
        return self.scores.argmax(-1)

    @property
    def confusion(self) -> Tensor:
        """How often data of each model (row) are taken for those of each (column)."""
        marked = torch.nn.functional.one_hot(self.chosen, len(self.names))
        return marked.double().mean(1)

    @property
    def inversion(self) -> Tensor:
        """How probably a model that was chosen (column) is each of them (row), a priori alike."""
        return self.confusion / self.confusion.sum(0).clamp(min=1e-12)

    def to_dataframe(self) -> pd.DataFrame:
        """The confusion matrix with names."""
        import pandas as pd

        table = self.confusion.numpy(force=True)
        rows, columns = (pd.Index(self.names, name=name) for name in ("made the data", "is chosen"))
        return pd.DataFrame(table, index=rows, columns=columns)


def recover_models(
    models: Mapping[str, ChoiceModel],
    task: Task,
    *,
    subjects: int = 50,
    trials: int = 200,
    engine: Engine | None = None,
    score: Score | None = None,
    group: int = 1,
    progress: bool = True,
) -> ModelRecovery:
    """Simulate subjects of each model, fit all models to them, and see which one is chosen.

    Args:
        models: name to model, with the same actions.
        task: what they go through.
        subjects: simulated with each model.
        trials: choices of each.
        engine: how to infer; :class:`~.AdaptiveImportance` by default.
        score: what decides: :class:`Evidence` by default, or :class:`LeaveOneOut`.
        group: subjects of a data set, whose scores are added up: 1 tells how surely a single
            person is recognized.
        progress: show a progress bar for each fit.

    Raises:
        TypeError: for models by no name, or a score that is none.
        ValueError: for fewer than two models, or subjects that are not a number of groups.

    Reference: R. Wilson and A. Collins (2019), "Ten simple rules for the computational modeling of
    behavioral data", eLife 8.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior.peers import RandomChoice, WinStayLoseShift
        >>> from pyro_activeinf.behavior.tasks import ReversalLearning
        >>> pyro.set_rng_seed(0)
        >>> def chances():
        ...     pyro.sample("stay", dist.Beta(8.0, 1.0))
        >>> def biases():
        ...     pyro.sample("bias", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        >>> models = {
        ...     "win-stay": ChoiceModel(chances, lambda p: WinStayLoseShift(p["stay"], p["stay"])),
        ...     "random": ChoiceModel(biases, lambda p: RandomChoice(p["bias"])),
        ... }
        >>> engine = AdaptiveImportance(proposals=100, rounds=3)
        >>> found = recover_models(
        ...     models, ReversalLearning(), subjects=20, trials=50, engine=engine, progress=False
        ... )
        >>> bool((found.confusion.diagonal() > 0.8).all())
        True
    """
    instance("models", models, Mapping, "a dict of models by name", "Write {'name': model, ..}.")
    instance("score", score, (Score, type(None)), "Evidence() or LeaveOneOut()")
    if len(models) < 2:
        raise ValueError(complain("models", "two or more", sorted(models)))
    if positive_int("subjects", subjects) % positive_int("group", group):
        raise ValueError(complain("subjects", f"a multiple of {group}", subjects))
    rating = Evidence() if score is None else score
    chosen = AdaptiveImportance() if engine is None else engine
    rows = []
    for model in models.values():
        choices = simulate(model, task, subjects=subjects, trials=trials).choices
        rows.append(_scores(models, choices, chosen, rating, progress))
    scores = torch.stack(rows).unflatten(1, (-1, group)).sum(2)
    return ModelRecovery(tuple(models), scores)


def _scores(
    models: Mapping[str, ChoiceModel],
    choices: Choices,
    engine: Engine,
    score: Score,
    progress: bool,
) -> Tensor:
    """Scores ``(subjects, models)``."""
    fits = (fit(model, choices, engine, progress=progress) for model in models.values())
    return torch.stack([score(fitted) for fitted in fits], -1)
