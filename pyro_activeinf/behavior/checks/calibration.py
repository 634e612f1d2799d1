"""Simulation-based calibration: whether posteriors say what they know."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..._checks import complain, positive_int
from ..choice_model import ChoiceModel
from ..engines import Engine
from ..tasks import Task
from .rehearsal import Rehearsal, rehearse

REFERENCES = 1000  # sets of uniform ranks that simultaneous bands are read off


@dataclass(frozen=True)
class Calibration:
    """Ranks of true parameters among draws from their posteriors; see :func:`calibrate`."""

    ranks: Mapping[str, Tensor]  # site -> (simulations, *event), integers from 0 to draws
    draws: int  # thinned ones that each truth was ranked among

    @classmethod
    def of(cls, rehearsal: Rehearsal, draws: int = 99) -> Calibration:
        """Read it off simulated subjects that were fitted.

        Of subjects that are not independent, the first one of each data set counts.
        """
        ranks = {}
        for name, drawn in rehearsal.draws.items():
            if len(drawn) < positive_int("draws", draws):
                raise ValueError(complain("draws", f"at most {len(drawn)}, as drawn", draws))
            thin = drawn[torch.linspace(0, len(drawn) - 1, draws).round().long()]
            below = (thin < rehearsal.true[name]).sum(0)
            ranks[name] = below.flatten(0, 1) if rehearsal.independent else below[:, 0]
        return cls(ranks, draws)

    def counts(self, bins: int = 20) -> dict[str, Tensor]:
        """Numbers of ranks in each bin, ``(bins, *event)``.

        Raises:
            ValueError: where ``draws + 1`` ranks cannot be divided among the bins.
        """
        if (self.draws + 1) % positive_int("bins", bins):
            raise ValueError(complain("bins", f"a divisor of {self.draws + 1} ranks", bins))
        width = (self.draws + 1) // bins
        place = torch.arange(bins)
        return {
            name: (ranks.unsqueeze(-1) // width == place).sum(0).movedim(-1, 0)
            for name, ranks in self.ranks.items()
        }

    def p_values(self, bins: int = 20) -> dict[str, Tensor]:
        r"""Of uniform ranks, by Pearson's chi-square, ``(*event)``.

        .. math:: \chi^2 = \sum_b (n_b - N / B)^2 / (N / B)
        """
        found = {}
        for name, counts in self.counts(bins).items():
            expected = counts.sum(0) / bins
            statistic = ((counts - expected).square() / expected).sum(0)
            half = torch.tensor((bins - 1) / 2, dtype=statistic.dtype)
            found[name] = torch.special.gammaincc(half.expand_as(statistic), statistic / 2)
        return found

    def ecdf_differences(self) -> dict[str, Tensor]:
        """Share of ranks up to each one, less what it is for uniform ones; ``(ranks, *event)``."""
        levels = torch.arange(self.draws + 1)
        uniform = (levels + 1) / (self.draws + 1)
        return {
            name: (ranks.unsqueeze(-1) <= levels).double().mean(0).movedim(-1, 0)
            - uniform.reshape(-1, *[1] * (ranks.dim() - 1))
            for name, ranks in self.ranks.items()
        }

    def bands(self, mass: float = 0.95) -> tuple[Tensor, Tensor]:
        """Where differences of uniform ranks stay all at once, ``(ranks,)`` from below and above.

        By simulation; torch's generator is left as it was.

        Reference: T. Sailynoja, P.-C. Burkner and A. Vehtari (2022), "Graphical test for discrete
        uniformity and its applications in goodness-of-fit evaluation", Stat. Comput. 32.
        """
        count, levels = len(next(iter(self.ranks.values()))), self.draws + 1
        uniform = torch.arange(1, levels + 1) / levels
        cumulative = _binomial(count, uniform)
        with torch.random.fork_rng(devices=[]):
            pointwise = _least_tails(count, levels, cumulative).quantile(1 - mass)
        low = (cumulative < pointwise / 2).sum(0)
        high = (cumulative < 1 - pointwise / 2).sum(0)
        return low / count - uniform, high / count - uniform


def calibrate(  # noqa: PLR0913
    model: ChoiceModel,
    task: Task,
    *,
    simulations: int = 500,
    subjects: int = 1,
    trials: int = 200,
    engine: Engine | None = None,
    draws: int = 99,
    covariates: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Calibration:
    r"""Rank true parameters among draws from their posteriors: the ranks are uniform where the
    inference is exact.

    .. math:: \theta^* \sim p(\theta), \quad u \sim p(u \mid \theta^*), \quad
        \theta_{1:L} \sim p(\theta \mid u) \implies
        \sum_l [\theta_l < \theta^*] \sim U\{0, \dots, L\}

    Ranks that pile up at both ends come of posteriors that are too narrow, those in the middle of
    ones that are too wide, a slope of a bias.

    Args:
        model: parameters, agent and population.
        task: what simulated subjects go through.
        simulations: number of data sets.
        subjects: in each of them; all count where they are independent.
        trials: choices of each.
        engine: how to infer; see :func:`~.recover`.
        draws: L, thinned from those of the engine.
        covariates: name to ``(subjects,)`` values.
        progress: show a progress bar for each fit.

    Reference: S. Talts, M. Betancourt, D. Simpson, A. Vehtari and A. Gelman (2018), "Validating
    Bayesian inference algorithms with simulation-based calibration", arXiv:1804.06788.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior.peers import WinStayLoseShift
        >>> from pyro_activeinf.behavior.tasks import ReversalLearning
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("stay", dist.Beta(1.0, 1.0))
        >>> model = ChoiceModel(program, lambda p: WinStayLoseShift(p["stay"], p["stay"]))
        >>> task = ReversalLearning()
        >>> found = calibrate(model, task, simulations=100, trials=20, progress=False)
        >>> found.ranks["stay"].shape, bool(found.p_values(bins=10)["stay"] > 0.01)
        (torch.Size([100]), True)
    """
    rehearsal = rehearse(
        model,
        task,
        subjects=subjects,
        trials=trials,
        repeats=simulations,
        engine=engine,
        covariates=covariates,
        progress=progress,
    )
    return Calibration.of(rehearsal, draws)


def _binomial(count: int, chance: Tensor) -> Tensor:
    """P(X <= k) for k = 0 .. count, ``(count + 1, chances)``."""
    k = torch.arange(count + 1).unsqueeze(-1).to(chance)
    total = torch.lgamma(torch.tensor(count + 1.0))
    ways = total - torch.lgamma(k + 1) - torch.lgamma(count - k + 1)
    log_mass = ways + torch.xlogy(k, chance) + torch.xlogy(count - k, 1 - chance)
    return log_mass.exp().cumsum(0).clamp(max=1.0)


def _least_tails(count: int, levels: int, cumulative: Tensor) -> Tensor:
    """The smallest two-sided tail along each set of uniform ranks, ``(sets,)``."""
    least = torch.full((REFERENCES,), math.inf)
    for i in range(REFERENCES):
        ranks = torch.randint(levels, (count,))
        up_to = torch.bincount(ranks, minlength=levels).cumsum(0)[:-1]
        at = torch.arange(levels - 1)
        below = cumulative[up_to, at]
        above = 1 - torch.where(up_to > 0, cumulative[(up_to - 1).clamp(min=0), at], 0.0)
        least[i] = 2 * torch.minimum(below, above).min()
    return least
