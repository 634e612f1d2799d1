"""Planning real-valued actions by cross-entropy search."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .._checks import complain, finite, nonnegative, positive_int
from ..filters import Filter
from ..free_energy.counted import counted_terms
from ..records import Belief, PolicyPosterior
from .action_box import ActionBox, action_box
from .base import Resumable, require_question
from .candidates import Objective
from .priors import ModelHabit, PolicyPrior, Proposal
from .warm_start import Solution, WarmStart, one_step_on


class CrossEntropy(Resumable):
    r"""Searches real-valued policies by sampling: draw, keep the best, draw around those.

    .. math::
        J(u) = \gamma \, G(u_{1:H}) - \log p(u_{1:H}), \qquad
        \mu, \Sigma \leftarrow \text{moments of the elites: the draws of least } J

    Draws are Gaussian (correlated as the elites are), cut back to the bounds of the action space.
    From the second time step of an episode on, the search starts from its last solution, one step
    on. It takes no gradients: any filter will do, also where G is noisy or has jumps. The
    posterior is over the elites of the last iteration, the best one first, with
    :math:`q(u) \propto e^{-J(u)}` among them.

    Args:
        horizon: number of actions H in a policy.
        samples: policies that are scored in an iteration.
        elites: how many of them are kept.
        iterations: how often.
        precision: gamma; infinite for G alone.
        spread: standard deviation of the first draws, in half widths of the action space.
        correlation: of a draw's noise at one step with that at the next, in [0, 1): policies
            that keep to a direction are tried more often.
        prior: p(u); the model's habit by default.
        terms: which of ``pragmatic``, ``epistemic``, ``novelty`` count; all by default.
        memory_limit: bytes that scoring may take at a time.

    Raises:
        ValueError: for a wrong argument; on a call, for an action space that is no bounded Box.

    Reference: Rubinstein (1999), "The cross-entropy method for combinatorial and continuous
    optimization"; Pinneri et al. (2020), "Sample-efficient cross-entropy method for real-time
    planning", for what is carried over.

    Example:
        >>> import pyro
        >>> from pyro_activeinf.filters import GaussianFilter
        >>> from pyro_activeinf.models import LinearGaussian
        >>> pyro.set_rng_seed(0)
        >>> walk = LinearGaussian(torch.eye(1), B=torch.eye(1), goal=torch.ones(1), bound=2.0)
        >>> filter = GaussianFilter(walk)
        >>> posterior = CrossEntropy(horizon=2, iterations=10)(filter, filter.initial())
        >>> posterior.policies[0, 0].round(decimals=1).tolist()  # to the goal
        [1.0]
    """

    def __init__(  # noqa: PLR0913
        self,
        horizon: int,
        samples: int = 256,
        elites: int = 32,
        iterations: int = 4,
        precision: float = 1.0,
        spread: float = 0.5,
        correlation: float = 0.0,
        prior: PolicyPrior | None = None,
        terms: Iterable[str] | None = None,
        memory_limit: int = 2**30,
    ) -> None:
        self.horizon = positive_int("horizon", horizon)
        self.samples = positive_int("samples", samples)
        self.elites = _elites(elites, self.samples)
        self.iterations = positive_int("iterations", iterations)
        self.spread = finite("spread", spread)
        self.correlation = _correlation(correlation)
        self.precision = nonnegative("precision", precision)
        self.terms = counted_terms(terms)
        self.memory_limit = positive_int("memory_limit", memory_limit)
        self.prior = prior
        self.objective = Objective(
            self.terms, self.precision, prior or ModelHabit(), self.memory_limit
        )
        self._last: WarmStart[Tensor] = WarmStart()

    def __call__(self, filter: Filter, belief: Belief) -> PolicyPosterior:
        """Search from a belief on, for each member of its batch by itself."""
        require_question(filter, belief)
        box = action_box(filter)
        with torch.no_grad():
            search = self._start(filter, belief, box)
            for _ in range(self.iterations):
                flat = search.draw(self.samples)
                drawn = box.clamp(flat.unflatten(-1, (self.horizon, *box.event)))
                elites = self.objective(filter, belief, drawn).best(self.elites)
                search = _around(elites.policies.flatten(len(belief.batch_shape) + 1))
            posterior = elites.posterior(filter)
        self._last.keep(filter, belief, elites.policies)
        return posterior

    def solution(self, filter: Filter) -> dict[str, Any] | None:
        """The best policies of the last search for a filter, and where it began."""
        last = self._last.last(filter)
        return None if last is None else vars(last)

    def resume(self, filter: Filter, solution: Mapping[str, Any]) -> None:
        """Begin the next search where another one has ended."""
        self._last.put(filter, Solution(**solution))

    def _start(self, filter: Filter, belief: Belief, box: ActionBox) -> _Search:
        """About the last solution where there is one, or where the prior points to."""
        last = self._last.follow(filter, belief)
        first = self.objective.prior.proposal(filter, belief, self.horizon)
        batch, flat = len(belief.batch_shape), len(belief.batch_shape) + 1
        if first is None:
            shape = (*belief.batch_shape, self.horizon, *box.event)
            first = Proposal(box.center.expand(shape), self.spread * box.half_width.expand(shape))
        scale = first.std.flatten(batch).diag_embed()
        steps = torch.arange(self.horizon, dtype=filter.dtype, device=filter.device)
        each = torch.eye(box.low.numel(), dtype=filter.dtype, device=filter.device)
        root = torch.kron(_coloring(steps, self.correlation), each) @ scale
        if last is None:
            return _Search(first.mean.unsqueeze(batch).flatten(flat), root)
        return _around(one_step_on(last, flat).flatten(flat), root)


@dataclass(frozen=True)
class _Search:
    """Where the search is: a Gaussian over flattened policies, and some to score again."""

    kept: Tensor  # (*batch, kept, numbers): the mean first, then the best that were drawn
    root: Tensor  # (*batch or none, rank, numbers): root^T root is the covariance

    def draw(self, count: int) -> Tensor:
        """So many policies ``(*batch, count, numbers)``, the kept ones first."""
        kept = self.kept[..., :count, :]
        shape = (*kept.shape[:-2], count - kept.shape[-2], self.root.shape[-2])
        white = torch.randn(shape, dtype=kept.dtype, device=kept.device)
        return torch.cat([kept, kept[..., :1, :] + white @ self.root], -2)


def _around(elites: Tensor, root: Tensor | None = None) -> _Search:
    """The moments of flattened policies ``(*batch, elites, numbers)``, the best ones first.

    Few elites tell little of the correlations of many numbers: their covariance is mixed with its
    diagonal.
    """
    count, numbers = elites.shape[-2:]
    mean = elites.mean(-2, keepdim=True)
    kept = torch.cat([mean, elites[..., : -(-count // 4), :]], -2)
    if root is None:
        away = elites - mean
        single = away.square().mean(-2).sqrt().diag_embed()
        part = numbers / (numbers + count)
        root = torch.cat([((1 - part) / count) ** 0.5 * away, part**0.5 * single], -2)
    return _Search(kept, root)


def _coloring(steps: Tensor, correlation: float) -> Tensor:
    r"""What makes noise of correlation :math:`\rho^{|t-s|}` of white noise, ``(time, time)``."""
    if not correlation:
        return torch.eye(len(steps), dtype=steps.dtype, device=steps.device)
    decay = correlation ** (steps - steps[:, None]).clamp_min(0.0)
    first = (steps == 0)[:, None]
    return (decay * torch.where(first, 1.0, math.sqrt(1 - correlation**2))).triu()


def _elites(elites: int, samples: int) -> int:
    if positive_int("elites", elites) > samples:
        raise ValueError(complain("elites", f"at most samples={samples}", elites))
    return elites


def _correlation(value: float) -> float:
    if not 0 <= finite("correlation", value) < 1:
        raise ValueError(complain("correlation", "a number in [0, 1)", value))
    return float(value)
