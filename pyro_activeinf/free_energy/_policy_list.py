"""All the policies of a discrete guide, with their probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor

from ..compile.enumerate import HANDLERS
from ..filters.sampling import log_prob
from ..guides.sites import quiet
from ..records import step_of
from .outcome_rules import finite_support


@dataclass(frozen=True)
class ListedPolicies:
    """Every policy that a guide may choose."""

    policies: Tensor  # (*batch, policies, time)
    log_q: Tensor  # (*batch, policies)


def is_enumerated(guide: Callable[..., Any], belief: Any) -> bool:
    """Whether all sites of the guide are marked ``infer={"enumerate": "parallel"}``."""
    trace = quiet(guide, belief)
    marks = [trace.nodes[name]["infer"].get("enumerate") for name in trace.stochastic_nodes]
    return bool(marks) and all(mark == "parallel" for mark in marks)


def list_policies(guide: Callable[..., Any], belief: Any) -> ListedPolicies:
    """Run a guide with each of its actions on a dim of its own."""
    batch = belief.batch_shape
    lister = _Lister(len(batch))
    with HANDLERS, lister:
        guide(belief)
    steps = sorted(lister.values, key=lambda name: step_of(name) or 0)
    sizes = [len(lister.values[name]) for name in reversed(lister.values)]
    full = (*sizes, *batch)
    actions = torch.stack([lister.values[name].expand(full) for name in steps], -1)
    log_q = sum(lister.log_probs.values(), torch.zeros(())).expand(full)
    count = len(sizes)
    return ListedPolicies(
        actions.flatten(0, count - 1).movedim(0, len(batch)),
        log_q.flatten(0, count - 1).movedim(0, len(batch)),
    )


class _Lister(Messenger):
    def __init__(self, dims: int) -> None:
        super().__init__()
        self.dims = dims
        self.values: dict[str, Tensor] = {}
        self.log_probs: dict[str, Tensor] = {}

    def _pyro_sample(self, msg: Any) -> None:
        msg["stop"] = True  # a list is no sample
        support = None if msg["is_observed"] else finite_support(msg["fn"])
        if support is None:
            return
        value = support.reshape(len(support), *[1] * (self.dims + len(self.values)))
        self.log_probs[msg["name"]] = log_prob(msg["fn"], value)
        self.values[msg["name"]] = msg["value"] = value
        msg["done"] = True
