"""From scored policies to a posterior over policies and actions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from .. import ops
from .._checks import complain
from ..records import DeferredTerms, PlanReport, PolicyPosterior, PrefixTerms
from .tree import Paths, by_first_action, first_action


def policy_posterior(
    policies: Tensor,
    nodes: PrefixTerms,
    terms: frozenset[str],
    precision: float | Tensor,
    habit: Mapping[str, Tensor],
    controls: Sequence[int],
    report: PlanReport | None = None,
    paths: Paths | None = None,
) -> PolicyPosterior:
    r""":math:`q(\pi) \propto p(\pi) e^{-\gamma G(\pi)}`, and its marginal over the first action.

    Args:
        nodes: terms of the steps of policies, see :class:`PolicyPosterior`.
        paths: where policies share nodes, which ones they go through.

    Raises:
        ValueError: where no policy has positive probability.
    """
    each, finite = nodes.select(terms), isinstance(nodes, DeferredTerms)
    scores = each.sum(-1) if paths is None else paths.total(each, finite)
    log_prior = log_habit(policies, habit)
    probs = boltzmann(scores, precision, log_prior, finite and log_prior is None)
    if paths is None:
        action_probs = marginal_action_probs(policies, probs, controls)
    else:
        action_probs = shaped(paths.marginal(probs, math.prod(controls)), controls)
    places = None if paths is None else paths.places
    return PolicyPosterior(policies, nodes, scores, probs, action_probs, report, places)


def marginal_action_probs(policies: Tensor, probs: Tensor, controls: Sequence[int]) -> Tensor:
    """q(u) of the first action, ``(*batch, *controls)``."""
    first = first_action(policies, controls)
    return shaped(by_first_action(probs, first, math.prod(controls)), controls)


def shaped(action_probs: Tensor, controls: Sequence[int]) -> Tensor:
    """Probabilities of flattened actions with a dim for each control, where there are several."""
    return action_probs.unflatten(-1, tuple(controls)) if len(controls) > 1 else action_probs


def boltzmann(
    scores: Tensor, precision: float | Tensor, log_prior: Tensor | None, finite: bool = False
) -> Tensor:
    """Probabilities from expected free energies and a log-prior, ``(*batch, policies)``.

    ``finite`` where it is known that no score is infinite and every policy has a prior.
    """
    if log_prior is not None:
        scores = torch.where(log_prior > -math.inf, scores, math.inf)
    if not finite and ops.any_equal(scores.amin(-1), math.inf):
        raise ValueError(
            complain(
                "policies",
                "at least one of finite expected free energy and positive habit",
                "none",
                "Outcomes at a preference of -inf cannot be avoided; use a large negative "
                "number instead.",
            )
        )
    if ops.infinite(precision):
        return ops.softmax(-scores, precision)
    weighted = ops.weighed(scores, -precision)
    return torch.softmax(weighted if log_prior is None else weighted + log_prior, -1)


def log_habit(policies: Tensor, habit: Mapping[str, Tensor]) -> Tensor | None:
    """Log-prior of each policy ``(*batch, policies)``; ``None`` without a habit.

    Args:
        policies: ``(policies, time[, controls])``.
        habit: log-probabilities of each of its sites, ``(*batch, values)``.
    """
    if not habit:
        return None
    if "policy" in habit:
        if habit["policy"].shape[-1:] != policies.shape[:1]:
            raise ValueError(
                complain(
                    "habit",
                    f"a probability for each of the {len(policies)} policies, or for each action",
                    f"{tuple(habit['policy'].shape)} of them",
                )
            )
        return habit["policy"]
    steps = policies.unsqueeze(-1) if policies.dim() == 2 else policies
    names = ["action"] if policies.dim() == 2 else [f"action_{f}" for f in range(steps.shape[-1])]
    each = [
        habit[name][..., steps[..., f]].sum(-1) for f, name in enumerate(names) if name in habit
    ]
    return torch.stack(each).sum(0)
