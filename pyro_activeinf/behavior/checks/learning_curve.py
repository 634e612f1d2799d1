"""Learning curves: what subjects did around reversals, and what a fit says they would do."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..._checks import instance, positive_int
from ..behavior_fit import BehaviorFit
from ..choices import Choices
from .reenact import Reenactment, aims, thinned


@dataclass(frozen=True)
class LearningCurve:
    """Shares of correct choices by trial from a reversal on; see :func:`learning_curve`.

    NaN at positions where nobody has a trial.
    """

    positions: Tensor  # (positions,), 0 at the first trial after a reversal
    counts: Tensor  # (positions,), how many choices there are
    observed: Tensor  # (positions,), share of correct ones
    expected: Tensor  # (draws, positions), mean probability of the correct action
    replicated: Tensor  # (draws, positions), share in choices that were drawn from it

    def interval(self, mass: float = 0.9) -> tuple[Tensor, Tensor]:
        """Where shares of replicated choices lie, ``(positions,)`` from below and above.

        Args:
            mass: of replications between the two.
        """
        ends = torch.tensor([(1 - mass) / 2, (1 + mass) / 2]).to(self.replicated)
        low, high = self.replicated.nanquantile(ends, 0)
        return low, high


def learning_curve(
    source: BehaviorFit | Reenactment,
    *,
    correct: str = "correct",
    before: int = 5,
    after: int = 15,
    draws: int = 100,
) -> LearningCurve:
    r"""Compare shares of correct choices around reversals with those that a fit expects.

    A fit foretells each choice from those that people made before it,

    .. math:: p(u_t = c_t \mid u_{<t}, o_{\le t}) = E_{\theta | u}[p(u_t = c_t \mid \theta, ..)]

    and what :func:`~pyro_activeinf.behavior.reenact` returns has gone through the task by itself,

    .. math:: p(\tilde u_t = c_t) = E_{\theta | u} E_{\tilde u_{<t}, \tilde o_{\le t} | \theta}
        [p(\tilde u_t = c_t \mid \theta, ..)]

    A reversal is where the correct action changes within a session; the first trial of a session
    counts as one. Torch's generator draws the replications of a fit.

    Args:
        source: a fit, or a reenactment; of choices with a condition that tells the correct action.
        correct: its name: values are actions, -1 where it is not known.
        before, after: trials before and after a reversal to show.
        draws: from the posterior of a fit; a reenactment has its own.

    Raises:
        TypeError: for anything else than a fit or a reenactment.
        ValueError: where there is no such condition.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf import behavior
        >>> from pyro_activeinf.behavior.peers import RescorlaWagner
        >>> from pyro_activeinf.behavior.tasks import ReversalLearning
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("rate", dist.Beta(5.0, 5.0))
        ...     pyro.sample("beta", dist.Gamma(20.0, 4.0))
        >>> model = behavior.ChoiceModel(program, lambda p: RescorlaWagner(p["rate"], p["beta"]))
        >>> choices = behavior.simulate(model, ReversalLearning(), subjects=10, trials=60).choices
        >>> engine = behavior.AdaptiveImportance(proposals=100, rounds=3)
        >>> found = learning_curve(behavior.fit(model, choices, engine, progress=False))
        >>> bool(found.observed[found.positions == 0] < found.observed[found.positions == 14])
        True
    """
    expected = "what behavior.fit or behavior.reenact returns"
    instance("source", source, (BehaviorFit, Reenactment), expected)
    shown = torch.arange(-positive_int("before", before), positive_int("after", after))
    people = _Course.of(
        (source if isinstance(source, BehaviorFit) else source.fit).choices, correct
    )
    if isinstance(source, BehaviorFit):
        there, chance = people, people.chance(_probs(source, draws))
        right = torch.bernoulli(chance)
    else:
        there = _Course.of(source.choices, correct)
        chance = source.by_draw(there.chance(source.log_probs.flatten(0, 1).exp()))
        right = source.by_draw(there.right)
    return LearningCurve(
        positions=shown,
        counts=torch.stack([(people.place == at).sum() for at in shown]),
        observed=people.shares(people.right.unsqueeze(0), shown).squeeze(0),
        expected=there.shares(chance, shown),
        replicated=there.shares(right, shown),
    )


@dataclass(frozen=True)
class _Course:
    """Where choices lie between reversals."""

    aim: Tensor  # (rows, trials), the correct action; -1 where nothing counts
    place: Tensor  # (rows, trials), see `positions`; NOWHERE where nothing counts
    right: Tensor  # (rows, trials), 1 where the choice is correct

    @classmethod
    def of(cls, choices: Choices, correct: str) -> _Course:
        aim = aims(choices, correct)
        place = positions(choices, choices.conditions[correct])
        right = (choices.actions == aim).double()
        return cls(aim, torch.where(aim >= 0, place, NOWHERE), right)

    def chance(self, probs: Tensor) -> Tensor:
        """Probability of the correct action, from those of all ``(*, rows, trials, actions)``."""
        index = self.aim.clamp(min=0).expand(probs.shape[:-1]).unsqueeze(-1)
        return probs.gather(-1, index).squeeze(-1).clamp(0.0, 1.0).double()

    def shares(self, values: Tensor, shown: Tensor) -> Tensor:
        """Means ``(draws, positions)`` of values ``(draws, subjects, trials)``."""
        place = self.place.unflatten(0, (-1, values.shape[1]))
        found = []
        for at in shown.tolist():
            here = place == at
            found.append((values * here).sum((1, 2)) / here.sum((1, 2)))
        return torch.stack(found, -1)


NOWHERE = torch.iinfo(torch.long).max


def positions(choices: Choices, aim: Tensor) -> Tensor:
    """Trials since the last reversal, or until the next one where it is nearer: below 0.

    ``(subjects, trials)``; of the first block of a session, trials since its start.
    """
    changed = choices.starts.clone()
    changed[:, 0] = True
    changed[:, 1:] |= aim[:, 1:] != aim[:, :-1]
    trial = torch.arange(choices.num_trials).expand(aim.shape)
    since = trial - torch.where(changed, trial, 0).cummax(1).values
    turned = changed & ~choices.starts
    turned[:, 0] = False
    far = 2 * choices.num_trials
    following = torch.where(turned, trial, far).flip(1).cummin(1).values.flip(1)
    until = torch.cat([following[:, 1:], torch.full_like(following[:, :1], far)], 1) - trial
    return torch.where(until <= since, -until, since)


def _probs(fit: BehaviorFit, draws: int) -> Tensor:
    """Probabilities of actions ``(draws, subjects, trials, actions)`` at some of the draws."""
    parts = {name: value.split(10) for name, value in thinned(fit, draws).items()}
    with torch.no_grad():
        found = [
            fit.model.log_probs(dict(zip(parts, part, strict=True)), fit.choices)
            for part in zip(*parts.values(), strict=True)
        ]
    return torch.cat(found).exp()
