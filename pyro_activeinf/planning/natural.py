"""Natural-gradient steps of a categorical guide over policies that are listed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from .. import ops
from .._checks import complain
from ..compile import control_sizes
from ..filters import Filter
from ..geometry import natural_step
from ..records import Belief, ExpectedFreeEnergyTerms, PolicyPosterior
from .candidates import Objective, no_candidate
from .open_loop import OpenLoop
from .posterior import marginal_action_probs
from .priors import ModelHabit

Rate = Callable[[int], float]  # a step, counted from 0 -> the size of it, in (0, 1]


def average(step: int) -> float:
    """Rates 1, 1/2, 1/3, ..: with them, steps amount to the mean of what they are drawn to."""
    return 1 / (step + 1)


@dataclass(frozen=True)
class EnumeratedPolicies:
    r"""A categorical guide over listed policies, fitted by steps of the natural gradient.

    .. math::
        \lambda \leftarrow (1 - \rho_i) \lambda + \rho_i [\log p(\pi) - \gamma \hat G_i(\pi)],
        \qquad q(\pi) = softmax(\lambda)

    The natural gradient of :math:`F(q) = \sum_\pi q(\pi) [\log q(\pi) - t(\pi)]` in the logits
    :math:`\lambda` is its gradient in the probabilities, :math:`\log q - t` up to a constant. The
    first step of rate 1 lands on :math:`softmax(\log p - \gamma G)`: where G is exact, one step is
    all there is to do. Where :math:`\hat G` is noisy, as with particles, steps whose rates
    shrink as :math:`(i + \tau)^{-\kappa}` average the noise out.

    Args:
        policies: ``(policies, time[, controls])``; every one of the horizon by default.
        rate: sizes of the steps, as ``learning.RobbinsMonro(tau, kappa)``; their plain average,
            1 / (i + 1), by default.

    Raises:
        TypeError: for a rate that is no function of the step.

    Reference: Robbins and Monro (1951), "A stochastic approximation method"; Hoffman et al.
    (2013), "Stochastic variational inference", eqs. 21-24.

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import EnumeratedPolicies, Variational
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> some = EnumeratedPolicies(torch.tensor([[3, 1], [1, 1]]))
        >>> found = Variational(2, steps=1, guide=some)(filter, start)
        >>> expected = (-found.expected_free_energy).softmax(-1)
        >>> torch.allclose(found.probs, expected)
        True
    """

    policies: Tensor | None = None
    rate: Rate = field(default=average)

    def __post_init__(self) -> None:
        if not callable(self.rate):
            raise TypeError(complain("rate", "a function from steps to numbers", repr(self.rate)))

    def plan(
        self, scorer: OpenLoop, objective: Objective, steps: int, filter: Filter, belief: Belief
    ) -> PolicyPosterior:
        """The posterior after so many steps, from the prior on."""
        found = scorer(filter, belief)
        if steps == 1 and isinstance(objective.prior, ModelHabit) and self._rate(0) == 1:
            return found  # whose probabilities are that step
        logits = prior = objective.log_prior(filter, belief, found.policies)
        mean = None
        for i in range(steps):
            if i:
                found = scorer(filter, belief)
            rate = self._rate(i)
            target = -objective.cost(found.expected_free_energy, prior)
            logits = natural_step(logits, target, rate)
            if steps > 1 or rate != 1:
                values = found.per_step.values
                mean = natural_step(
                    torch.zeros_like(values) if mean is None else mean, values, rate
                )
        return _posterior(found, mean, objective, logits, control_sizes(filter.actions))

    def _rate(self, step: int) -> float:
        rate = float(self.rate(step))
        if not 0 < rate <= 1:
            raise ValueError(complain("rate", "steps of a size in (0, 1]", f"{rate} at {step}"))
        return rate


def _posterior(
    found: PolicyPosterior,
    mean: Tensor | None,
    objective: Objective,
    logits: Tensor,
    controls: Sequence[int],
) -> PolicyPosterior:
    """From the last scores, or from their mean ``(*batch, policies, time, 4, 1 + sites)``."""
    if ops.any_equal(logits.amax(-1), -math.inf):
        raise ValueError(no_candidate())
    probs = logits.softmax(-1)
    if mean is not None:
        nodes = ExpectedFreeEnergyTerms(mean, found.nodes.sites)
        scores = nodes.select(objective.terms).sum(-1)
        found = replace(found, nodes=nodes, expected_free_energy=scores, places=None)
    return found.with_probs(probs, marginal_action_probs(found.policies, probs, controls))
