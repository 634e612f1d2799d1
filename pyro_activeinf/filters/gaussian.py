"""The Gaussian filter: Kalman's where programs are linear, the extended one elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .._checks import batch_dims, complain, numbers, one_batch
from ..compile import Linearized, LinearPrograms, Programs, Wishes
from ..compile.wishes import NO_WISHES
from ..records import ExpectedFreeEnergyTerms, PrefixTerms
from .base import SweepingFilter, WishingFilter, require_belief
from .gaussian_belief import GaussianBelief, GaussianEvidence
from .gaussian_outcomes import Outlook, terms
from .gaussian_quadrature import numbers_needed
from .gaussian_series import blur, moves, over_time, seen_vector
from .gaussian_smoothing import GaussianSmoothing, backward
from .gaussian_sweep import sweep
from .gaussian_update import (
    Conditioned,
    Shown,
    compact,
    conditioned,
    contracted,
    predicted_cov,
)
from .motion import action_index
from .sweep import Prefixes


class GaussianFilter(SweepingFilter, WishingFilter):
    r"""A Gaussian belief for any program whose sites are Gaussian.

    .. math::
        \bar m_t = f(m_{t-1}, u_{t-1}), \quad \bar P_t = A P_{t-1} A^T + Q, \qquad
        F = -\log N(o_t; g(\bar m_t), C \bar P_t C^T + R)

    Each program is a function of standard normal noise, :math:`s_t = f(s_{t-1}, u) + L e`, and is
    linearized by automatic differentiation about the mean of the belief: A and C are slopes,
    :math:`Q = L L^T` and R are the noise at that mean. Sites may be several, of any event shape,
    may depend on each other, and their noise on the state; a ``Delta`` among the state sites is a
    coordinate without noise. Where programs are affine with constant noise, this is the Kalman
    filter, exact, and nothing is linearized twice; elsewhere it is the extended one, right to
    first order.

    Expected free energy is in closed form, with noise and slopes at the predicted mean:

    .. math::
        G = -E_q[\log \tilde p(o)] - \tfrac12 \log\det(I + C \bar P C^T R^{-1})

    Preferences are over observation sites, or state sites (which count in the total alone);
    Gaussian ones in closed form, others by quadrature.

    Args:
        model: a :class:`~pyro_activeinf.GenerativeModel`, or any object with its programs.
        anticipate: whether what is to be seen counts as seen before the next action, when a
            predicted belief is predicted further: its covariance contracts as by an update, its
            mean stays. Information that was gained at one step is then not gained again at the
            next. ``False`` scores each step by its own prediction, as the other filters do.

    Raises:
        ValueError: for a site of another family, or programs that do not fit together.

    Reference: Kalman (1960); Jazwinski (1970), "Stochastic processes and filtering theory", sec.
    8.3, for the extended filter; Koudahl, Kouw and de Vries (2021), "On epistemics in expected
    free energy for linear Gaussian state space models", for G.

    Example:
        >>> from pyro_activeinf.models import LinearGaussian
        >>> filter = GaussianFilter(LinearGaussian(torch.eye(1)))
        >>> belief = filter.update(filter.initial(), {"o": torch.tensor([1.0])})
        >>> belief.mean.round(decimals=9).tolist(), belief.cov.round(decimals=9).tolist()
        ([0.5], [[0.5]])
        >>> ahead = filter.predict(belief)
        >>> round(filter.expected_free_energy(ahead).epistemic.item(), 4)  # log(2.5) / 2
        0.4581
    """

    def __init__(self, model: Programs, anticipate: bool = False) -> None:
        if isinstance(model, type) or not hasattr(model, "transition"):
            raise TypeError(
                complain(
                    "model",
                    "a model with initial, transition and observe",
                    repr(model),
                    "Hand in an instance: GaussianFilter(model).",
                )
            )
        self.model = model
        self.programs = self._programs = LinearPrograms(model)
        self.anticipate = anticipate
        self.actions = model.actions
        self.observation_sites = self._programs.outcomes.names

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled as what it is made of."""
        made = GaussianFilter, (self.model, self.anticipate)
        return made if self.wishes is NO_WISHES else (_wishing, (*made[1], self.wishes))

    @property
    def wishes(self) -> Wishes:
        """What was given, in place of what the model says."""
        return self._programs.wishes

    @property
    def wished(self) -> tuple[list[str], list[str]]:
        """Names of the sites that the model prefers something of, and of those of its habit."""
        return list(self._programs.preferred()), list(self._programs.usual())

    def wishing(self, wishes: Wishes) -> GaussianFilter:
        """The same filter with other preferences and habits; what was linearized is shared.

        Args:
            wishes: Gaussian preferences count in closed form, others by quadrature.

        Raises:
            ValueError: for a site of which the model wishes nothing, or another shape.
        """
        found = object.__new__(GaussianFilter)
        found.__dict__.update(self.__dict__)
        found.programs = found._programs = self._programs.wishing(wishes)
        return found

    @property
    def linear(self) -> bool:
        """Whether the programs are affine with constant noise, so that beliefs are exact."""
        made = self._programs.made
        return made.transition is not None and made.observe is not None

    @property
    def scoring_bytes(self) -> int:
        """Memory that predicting and scoring one belief takes."""
        states, outcomes = self._programs.states, self._programs.outcomes
        n, m = states.size, outcomes.size
        numbers = 4 * (n + m) ** 2 if self.linear else 2 * (2 * n + m) * (4 * n + m)
        events = {**outcomes.events, **states.events}
        others = self._programs.preferences(0).others.items()
        numbers += sum(numbers_needed(name, fn, events[name].numel()) for name, fn in others)
        return numbers * self.dtype.itemsize

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the beliefs."""
        return self._programs.made.initial.value.dtype

    @property
    def device(self) -> torch.device:
        """Device of the beliefs: that of the model."""
        return self._programs.made.initial.value.device

    def habit(self) -> Mapping[str, Tensor]:
        """Log-probabilities of the model's habit over finitely many actions."""
        return self._programs.habit()

    def initial(self, batch_shape: tuple[int, ...] = ()) -> GaussianBelief:
        """p(s_0), before the first observation."""
        start, batch = self._programs.made.initial, batch_dims(batch_shape)
        n = start.value.shape[-1]
        cov = start.noise @ start.noise.mT
        return GaussianBelief(
            0, self._programs.states, start.value.expand(*batch, n), cov.expand(*batch, n, n)
        )

    def predict(self, belief: GaussianBelief, action: Any = None) -> GaussianBelief:  # type: ignore[override]
        """q(s_t | o_{<t}, u_{<t}) from q(s_{t-1}).

        Args:
            action: real ``(*batch, *event)`` for a ``Box``, integers ``(*batch)`` for finitely
                many (with a last dim for the controls of a MultiDiscrete space); broadcasts
                against the batch. ``None`` where the model has no actions.

        Raises:
            ValueError: for an action of another shape, outside of a finite space, or not finite.
        """
        require_belief(belief, GaussianBelief)
        taken = self.taken(action)
        if taken is not None and not bool(taken.isfinite().all()):
            raise ValueError(complain("action", "finite numbers", taken.tolist()))
        return self._predicted(belief, taken)[0]

    def _predicted(
        self, belief: GaussianBelief, action: Tensor | None
    ) -> tuple[GaussianBelief, Linearized]:
        belief, action = self._broadcast(self._anticipated(belief), action)
        move = self._programs.transition(belief.mean, action)
        cov = predicted_cov(compact(belief.cov, 2), move)
        mean = move.value.expand(*belief.batch_shape, -1)
        cov = cov.expand(*belief.batch_shape, *cov.shape[-2:])
        return GaussianBelief(belief.step + 1, belief.layout, mean, cov), move

    def _anticipated(self, belief: GaussianBelief) -> GaussianBelief:
        if not self.anticipate or belief.evidence is not None:
            return belief
        show = self._programs.observe(belief.mean)
        cov = contracted(compact(belief.cov, 2), show)
        return replace(belief, cov=cov.expand_as(belief.cov))

    def taken(self, action: Any) -> Tensor | None:
        """Real actions ``(*batch, *event)``, or positions ``(*batch)`` in a finite space."""
        programs = self._programs
        if not programs.real:
            index = action_index(programs.controls, action, self.device)
            return index if programs.controls else None
        event = programs.event
        tensor = numbers("action", action).to(self.device, self.dtype)
        if tensor.shape[max(tensor.dim() - len(event), 0) :] != event:
            expected = f"real numbers of shape (*batch, {', '.join(map(str, event))})"
            raise ValueError(complain("action", expected, f"shape {tuple(tensor.shape)}"))
        return tensor

    def _broadcast(
        self, belief: GaussianBelief, action: Tensor | None
    ) -> tuple[GaussianBelief, Tensor | None]:
        """Both with the batch dims that they have together."""
        if action is None:
            return belief, None
        event = self._programs.event
        with one_batch(belief=belief.batch_shape, action=action.shape[: action.dim() - len(event)]):
            batch = torch.broadcast_shapes(
                belief.batch_shape, action.shape[: action.dim() - len(event)]
            )
        return expanded(belief, batch), action.expand((*batch, *event))

    def update(self, belief: GaussianBelief, observation: Mapping[str, Any]) -> GaussianBelief:  # type: ignore[override]
        """q(s_t | o_{<=t}) by Kalman's update, in Joseph's form.

        Args:
            observation: site to value ``(*batch, *event)``. A missing one is an absent key, or
                NaN: for single members of the batch and single coordinates as well. An uncertain
                one is a ``Normal`` or ``MultivariateNormal`` over what it may have been; its
                evidence is :math:`\\int p(o|s) N(o) do`.

        Raises:
            ValueError: for an unknown site, or a value of another shape.
        """
        require_belief(belief, GaussianBelief)
        outcomes = self._programs.outcomes
        seen = seen_vector(outcomes, observation, belief.mean)
        with one_batch(belief=belief.batch_shape, observation=seen.shape[:-1]):
            batch = torch.broadcast_shapes(belief.batch_shape, seen.shape[:-1])
        belief = expanded(belief, batch)
        unsure = blur(outcomes, observation, belief.mean)
        shown = Shown.of(self._programs.observe(belief.mean), seen.expand(*batch, -1), unsure)
        found = conditioned(belief.mean, compact(belief.cov, 2), shown)
        evidence = self._evidence(found, observation)
        return replace(
            belief, mean=found.mean, cov=found.cov.expand_as(belief.cov), evidence=evidence
        )

    def _evidence(self, found: Conditioned, observation: Mapping[str, Any]) -> GaussianEvidence:
        accuracy = {
            name: found.accuracy[..., span].sum(-1)
            for name, span in self._programs.outcomes.spans.items()
            if name in observation
        }
        return GaussianEvidence(found.free_energy, accuracy)

    def expected_free_energy(self, belief: GaussianBelief) -> ExpectedFreeEnergyTerms:  # type: ignore[override]
        """Terms of one predicted step: of the outcomes at ``belief.step``, in nats."""
        require_belief(belief, GaussianBelief)
        programs = self._programs
        preferences = programs.preferences(belief.step)
        show = programs.observe(belief.mean)
        cov = compact(belief.cov, 2)
        outlook = Outlook.of(belief.mean, cov, show, programs.outcomes, programs.states)
        return ExpectedFreeEnergyTerms(terms(outlook, preferences), self.observation_sites)

    def look_ahead(self, belief: GaussianBelief) -> ExpectedFreeEnergyTerms:  # type: ignore[override]
        """Terms of the next step under every action, ``(*batch, actions)``, in nats.

        Raises:
            ValueError: where actions are real.
        """
        require_belief(belief, GaussianBelief)
        programs = self._programs
        if programs.real:
            raise ValueError(
                complain(
                    "actions",
                    "finitely many",
                    self.actions,
                    "planning.Variational and planning.CrossEntropy plan over real actions.",
                )
            )
        fanned = belief.reshape(*belief.batch_shape, 1)
        every = torch.arange(math.prod(programs.controls), device=self.device)
        moved, _ = self._predicted(fanned, every if programs.controls else None)
        return self.expected_free_energy(moved)

    def sweep(self, belief: GaussianBelief, prefixes: Prefixes) -> PrefixTerms | None:  # type: ignore[override]
        """Terms of every prefix; where actions only shift the state, all at once for a depth."""
        programs = self._programs
        move, show = programs.made.transition, programs.made.observe
        if move is None or show is None or not move.shared:
            return None
        steps = range(belief.step + 1, belief.step + 1 + len(prefixes.actions))
        preferences = [programs.preferences(step) for step in steps]
        if any(part.others for part in preferences):
            return None
        return sweep(
            belief,
            prefixes,
            programs.controls,
            move,
            show,
            preferences,
            programs.outcomes,
            self.anticipate,
        )

    def smooth(self, observations: Mapping[str, Any], actions: Any = None) -> GaussianSmoothing:
        r"""q(s_t | o_{0..T}) for a whole episode, with covariances of neighbors.

        Args:
            observations: site to values ``(*batch, time, *event)``, NaN where missing.
            actions: ``(*batch, time - 1, *event)``; a longer one is cut.

        Raises:
            ValueError: for an unknown site, or lengths that do not fit.
        """
        programs = self._programs
        series = over_time(programs.outcomes, observations)
        taken = self.taken(actions) if self.actions is not None and len(series) > 1 else None
        chosen = moves(taken, len(programs.event), len(series))
        filtered: list[GaussianBelief] = []
        predicted: list[GaussianBelief] = []
        steps: list[Linearized] = []
        for t, row in enumerate(series):
            belief = self.initial()
            if t:
                belief, move = self._predicted(filtered[-1], chosen[t - 1])
                predicted.append(belief)
                steps.append(move)
            filtered.append(self.update(belief, row))
        return backward(filtered, predicted, steps)


def expanded(belief: GaussianBelief, batch: torch.Size) -> GaussianBelief:
    """A belief with these batch dims."""
    if belief.batch_shape == batch:
        return belief
    n = belief.mean.shape[-1]
    return replace(belief, mean=belief.mean.expand(*batch, n), cov=belief.cov.expand(*batch, n, n))


def _wishing(model: Programs, anticipate: bool, wishes: Wishes) -> GaussianFilter:
    return GaussianFilter(model, anticipate).wishing(wishes)
