"""Planning by plain variational free energy, of a model augmented with epistemic priors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .._checks import complain, nonnegative, positive_int
from ..compile import control_sizes
from ..filters import ExactFilter, Filter, JointBelief
from ..records import Belief, PolicyPosterior
from .augmented import Augmented, FutureGuide, PredictiveGuide
from .base import Planner, require_question
from .open_loop import OpenLoop
from .posterior import marginal_action_probs
from .priors import PolicyPrior


class EpistemicPriors(Planner):
    r"""Plans by minimizing plain variational free energy, where exploring is a matter of priors.

    .. math::
        F[q] = E_{q(u)}[G_q(u)] + KL[\,q(o, s, u) \,\|\, p(o, s|u) p(u)]

    The model is :class:`Augmented` with preferences and epistemic priors. Its free energy is
    Pyro's ``TraceEnum_ELBO``; q(u) takes steps of the natural gradient, one of which lands on the
    minimum, and in between epistemic priors are set to what q has become, until it stays.

    With futures as they are predicted (``guide=PredictiveGuide``) the result is that of
    ``OpenLoop(precision=1)``, to rounding. With ``guide=FreeGuide`` it is marginal inference in
    the augmented model, which takes outcomes for something that can be chosen.

    Args:
        horizon: number of actions in a policy.
        policies: ``(policies, time[, controls])``; all of the horizon by default.
        guide: what makes a guide for an augmented model.
        iterations: steps at most.
        tolerance: a step that moves no probability by more than this is the last one.
        prior: p(u); the model's habit by default.

    Raises:
        TypeError: for a guide that cannot be called.
        ValueError: for a wrong argument; on a call, for a filter that is not exact.

    Reference: see :class:`Augmented`.

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> found = EpistemicPriors(horizon=2)(filter, start)
        >>> expected = OpenLoop(horizon=2, precision=1.0)(filter, start)
        >>> torch.allclose(found.probs, expected.probs, atol=1e-5)
        True
    """

    def __init__(
        self,
        horizon: int,
        policies: Tensor | None = None,
        guide: Callable[[Augmented], FutureGuide] = PredictiveGuide,
        iterations: int = 20,
        tolerance: float = 1e-9,
        prior: PolicyPrior | None = None,
    ) -> None:
        if not callable(guide):
            expected = "PredictiveGuide, FreeGuide, or what else makes a guide"
            raise TypeError(complain("guide", expected, repr(guide)))
        self.scorer = OpenLoop(horizon, policies, precision=1.0)
        self.horizon, self.policies = self.scorer.horizon, self.scorer.policies
        self.guide, self.prior = guide, prior
        self.iterations = positive_int("iterations", iterations)
        self.tolerance = nonnegative("tolerance", tolerance)

    def __call__(self, filter: Filter, belief: Belief) -> PolicyPosterior:
        """The posterior over policies, for one member of the batch after the other."""
        require_question(filter, belief)
        if not isinstance(filter, ExactFilter) or not isinstance(belief, JointBelief):
            way_out = "OpenLoop plans by the same expected free energy with any filter."
            raise ValueError(complain("filter", "an ExactFilter", filter, way_out))
        scored = self.scorer(filter, belief)
        flat = belief.reshape(-1)
        members = torch.arange(flat.batch_shape[0], device=filter.device)
        rows = [self._probs(filter, flat.take(i[None]).reshape()) for i in members]
        probs = torch.stack(rows).reshape(scored.probs.shape)
        controls = control_sizes(filter.actions)
        return scored.with_probs(probs, marginal_action_probs(scored.policies, probs, controls))

    def _probs(self, filter: ExactFilter, belief: JointBelief) -> Tensor:
        plan = Augmented(filter, belief, self.scorer, self.prior)
        guide = self.guide(plan)
        probs = guide.logits.detach().softmax(-1)
        for _ in range(self.iterations):
            before, probs = probs, natural_step_by_gradient(plan, guide)
            if float((probs - before).abs().max()) <= self.tolerance:
                break
            plan.refresh(guide)
        return probs


def natural_step_by_gradient(plan: Augmented, guide: FutureGuide) -> Tensor:
    r"""Move the logits of q(u) to the minimum of free energy, for the priors as they are.

    .. math:: \lambda \leftarrow \lambda - \frac{1}{q} \frac{\partial F}{\partial \lambda}

    which is the natural gradient, up to a constant. Returns q(u), ``(policies,)``.
    """
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(plan.free_energy(guide), guide.logits)
    with torch.no_grad():
        log_q = guide.logits.log_softmax(-1)
        guide.logits.copy_(log_q - gradient * (-log_q).exp())
        return guide.logits.softmax(-1)
