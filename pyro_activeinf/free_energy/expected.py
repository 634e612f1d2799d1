"""Expected free energy of the future, as an ELBO."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from pyro.infer import ELBO
from torch import Tensor

from .. import ops
from .._checks import complain, nonnegative, positive_int
from ..filters import Filter
from ..filters.novelty_draws import with_table_novelty
from ..filters.prediction import Estimate
from ..models.unroll import show_parameters
from ..records import Belief, ExpectedFreeEnergyTerms, stem_of
from ._differentiable import valued
from ._fixed import Fixed
from ._habit import log_habit
from ._pair import Names, Pair, Predicted, draw_policies, lay_out, predict
from ._policy_list import is_enumerated, list_policies
from ._routes import filter_for
from .choice import choose
from .counted import counted_terms
from .estimated import Estimated
from .estimator import Estimator
from .novelty import ParameterDraws
from .policies import score_policies
from .policy_guides import PolicyFreeEnergy, policy_free_energy
from .preferences import Preferences

Program = Callable[..., Any]


@dataclass(frozen=True)
class _Evaluated:
    """Terms of what was scored, and the loss in two parts."""

    terms: Callable[[], ExpectedFreeEnergyTerms]  # (.., time)
    value: Tensor  # ()
    surrogate: Tensor  # (): its gradient is that of the value

    @classmethod
    def exactly(cls, terms: ExpectedFreeEnergyTerms, value: Tensor) -> _Evaluated:
        """A loss that is differentiated as it is."""
        return cls(lambda: terms, value, value)


class ExpectedFreeEnergy(ELBO):
    r"""Expected free energy: an ELBO for a future that a policy leads to, in nats.

    .. math::
        G(\pi) = \sum_\tau E_{q(o, s|\pi)}[\log q(s_\tau|\pi) - \log \tilde p(o_\tau, s_\tau)]
               = risk + ambiguity - novelty = -(pragmatic + epistemic + novelty)

    Three ways to use it, as ``loss=`` of :class:`pyro.infer.SVI`, as a module
    ``ExpectedFreeEnergy(...)(model, guide)``, or for the terms by themselves:

    - **policies that are given**: ``decompose(model, guide, belief, policies)`` for a
      :class:`~pyro_activeinf.GenerativeModel` (``guide`` may be ``None``), a belief of any filter,
      and policies ``(policies, time, *event)`` or ``(*batch, policies, time, *event)``. The loss
      is the sum of ``precision * G`` over all of them, with gradients to real-valued policies. In
      place of the model there may be a filter, which scores in its own way;
    - **a guide to policies**, with sites ``action_t`` (t from ``belief.step``) or ``policy``:
      ``loss(model, guide, belief)`` is

      .. math:: E_{q(u)}[\log q(u) - \log p(u)] + \gamma \, E_{q(u)}[G(u)],

      p(u) being the model's habit (uniform without one). Real actions have reparameterized
      gradients; discrete ones are enumerated exactly where the guide says so (its sites marked by
      ``pyro.infer.config_enumerate(guide)``), else by score function;
    - **any other model and guide**, with ``observations=`` to say which sites of the model are
      outcomes: latent sites of the guide are draws of q(s|\pi), the model gives p(o|s), whether or
      not its outcomes are observed. With ``actions=``, those sites are the policy, scored by
      log q - log p as above. Sites ``o_0``, ``o_1``, .. are steps in time; plates that hold all
      latent sites and all outcomes are batch dims.

    All policies, particles and members of a batch are scored together, with one call of
    ``transition`` and one of ``observe`` for each step; chunks keep within the memory limit.

    The parameters of a ``GenerativeModel`` are not trained by SVI (gradients do flow to them): a
    world is learned from what is observed, not from what is preferred.

    **Estimators** are objects: :class:`Exact`, :class:`Gaussian`, :class:`Nested`,
    :class:`Bound`, :class:`Mixed`. By default :func:`choose` takes the one with the least noise
    that does not approximate; ``chosen`` tells which one it was.

    Args:
        estimator: how each step is estimated; ``None`` to choose.
        preferences: a mapping from sites to distributions, or a Pyro program that samples them
            (``prefer()`` or ``prefer(step)``), over outcomes or states; ``None`` for those of the
            model.
        observations: names of the outcomes of a model that is no ``GenerativeModel``, with or
            without their time step.
        actions: likewise of its policy.
        precision: gamma, what G is multiplied by in a loss.
        num_particles: draws of the state where the belief does not consist of particles.
        num_policies: draws of a guide to policies for one evaluation.
        terms: which of ``pragmatic``, ``epistemic``, ``novelty`` count in a loss; all by default.
        memory_limit: bytes that scoring a chunk of policies may take.

    Attributes:
        chosen: the estimator of the latest evaluation; ``None`` before the first.

    Raises:
        TypeError: for an estimator or preferences that are none.
        ValueError: for wrong numbers or names; on a call, for policies that do not fit, or sites
            that are not met.

    Reference: Friston et al. (2015), "Active inference and epistemic value"; Millidge, Tschantz and
    Buckley (2021), "Whence the expected free energy?"; Parr and Friston (2019), "Generalised free
    energy and active inference".

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.models import TMaze
        >>> maze = TMaze()
        >>> filter = ExactFilter(maze)
        >>> belief = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> energy = ExpectedFreeEnergy()
        >>> terms = energy.decompose(maze, None, belief, torch.tensor([[3, 1], [1, 1]]))
        >>> terms.epistemic[:, 0].round(decimals=3).tolist()  # a cue tells more than an arm
        [0.693, 0.595]
        >>> energy.chosen
        Exact(outcomes=64)
    """

    def __init__(  # noqa: PLR0913 (independent settings, all but one by name)
        self,
        estimator: Estimator | None = None,
        *,
        preferences: Any = None,
        observations: Sequence[str] | None = None,
        actions: Sequence[str] | None = None,
        precision: float = 1.0,
        num_particles: int = 1000,
        num_policies: int = 1,
        terms: Iterable[str] | None = None,
        memory_limit: int = 2**30,
    ) -> None:
        super().__init__(num_particles=positive_int("num_particles", num_particles))  # type: ignore[no-untyped-call]
        self.estimator, self.chosen = _checked(estimator), estimator
        self.preferences = preferences
        Preferences.of(preferences)
        self.observations = None if observations is None else _names("observations", observations)
        self.actions = _names("actions", actions or ())
        self.precision = nonnegative("precision", precision)
        self.num_policies = positive_int("num_policies", num_policies)
        self.terms = counted_terms(terms)
        self.memory_limit = positive_int("memory_limit", memory_limit)
        self._kept: tuple[Any, Any, type, Estimated] | None = None

    def decompose(
        self, model: Program | Filter, guide: Program | None, *args: Any, **kwargs: Any
    ) -> ExpectedFreeEnergyTerms:
        """Each term of each step, in nats, with standard errors where they are estimated.

        Returns:
            Of policies ``(*batch, policies, time)``; of a model and guide with ``observations=``
            ``([policies,] *batch, time)``.
        """
        return self._evaluate(model, guide, args, kwargs).terms()

    def loss(self, model: Program, guide: Program | None, *args: Any, **kwargs: Any) -> float:
        """The loss as a number, in nats."""
        with torch.no_grad():
            return self._evaluate(model, guide, args, kwargs).value.item()

    def differentiable_loss(
        self, model: Program, guide: Program | None, *args: Any, **kwargs: Any
    ) -> Tensor:
        """The loss as a tensor without dims."""
        found = self._evaluate(model, guide, args, kwargs)
        return valued(found.value, found.surrogate)

    def loss_and_grads(
        self, model: Program, guide: Program | None, *args: Any, **kwargs: Any
    ) -> float:
        """The loss as a number, in nats; gradients are added to those of the parameters."""
        loss = self.differentiable_loss(model, guide, *args, **kwargs)
        if loss.requires_grad:
            loss.backward(retain_graph=True)  # a belief may have a graph of its own, for each step
        return loss.item()

    def _get_trace(self, model: Program, guide: Program, args: Any, kwargs: Any) -> Any:
        raise NotImplementedError(
            complain("loss", "loss, differentiable_loss or decompose", "traces of an ELBO")
        )

    def _evaluate(self, model: Any, guide: Any, args: Any, kwargs: Any) -> _Evaluated:
        if isinstance(model, Filter) or hasattr(model, "transition"):
            with Fixed(getattr(model, "model", model)):
                return self._of_future(model, guide, *args, **kwargs)
        if self.observations is None:
            raise ValueError(
                complain(
                    "observations",
                    "names of the outcomes, for a model that is no GenerativeModel",
                    None,
                    'ExpectedFreeEnergy(observations=["y"]), say.',
                )
            )
        return self._of_pair(Pair(model, guide, args, kwargs, self.observations, self.actions))

    def _of_future(
        self, model: Any, guide: Any, belief: Belief | None = None, policies: Any = None
    ) -> _Evaluated:
        if not isinstance(belief, Belief):
            raise TypeError(
                complain(
                    "belief",
                    "a belief of a filter, after model and guide",
                    repr(belief),
                    "For example filters.auto(model).initial().",
                )
            )
        show_parameters(guide)
        filter = self._filter(model, guide, belief)
        if policies is not None:
            terms = score_policies(filter, belief, policies, self.memory_limit)
            return _Evaluated.exactly(terms, self._weighed(terms).sum())
        if not callable(guide):
            raise ValueError(
                complain(
                    "policies",
                    "policies to score, or a guide that samples sites action_t",
                    f"guide {guide!r} and no policies",
                )
            )
        model = getattr(filter, "model", None)
        if is_enumerated(guide, belief):
            return self._of_list(filter, model, guide, belief)
        return self._of_draws(filter, model, guide, belief)

    def _weighed(self, terms: ExpectedFreeEnergyTerms) -> Tensor:
        """gamma G of policies, ``(..)``, summed over time."""
        return ops.weighed(terms.select(self.terms).sum(-1), self.precision)

    def _of_list(self, filter: Filter, model: Any, guide: Any, belief: Belief) -> _Evaluated:
        listed = list_policies(guide, belief)
        terms = score_policies(filter, belief, listed.policies, self.memory_limit)
        log_p = log_habit(filter, model, listed.policies)
        each = listed.log_q - log_p + self._weighed(terms)
        return _Evaluated.exactly(terms, ops.exp_dot(listed.log_q, each).sum())

    def _of_draws(self, filter: Filter, model: Any, guide: Any, belief: Belief) -> _Evaluated:
        found = policy_free_energy(
            filter,
            guide,
            belief,
            log_prior=partial(log_habit, filter, model),
            precision=self.precision,
            terms=self.terms,
            num_particles=self.num_policies,
            memory_limit=self.memory_limit,
        )
        rows = found.policies.flatten(0, 1).movedim(0, len(belief.batch_shape))
        terms = partial(score_policies, filter, belief, rows, self.memory_limit)
        return _Evaluated(terms, found.value.sum(), found.surrogate)

    def _filter(self, model: Any, guide: Any, belief: Belief) -> Filter:
        """What carries and scores beliefs of this kind; kept for the next call."""
        if isinstance(model, Filter):
            return self._as_is(model)
        kept = self._kept
        if kept is None or kept[:3] != (model, guide, type(belief)):
            carrier = filter_for(model, guide, belief)
            estimated = Estimated(
                carrier,
                model,
                self.estimator,
                self.preferences,
                getattr(carrier, "num_particles", self.num_particles),
                ParameterDraws.of(model, guide),
            )
            kept = self._kept = (model, guide, type(belief), estimated)
        self.chosen = kept[3].chosen(belief)
        return kept[3]

    def _as_is(self, filter: Filter) -> Filter:
        """A filter that scores in its own way; settings that it would not heed are refused."""
        if self.estimator is not None or self.preferences is not None:
            raise ValueError(
                complain(
                    "model",
                    "the model itself, where an estimator or preferences are given",
                    f"a filter, {type(filter).__name__}",
                    "Estimated(filter, model, estimator, preferences) is a filter as well.",
                )
            )
        return filter

    def _of_pair(self, pair: Pair) -> _Evaluated:
        layout = lay_out(pair)
        policies = draw_policies(pair, layout, self.num_policies)
        preferences = Preferences.of(self.preferences)
        found = predict(pair, layout, policies, self.num_particles, preferences)
        terms = self._steps(found)
        cost = self._weighed(terms)
        if policies is None or found.log_prior is None:
            return _Evaluated.exactly(terms, cost.sum())
        actions, log_q = dict(policies.values), {"policy": policies.log_q}
        parts = PolicyFreeEnergy(
            torch.zeros(()), cost - found.log_prior, log_q, actions, policies.reparameterized
        )
        value = parts.value.sum()
        if policies.reparameterized:
            return _Evaluated.exactly(terms, value)
        return _Evaluated(lambda: terms, value, parts.surrogate + parts.cost.mean(0).sum())

    def _steps(self, predicted: Predicted) -> Estimate:
        """The terms of each step, ``(.., time)``."""
        found = []
        for prediction in predicted.steps.values():
            self.chosen = self.estimator or choose(None, prediction.likelihood.sites)
            found.append(with_table_novelty(self.chosen(prediction), prediction))
        return over_time(found)


def over_time(steps: Sequence[Estimate]) -> Estimate:
    """Terms of several steps, ``(.., time)``, by the names of their sites without the step."""
    sites = tuple(dict.fromkeys(stem_of(name) for step in steps for name in step.sites))
    values = torch.stack([_columns(step, sites) for step in steps], -3)
    names = [step.standard_error.keys() for step in steps]
    shared = set.intersection(*map(set, names))
    errors = {n: torch.stack([step.standard_error[n] for step in steps], -1) for n in shared}
    return Estimate(values, sites, errors)


def _columns(step: Estimate, sites: tuple[str, ...]) -> Tensor:
    """Values with a column for each of the sites; zeros for those that the step does not have."""
    own = {stem_of(name): step.values[..., 1 + i] for i, name in enumerate(step.sites)}
    total = step.values[..., 0]
    return torch.stack([total, *(own.get(name, torch.zeros_like(total)) for name in sites)], -1)


def _checked(estimator: object) -> Estimator | None:
    if not isinstance(estimator, Estimator | None):
        raise TypeError(
            complain("estimator", "an Estimator, such as Nested(), or None", repr(estimator))
        )
    return estimator


def _names(argument: str, given: Sequence[str]) -> Names:
    if isinstance(given, str) or not all(isinstance(name, str) for name in given):
        raise TypeError(complain(argument, "a list of names of sites", repr(given)))
    return Names(frozenset(given))
