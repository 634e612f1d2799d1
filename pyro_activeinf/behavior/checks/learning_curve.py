"""Learning curves: what subjects did around reversals, and what a fit says they would do."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..._checks import complain, instance, positive_int
from ..behavior_fit import BehaviorFit
from ..choices import Choices


@dataclass(frozen=True)
class LearningCurve:
    """Shares of correct choices by trial from a reversal on; see :func:`learning_curve`."""

    positions: Tensor  # (positions,), 0 at the first trial after a reversal
    counts: Tensor  # (positions,), how many choices there are
    observed: Tensor  # (positions,), share of correct ones
    expected: Tensor  # (draws, positions), mean probability of the correct action
    replicated: Tensor  # (draws, positions), share in choices that were drawn from it

    def interval(self, mass: float = 0.9) -> tuple[Tensor, Tensor]:
        """Where shares of replicated choices lie, ``(positions,)`` from below and above."""
        ends = torch.tensor([(1 - mass) / 2, (1 + mass) / 2]).to(self.replicated)
        low, high = self.replicated.quantile(ends, 0)
        return low, high


def learning_curve(
    fit: BehaviorFit,
    *,
    correct: str = "correct",
    before: int = 5,
    after: int = 15,
    draws: int = 100,
) -> LearningCurve:
    r"""Compare shares of correct choices around reversals with those that a fit foretells.

    .. math:: p(u_t = c_t \mid u_{<t}, o_{\le t}) = E_{\theta | u}[p(u_t = c_t \mid \theta, ..)]

    A reversal is where the correct action changes within a session; the first trial of a session
    counts as one. Each choice is foretold from those that were made before it. Torch's generator
    draws the replications.

    Args:
        fit: draws from a posterior, of choices with a condition that tells the correct action.
        correct: its name: values are actions, -1 where it is not known.
        before, after: trials before and after a reversal to show.
        draws: from the posterior.

    Raises:
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
    instance("fit", fit, BehaviorFit, "what behavior.fit returns")
    choices = fit.choices
    if correct not in choices.conditions:
        expected = f"a condition {correct!r} that tells the correct action"
        raise ValueError(complain("choices", expected, sorted(choices.conditions)))
    aim = choices.conditions[correct]
    counted = choices.counted & (aim >= 0)
    place = positions(choices, aim)
    shown = torch.arange(-positive_int("before", before), positive_int("after", after))
    at = ((place.unsqueeze(-1) == shown) & counted.unsqueeze(-1)).flatten(0, 1).double()
    counts = at.sum(0)
    probs = _probs(fit, draws).gather(-1, aim.clamp(min=0).expand(draws, *aim.shape)[..., None])
    chance = probs.squeeze(-1).clamp(0.0, 1.0)
    right = (choices.actions == aim).double()
    return LearningCurve(
        positions=shown,
        counts=counts.long(),
        observed=right.flatten() @ at / counts,
        expected=chance.flatten(1).to(at) @ at / counts,
        replicated=torch.bernoulli(chance).flatten(1).to(at) @ at / counts,
    )


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
    whole = {name: value.flatten(0, 1) for name, value in fit.parameters.items()}
    count = len(next(iter(whole.values())))
    index = torch.linspace(0, count - 1, draws).round().long()
    with torch.no_grad():
        found = [
            fit.model.log_probs({name: value[part] for name, value in whole.items()}, fit.choices)
            for part in index.split(10)
        ]
    return torch.cat(found).exp()
