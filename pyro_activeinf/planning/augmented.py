"""A model augmented with preferences and epistemic priors, whose free energy is a plan's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.infer import TraceEnum_ELBO
from pyro.nn import PyroModule
from pyro.poutine.messenger import Messenger
from torch import Tensor, nn

from .. import ops
from .._checks import complain
from ..compile import depends_on_step
from ..compile.enumerate import HANDLERS
from ..filters import ExactFilter, JointBelief
from ..models.unroll import Latent, over_time
from ..records import stem_of
from .open_loop import OpenLoop
from .policy_guides import GuideMeta
from .priors import ModelHabit, PolicyPrior

RARE = -60.0  # the log-probability of a policy that a habit forbids
ALL: Any = {"enumerate": "parallel"}  # sum over all values of a site


class Outcomes(Messenger):
    """Keeps the values and distributions of the observation sites that it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Tensor] = {}
        self.likelihoods: dict[str, Any] = {}

    def _pyro_post_sample(self, msg: Any) -> None:
        name = stem_of(msg["name"])  # the step was added to it
        self.values[name], self.likelihoods[name] = msg["value"], msg["fn"]


class Augmented:
    r"""A belief's future as a Pyro program whose plain variational free energy plans.

    .. math::
        \log \hat p(o, s, u) = \log p(o, s|u) p(u) + \sum_\tau \big[ \log \tilde p(o_\tau)
        + \underbrace{H[q(o_\tau|u)]}_{\log \tilde p(u)}
        \; \underbrace{- \, H[q(o_\tau|s_\tau)]}_{\log \tilde p(s_\tau)} \big]

    With these priors at the values that q gives them, the free energy of any guide is

    .. math::
        F[q] = E_{q(u)}[G_q(u)] + \underbrace{KL[\,q(o, s, u) \,\|\, p(o, s|u) p(u)]}_{complexity}

    in nats, where G is the risk plus the ambiguity under q. Two guides are to be had:

    - :attr:`guide` has futures as they are predicted, :math:`q(o, s|u) = p(o, s|u)`. Complexity is
      then that of the policies alone, and the minimum is :math:`q(u) \propto p(u) e^{-G(u)}`,
      that of ``OpenLoop(precision=1)``. The entropies do not depend on what is learned.
    - :attr:`free_guide` leaves futures free (they are summed out exactly). At its minimum they bend
      towards what is preferred, :math:`q(o, s|u) \propto p(o, s|u) \prod \tilde p(o) \tilde p(s)`,
      as if luck could be planned: this is marginal inference, which is too hopeful where the world
      is random. The entropies follow q; :meth:`refresh` sets them, between steps.

    Sites are ``policy``, ``state`` (now), and state and observation sites ``f"{site}_{t}"``.

    Args:
        filter: an exact one, whose model is augmented.
        belief: where policies start, of no batch dims.
        scorer: the policies, and how they are scored.
        prior: p(u); the model's habit by default.

    Raises:
        ValueError: for another filter, or a batch of beliefs.

    Reference: de Vries et al. (2025), "Expected free energy-based planning as variational
    inference", the theorem on expected free energy, here with preferences over outcomes; Nuijten
    et al. (2026), "What type of inference is active inference?", on what marginal inference lacks.

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> plan = Augmented(filter, start, OpenLoop(2))
        >>> elbo = TraceEnum_ELBO(max_plate_nesting=0)
        >>> svi = pyro.infer.SVI(plan.model, plan.guide, pyro.optim.Adam({"lr": 0.3}), elbo)
        >>> losses = [svi.step() for _ in range(8)]
        >>> plan.policies[plan.guide.logits.argmax()].tolist()[0]  # the cue first
        3
    """

    def __init__(
        self,
        filter: ExactFilter,
        belief: JointBelief,
        scorer: OpenLoop,
        prior: PolicyPrior | None = None,
    ) -> None:
        _require(filter, belief)
        self.filter, self.belief = filter, belief
        self.programs: Any = filter.model
        found = scorer(filter, belief)
        self.policies = found.policies  # (policies, time[, controls])
        log_prior = (prior or ModelHabit()).log_prob(filter, belief, self.policies)
        # finite, for probabilities of zero have no place in an ELBO
        self.log_prior = log_prior.log_softmax(-1).clamp_min(RARE)  # (policies,)
        self.outcome_entropy = found.per_step.outcome_entropy  # H[q(o|u)], (policies, time)
        self.bent = False  # whether H[q(o|s)] is that of futures bent towards preferences
        self.probes: Tensor | None = None  # (time, policies, *outcomes)
        self.guide = PredictiveGuide(self)
        self.free_guide = FreeGuide(self)

    def model(self) -> None:
        """The augmented program: p(u) p(o, s | u), preferences and epistemic priors."""
        index = pyro.sample("policy", dist.Categorical(logits=self.log_prior), infer=ALL)
        pyro.factor("epistemic_policy", self.outcome_entropy.sum(-1)[index])

        def look(t: int, outcomes: Outcomes) -> None:
            preferred = self.preferences(t)
            given = [p.log_prob(outcomes.values[name]) for name, p in preferred.items()]
            known = [self._entropy(fn, preferred.get(n)) for n, fn in outcomes.likelihoods.items()]
            pyro.factor("preference", sum(given, torch.zeros(())))
            pyro.factor("epistemic_state", -sum(known, torch.zeros(())))
            if self.probes is not None:
                at = self.probes[t - self.belief.step - 1]
                pyro.factor("probe", at[(index, *outcomes.values.values())])

        self.futures(index, look)

    def futures(self, index: Tensor, look: Callable[[int, Outcomes], None]) -> None:
        """Sample what follows a policy, and look at the outcomes of each step."""
        first, steps = self.belief.step + 1, self.policies.shape[1]

        def step(t: int, previous: Any) -> Any:
            outcomes = Outcomes()
            with Latent(torch.Size()):
                state = self.programs.transition(previous, self.policies[:, t - first][index])
                with outcomes:
                    self.programs.observe(state)
            look(t, outcomes)
            return state

        over_time(range(first, first + steps), torch.Size(), step, self._now())

    def preferences(self, step: int) -> dict[str, Any]:
        """The preferred distribution of each site that has one."""
        prefer = getattr(self.programs, "prefer", None)
        if prefer is None:
            return {}
        with HANDLERS, poutine.block():
            trace = poutine.trace(prefer).get_trace(*[step] * depends_on_step(self.programs))
        return {name: trace.nodes[name]["fn"] for name in trace.stochastic_nodes}

    def refresh(self, guide: FutureGuide) -> None:
        """Set the epistemic priors to the entropies that a guide gives."""
        with torch.no_grad():
            self.outcome_entropy, self.bent = guide.entropies()

    def free_energy(self, guide: FutureGuide) -> Tensor:
        """Plain variational free energy of a guide, in nats; differentiable in its logits."""
        with HANDLERS:
            return TraceEnum_ELBO(max_plate_nesting=0).differentiable_loss(self.model, guide)

    def _now(self) -> Any:
        index = pyro.sample("state", dist.Categorical(self.belief.probs), infer=ALL)
        places = ops.unravel(index, [site.size for site in self.belief.sites])
        values = {s.name: s.support[i] for s, i in zip(self.belief.sites, places, strict=True)}
        return self.programs.state(values)

    def _entropy(self, likelihood: Any, preferred: Any) -> Tensor:
        """H[q(o|s)] of a site: as the model has it, or bent towards what is preferred."""
        if preferred is None or not self.bent:
            return likelihood.entropy()
        outcomes = likelihood.enumerate_support(expand=False)
        logits = (likelihood.log_prob(outcomes) + preferred.log_prob(outcomes)).movedim(0, -1)
        return dist.Categorical(logits=logits).entropy()


class FutureGuide(PyroModule, metaclass=GuideMeta):  # type: ignore[metaclass]
    """A guide over policies and what follows them; learns the ``logits`` of q(u)."""

    def __init__(self, plan: Augmented) -> None:
        super().__init__()
        self.plan = plan
        self.logits = nn.Parameter(plan.log_prior.detach().clone())  # (policies,)

    @abstractmethod
    def forward(self) -> None:
        """Sample ``policy``, and as much of the future as the guide has a say in."""

    @abstractmethod
    def entropies(self) -> tuple[Tensor, bool]:
        """H[q(o|u)] ``(policies, time)``; whether futures bend towards what is preferred."""


class PredictiveGuide(FutureGuide):
    """q(u) p(o, s | u)."""

    def __init__(self, plan: Augmented) -> None:
        super().__init__(plan)
        self.predicted = plan.outcome_entropy

    def forward(self) -> None:
        """See :class:`FutureGuide`."""
        index = pyro.sample("policy", dist.Categorical(logits=self.logits), infer=ALL)
        self.plan.futures(index, lambda t, outcomes: None)

    def entropies(self) -> tuple[Tensor, bool]:
        """See :class:`FutureGuide`."""
        return self.predicted, False


class FreeGuide(FutureGuide):
    """q(u) and the best q(o, s | u) there is."""

    def forward(self) -> None:
        """See :class:`FutureGuide`."""
        pyro.sample("policy", dist.Categorical(logits=self.logits), infer=ALL)

    def entropies(self) -> tuple[Tensor, bool]:
        r"""See :class:`FutureGuide`; :math:`q(o|u)` is the gradient of log Z(u) in log p~(o)."""
        plan, sizes = self.plan, [len(site.support) for site in self.plan.filter.tables.outcomes]
        count, steps = plan.policies.shape[:2]
        with torch.enable_grad():
            plan.probes = self.logits.new_zeros(steps, count, *sizes).requires_grad_()
            value = -plan.free_energy(self)
            (joint,) = torch.autograd.grad(value, plan.probes)
            plan.probes = None
        each = joint / self.logits.softmax(-1).reshape(-1, *[1] * len(sizes))
        return ops.entropy(each.flatten(2)).T, True


def _require(filter: object, belief: JointBelief) -> None:
    if not isinstance(filter, ExactFilter):
        way_out = "OpenLoop plans by the same expected free energy with any filter."
        raise ValueError(complain("filter", "an ExactFilter, to sum over futures", filter, way_out))
    if belief.batch_shape:
        raise ValueError(
            complain("belief", "a single one", f"a batch of shape {tuple(belief.batch_shape)}")
        )
