"""Beliefs at which F stays as it is, though not because they are best: who says so, and why."""

from __future__ import annotations

import warnings
from collections.abc import Collection

import torch

from ..conjugacy import ApproximateMessageWarning, Beliefs, SiteFactor
from ..conjugacy.discrete_sums import is_discrete
from .graph import FactorGraph
from .schedules import Messages

APART = 0.1  # nats between a belief and what its messages add up to, from which on it is stuck
SILENT = 1e-9  # a message smaller than this part of a belief says nothing
IMPOSSIBLE = 1e290  # nats


def stuck(graph: FactorGraph, beliefs: Beliefs, sent: Messages, safe: Collection[str]) -> list[str]:
    r"""Variables whose beliefs stay though their messages say something else.

    .. math:: KL[q_\lambda \| q_{\lambda'}] = A(\lambda') - A(\lambda)
              - \mu \cdot (\lambda' - \lambda), \qquad \lambda' = \sum_f \lambda_{f \to v}

    Where a link is steep, no step along the natural gradient may lower F.

    Args:
        sent: messages of the last sweep.
        safe: variables whose steps are halved until F does not rise.
    """
    found = []
    for name in safe:
        variable, natural = graph.variables[name], beliefs.natural[name]
        each = [message for (_, to), message in sent.items() if to == name]
        toward = torch.stack(each).sum(0) / variable.scale
        if not bool(variable.family.valid(toward).all()):
            continue
        change = ((toward - natural) * beliefs.means[name]).sum(-1)
        family = variable.family
        apart = family.log_partition(toward) - family.log_partition(natural) - change
        if bool((apart > APART).any()):
            found.append(name)
    return found


def silent(graph: FactorGraph, beliefs: Beliefs, sent: Messages) -> list[tuple[str, str]]:
    """Observed sites that depend on a variable, and say nothing of it: (site, variable)."""
    found = []
    for (factor, name), message in sent.items():
        site = graph.factors[factor]
        if not isinstance(site, SiteFactor) or not site.site.observed:
            continue
        size = beliefs.natural[name].nan_to_num(0.0, 0.0, 0.0).abs().max()
        discrete = is_discrete(graph.variables[name].family)
        if not discrete and bool(message.abs().max() <= SILENT * size):
            found.append((factor, name))
    return found


def tell(
    graph: FactorGraph, beliefs: Beliefs, sent: Messages, still: Collection[str], energy: float
) -> None:
    """Warn of all that keeps F from its least value."""
    texts = [
        f"The belief about {name} stays where it is, though its messages say otherwise: no step "
        "toward them lowers F, as where a link is steep. Begin closer to the answer, with a "
        "narrower prior or a start of its own, or let the link be less steep."
        for name in still
    ]
    texts += [
        f"The site {site} says nothing of {name} where the belief about it is, as where a link is "
        "flat: F may be lower elsewhere. Begin elsewhere, or let the link be less steep."
        for site, name in silent(graph, beliefs, sent)
        if name not in still
    ]
    if energy > IMPOSSIBLE:
        texts.append(
            "What is observed is impossible under the beliefs, and F is infinite. Supports that "
            "depend on other unknown sites have no beliefs of their own."
        )
    for text in texts:
        warnings.warn(text, ApproximateMessageWarning, stacklevel=4)
