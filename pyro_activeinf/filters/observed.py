"""The filter of worlds that are observed, and whose dynamics an ensemble is learning."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor

from .._checks import batch_dims, by_site, complain, numbers, one_batch
from ..models import NeuralDynamics
from ..records import Belief, ExpectedFreeEnergyTerms
from .base import PolicyScoring, SweepingFilter
from .disagreement import Disagreement, Moments
from .observed_belief import ObservedBelief, Seen
from .sweep import Prefixes


class ObservedFilter(PolicyScoring, SweepingFilter):
    r"""Each member of the ensemble carries a state of its own; the sensor brings them together.

    With :math:`q(o_t|\pi, k) = N(\mu_k, v_k + r)` the terms are in closed form,

    .. math::
        \text{epistemic} &= I(s; o | k) = \tfrac1{2K} \sum_{k,i} \log (1 + v_{ki} / r_i), \\
        \text{novelty} &= I(k; o), \text{ by an upper bound: see } \texttt{novelty},

    which add up to what outcomes tell of states and parameters together. The expected
    log-preference is by cubature, exact for quadratic ones.

    Within a prediction a member moves its mean, and has the noise of the last step only: how
    earlier noise spreads is left out. One call of the networks for all policies and members.

    Args:
        model: a :class:`~pyro_activeinf.models.NeuralDynamics`.
        novelty: the bound: :class:`~.disagreement.Moments` (by default) grows without end where
            members disagree, which explores; :class:`~.disagreement.Pairs` ends at log K, which
            leaves preferences in charge where a mistake is dear.

    Raises:
        TypeError: for another model or bound.

    Reference: Chua et al. (2018), "Deep reinforcement learning in a handful of trials";
    Shyam, Jaskowski and Gomez (2019), "Model-based active exploration", for novelty; Arasaratnam
    and Haykin (2009), "Cubature Kalman filters", eq. 21.

    Example:
        >>> import pyro
        >>> pyro.set_rng_seed(0)
        >>> box = gym.spaces.Box(-1.0, 1.0, (2,))
        >>> filter = ObservedFilter(NeuralDynamics(box, gym.spaces.Box(-1.0, 1.0, (1,))))
        >>> belief = filter.update(filter.initial(), {"o": torch.tensor([0.5, -0.5])})
        >>> belief.marginals["s"].mean.round(decimals=2).tolist()
        [0.5, -0.5]
        >>> terms = filter.score(belief, torch.zeros(7, 4, 1))  # 7 policies of 4 steps
        >>> tuple(terms.novelty.shape), bool((terms.novelty >= 0).all())
        ((7, 4), True)
    """

    def __init__(self, model: NeuralDynamics, novelty: Disagreement | None = None) -> None:
        if not isinstance(model, NeuralDynamics):
            raise TypeError(complain("model", "a NeuralDynamics", repr(model)))
        if not isinstance(novelty, Disagreement | None):
            raise TypeError(complain("novelty", "Moments(), Pairs() or None", repr(novelty)))
        self.model = model
        self.novelty = Moments() if novelty is None else novelty
        self.actions: gym.Space[Any] | None = model.actions
        self.observation_sites = ("o",)

    @property
    def scoring_bytes(self) -> int:
        """Memory that predicting and scoring one belief takes."""
        numbers_of_state = self.model.uncertainty.members * self.model.center.numel()
        return 32 * numbers_of_state * self.dtype.itemsize

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the beliefs."""
        return self.model.center.dtype

    @property
    def device(self) -> torch.device:
        """Device of the beliefs: that of the model."""
        return self.model.center.device

    def habit(self) -> Mapping[str, Tensor]:
        """The model has none."""
        return {}

    @property
    def _noise(self) -> Tensor:
        return (self.model.sensor * self.model.scale).square()

    def initial(self, batch_shape: tuple[int, ...] = ()) -> ObservedBelief:
        """p(s_0), before the first observation."""
        model, members = self.model, self.model.uncertainty.members
        shape = (*batch_dims(batch_shape), members, model.center.numel())
        return ObservedBelief(0, model.center.expand(shape), model.scale.square().expand(shape))

    def predict(self, belief: Belief, action: Any) -> ObservedBelief:
        """Where each member says that the state moves.

        Args:
            action: ``(*batch, *event)``; batch dims broadcast.

        Raises:
            ValueError: for an action of another shape, or one that is no number.
        """
        held = _own(belief)
        chosen = self._action(action)
        event = len(self.actions.shape or ()) if self.actions is not None else 0
        given = chosen.shape[: chosen.dim() - event]
        with one_batch(belief=held.batch_shape, action=given):
            batch = torch.broadcast_shapes(held.batch_shape, given)
        members, n = held.mean.shape[-2:]
        rows = held.mean.expand(*batch, members, n).reshape(-1, members, n)
        taken = chosen.expand((*batch, *chosen.shape[len(given) :])).flatten(0, len(batch) - 1)
        taken = taken if batch else chosen.unsqueeze(0)
        loc, scale = self.model.members(rows.transpose(0, 1), taken)
        mean, var = (x.transpose(0, 1).reshape(*batch, members, n) for x in (loc, scale.square()))
        return ObservedBelief(held.step + 1, mean, var)

    def _action(self, action: Any) -> Tensor:
        found = numbers("action", action)
        shape = tuple(self.actions.shape or ()) if self.actions is not None else ()
        if tuple(found.shape[found.dim() - len(shape) :]) != shape or found.dim() < len(shape):
            raise ValueError(
                complain("action", f"shape (*batch, {shape})", f"shape {tuple(found.shape)}")
            )
        return found

    def update(self, belief: Belief, observation: Mapping[str, Any]) -> ObservedBelief:
        """Bayes' rule for each member.

        Args:
            observation: ``o`` to ``(*batch, n)``; NaN, or no key, where it is missing.

        Raises:
            ValueError: for an unknown site, or an observation of another shape.
        """
        held = _own(belief)
        by_site("observation", observation, self.observation_sites)
        if "o" not in observation:
            return held
        outcome = self._outcome(observation["o"])
        with one_batch(belief=held.batch_shape, o=outcome.shape[:-1]):
            batch = torch.broadcast_shapes(held.batch_shape, outcome.shape[:-1])
        mean, var = (x.expand(*batch, *x.shape[-2:]) for x in (held.mean, held.var))
        outcome = outcome.expand(*batch, outcome.shape[-1])
        off = outcome.unsqueeze(-2) - mean
        gain = torch.where(off.isnan(), 0.0, var / (var + self._noise))
        seen = Seen(mean, var, outcome, self._noise)
        return ObservedBelief(held.step, mean + gain * off.nan_to_num(), var * (1 - gain), seen)

    def _outcome(self, value: Any) -> Tensor:
        found = numbers("o", value).to(self._noise)
        if found.shape[-1:] != self._noise.shape:
            expected = f"shape (*batch, {self._noise.numel()})"
            raise ValueError(complain("o", expected, f"shape {tuple(found.shape)}"))
        return found

    def expected_free_energy(self, belief: Belief) -> ExpectedFreeEnergyTerms:
        """Terms of one predicted step: of the outcomes at ``belief.step``, in nats."""
        held = _own(belief)
        return self._terms(held.mean, held.var, -2)

    def _terms(self, mean: Tensor, var: Tensor, members: int) -> ExpectedFreeEnergyTerms:
        """Terms of outcomes whose members lie along one dim, the coordinates along the last."""
        noise, n = self._noise, mean.shape[-1]
        total = var + noise
        constant = 0.5 * n * (1 + math.log(2 * math.pi))
        logs = 0.5 * total.log().sum(-1).mean(members + 1)
        novelty = self.novelty(mean.movedim(members, -2), total.movedim(members, -2))
        pragmatic = self._preference(mean, total).mean(members + 1)
        ambiguity = (0.5 * noise.log().sum() + constant).expand_as(logs)
        terms = torch.stack([pragmatic, logs + constant, ambiguity, novelty], -1)
        return ExpectedFreeEnergyTerms(torch.stack([terms, terms], -1), self.observation_sites)

    def _preference(self, mean: Tensor, var: Tensor) -> Tensor:
        """E[log p~(o)] of Gaussians ``(.., n)``, by a cubature of the third degree."""
        preferences = self.model.preferences
        if preferences is None:
            return mean.new_zeros(mean.shape[:-1])
        n = mean.shape[-1]
        reach = (n * var).sqrt().unsqueeze(-2) * torch.eye(n).to(mean)  # (.., n, n): a row a point
        points = torch.cat([mean.unsqueeze(-2) + reach, mean.unsqueeze(-2) - reach], -2)
        found: Tensor = preferences.log_prob(points).mean(-1)
        return found

    def look_ahead(self, belief: Belief) -> ExpectedFreeEnergyTerms:
        """Terms of the next step under every action, ``(*batch, actions)``, in nats.

        Raises:
            ValueError: for a ``Box`` of actions.
        """
        if not isinstance(self.actions, gym.spaces.Discrete):
            raise ValueError(
                complain(
                    "model.actions",
                    "a Discrete space, to try every action",
                    self.actions,
                    "Real-valued actions are planned by planning.Variational or "
                    "planning.CrossEntropy.",
                )
            )
        held = _own(belief).reshape(*belief.batch_shape, 1)
        return self.expected_free_energy(self.predict(held, torch.arange(int(self.actions.n))))

    def score(self, belief: Belief, policies: Tensor) -> ExpectedFreeEnergyTerms:
        """Terms of each step of each policy, ``(*batch, policies, time)``, in nats.

        Args:
            belief: batched ``(*batch)``.
            policies: ``(policies, time, *event)``, or ``(*batch, policies, time, *event)``.
        """
        held = _own(belief)
        batch, event = held.batch_shape, len(self.actions.shape or ()) if self.actions else 0
        count, steps = policies.shape[policies.dim() - event - 2 : policies.dim() - event]
        each = policies.expand(*batch, *policies.shape[policies.dim() - event - 2 :])
        each = each.reshape(-1, steps, *policies.shape[policies.dim() - event :])
        members, n = held.mean.shape[-2:]
        start = held.mean.unsqueeze(-3).expand(*batch, count, members, n)
        found = self._imagined(start.reshape(-1, members, n).transpose(0, 1), each.unbind(1))
        terms = self._terms(*found, -3)  # (time, batch * policies)
        values = terms.values.transpose(0, 1).reshape(*batch, count, steps, 4, 2)
        return ExpectedFreeEnergyTerms(values, self.observation_sites)

    def sweep(self, belief: Belief, prefixes: Prefixes) -> ExpectedFreeEnergyTerms:
        """Terms of every prefix of a tree of actions, ``(*batch, prefixes)``, in nats."""
        held = _own(belief)
        members, n = held.mean.shape[-2:]
        start = held.mean.reshape(-1, 1, members, n).permute(2, 0, 1, 3)
        path: list[tuple[Tensor, Tensor]] = []
        for parents, actions in zip(prefixes.parents, prefixes.actions, strict=True):
            rows = start.index_select(2, parents)  # (members, batch, prefixes, n)
            taken = actions.expand(rows.shape[1], *actions.shape).flatten(0, 1)
            moved = self.model.members(rows.flatten(1, 2), taken)
            loc, scale = (x.reshape(rows.shape) for x in moved)
            start = loc
            path.append((loc, scale.square()))
        mean, var = (torch.cat(each, 2) for each in zip(*path, strict=True))
        values = self._terms(mean, var, -4).values
        shape = (*held.batch_shape, *values.shape[1:])
        return ExpectedFreeEnergyTerms(values.reshape(shape), self.observation_sites)

    def _imagined(self, state: Tensor, actions: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
        """Means and variances ``(time, members, rows, n)`` as each member sees it."""
        path: list[tuple[Tensor, Tensor]] = []
        for action in actions:
            state, scale = self.model.members(state, action)
            path.append((state, scale))
        means, scales = zip(*path, strict=True)
        return torch.stack(means), torch.stack(scales).square()


def _own(belief: Belief) -> ObservedBelief:
    if not isinstance(belief, ObservedBelief):
        raise TypeError(complain("belief", "an ObservedBelief", type(belief).__name__))
    return belief
