"""Open-loop planning: score whole sequences of actions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .._checks import (
    complain,
    differentiable,
    in_range,
    nonnegative,
    positive_int,
    readable_bytes,
    whole_numbers,
)
from ..compile import Settled, control_sizes
from ..filters import Filter, SweepingFilter
from ..free_energy.counted import counted_terms
from ..records import Belief, ExpectedFreeEnergyTerms, PolicyPosterior, PrefixTerms
from .base import Planner, require_question
from .posterior import policy_posterior
from .tree import Paths, PolicyTree, all_policies, node_places, policy_tree

_Key = tuple[tuple[int, ...], torch.device, torch.dtype, int]


class OpenLoop(Planner):
    r"""Scores every policy of a horizon, or those of a given set; shared prefixes only once.

    .. math::
        G(\pi) = \sum_{\tau=t+1}^{t+H} G(\pi, \tau), \qquad
        q(\pi) \propto p(\pi) \, e^{-\gamma G(\pi)}

    Args:
        horizon: number of actions H in a policy.
        policies: ``(policies, time)`` (``(policies, time, controls)`` for several controls) to
            score instead of all of them.
        precision: gamma; infinite chooses among the minima. A number, or a tensor without dims
            that gradients flow to.
        terms: which of ``pragmatic``, ``epistemic``, ``novelty`` count; all by default.
        memory_limit: bytes that the scores may take; beliefs are processed in chunks within it.

    Raises:
        ValueError: for a wrong argument; on a call, where the scores of all policies would not
            fit into ``memory_limit``.

    Reference: Friston et al. (2017), "Active inference: a process theory", Neural Computation 29,
    eqs. 2.4-2.5.

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.models import TMaze
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> posterior = OpenLoop(horizon=2)(filter, start)
        >>> posterior.policies[posterior.probs.argmax()].tolist()[0]  # the cue first
        3
    """

    def __init__(
        self,
        horizon: int,
        policies: Tensor | None = None,
        precision: float | Tensor = 16.0,
        terms: Iterable[str] | None = None,
        memory_limit: int = 2**30,
    ) -> None:
        self.horizon = positive_int("horizon", horizon)
        self.policies = None if policies is None else _checked(policies, horizon)
        self.precision = differentiable("precision", precision, nonnegative)
        self.terms = counted_terms(terms)
        self.memory_limit = positive_int("memory_limit", memory_limit)
        self._layouts: dict[_Key, _Layout] = {}

    def __call__(self, filter: Filter, belief: Belief) -> PolicyPosterior:
        """Score the policies from a belief on; batched over the belief's dims."""
        require_question(filter, belief)
        controls = control_sizes(filter.actions)
        if not controls:
            raise ValueError(complain("model.actions", "a space of actions to plan over", None))
        with Settled():
            layout = self._layout(filter, controls, math.prod(belief.batch_shape))
            chunks = [score(filter, belief, tree, layout.every) for tree in layout.trees]
            habit = filter.habit()
        return policy_posterior(
            layout.policies,
            _together(chunks),
            self.terms,
            self.precision,
            habit,
            controls,
            paths=layout.paths,
        )

    def _layout(self, filter: Filter, controls: tuple[int, ...], batch: int) -> _Layout:
        """The policies as trees whose scores fit into memory; the last one made is kept."""
        key = (controls, filter.device, filter.dtype, batch * filter.scoring_bytes)
        layout = self._layouts.get(key)
        if layout is None:
            self._require_memory(filter, controls, batch)
            rows = max(1, self.memory_limit // (4 * max(1, batch) * filter.scoring_bytes))
            layout = self._laid_out(filter, controls, rows)
            self._layouts = {key: layout}
        return layout

    def _require_memory(self, filter: Filter, controls: tuple[int, ...], batch: int) -> None:
        if self.policies is None:
            count = math.prod(controls) ** self.horizon
        else:
            count = len(self.policies)
        numbers = count * self.horizon * 4 * (1 + len(filter.observation_sites))
        size = 2 * numbers * batch * filter.dtype.itemsize
        if size > self.memory_limit:
            raise ValueError(
                complain(
                    "horizon",
                    f"policies whose scores fit into {readable_bytes(self.memory_limit)}",
                    f"{count:,} policies of {self.horizon} steps for a batch of {batch}, "
                    f"{readable_bytes(size)}",
                    "Shorten the horizon, give a set of policies=, or raise memory_limit=.",
                )
            )

    def _laid_out(self, filter: Filter, controls: tuple[int, ...], rows: int) -> _Layout:
        policies = self._given(controls, filter.device)
        distinct, inverse = policies, None
        if self.policies is not None:
            distinct, inverse = torch.unique(policies, dim=0, return_inverse=True)
        trees = [policy_tree(p, controls) for p in self._split(distinct, controls, rows)]
        places = node_places(trees)
        places = places if inverse is None else places[inverse]
        paths = Paths.of(places, policies, controls, filter.dtype)
        every = all_policies(controls, 1, filter.device).squeeze(1)
        return _Layout(policies, paths, trees, every)

    def _given(self, controls: tuple[int, ...], device: torch.device) -> Tensor:
        """The policies to score, in the order in which they are reported."""
        if self.policies is None:
            for (known, where, *_), layout in self._layouts.items():
                if (known, where) == (controls, device):
                    return layout.policies  # the same for another batch
            return all_policies(controls, self.horizon, device)
        expected = 2 if len(controls) == 1 else 3
        if self.policies.dim() != expected or (
            expected == 3 and self.policies.shape[-1] != len(controls)
        ):
            raise ValueError(
                complain(
                    "policies",
                    f"shape (policies, time{', ' + str(len(controls)) if expected == 3 else ''})",
                    tuple(self.policies.shape),
                )
            )
        steps = self.policies if expected == 3 else self.policies.unsqueeze(-1)
        for f, size in enumerate(controls):
            in_range("policies", steps[..., f], size)
        return self.policies.to(device)

    def _split(self, policies: Tensor, controls: tuple[int, ...], rows: int) -> Iterator[Tensor]:
        """Chunks of at most so many policies, cut between whole subtrees."""
        actions = math.prod(controls)
        if self.policies is None and actions > 1:
            rows = actions ** int(math.log(max(rows, actions), actions) + 1e-9)
        yield from policies.split(rows)


@dataclass(frozen=True)
class _Layout:
    """Policies laid out for scoring."""

    policies: Tensor  # (policies, time[, controls]), as reported
    paths: Paths  # where the prefixes of each are among the trees' nodes
    trees: list[PolicyTree]  # of the sorted, distinct ones, in chunks
    every: Tensor  # (actions[, controls])


def score(filter: Filter, belief: Belief, tree: PolicyTree, every: Tensor) -> PrefixTerms:
    """Terms of every prefix, the shorter ones first, ``(*batch, nodes)``."""
    found = filter.sweep(belief, tree) if isinstance(filter, SweepingFilter) else None
    if found is None:
        values = torch.cat(list(_step_by_step(filter, belief, tree, every)), -3)
        found = ExpectedFreeEnergyTerms(values, filter.observation_sites)
    return found


def _together(chunks: Sequence[PrefixTerms]) -> PrefixTerms:
    if len(chunks) == 1:
        return chunks[0]
    values = torch.cat([chunk.values for chunk in chunks], -3)
    return ExpectedFreeEnergyTerms(values, chunks[0].sites)


def _step_by_step(
    filter: Filter, belief: Belief, tree: PolicyTree, every: Tensor
) -> Iterator[Tensor]:
    """Terms of the prefixes of each length, ``(*batch, prefixes, 4, 1 + sites)``."""
    batch = belief.batch_shape
    current = belief.reshape(*batch, 1)
    for t, actions in enumerate(tree.actions):
        last = t == len(tree.actions) - 1
        if tree.complete[t]:
            yield filter.look_ahead(current).values.flatten(-4, -3)
            if not last:
                fanned = filter.predict(current.reshape(*current.batch_shape, 1), every)
                current = fanned.reshape(*batch, len(actions))
        else:
            current = filter.predict(current.take(tree.parents[t]), actions)
            yield filter.expected_free_energy(current).values


def _checked(policies: Tensor, horizon: int) -> Tensor:
    tensor = whole_numbers("policies", policies)
    if tensor.dim() not in (2, 3) or tensor.shape[1] != horizon or len(tensor) == 0:
        raise ValueError(
            complain(
                "policies",
                f"shape (policies, {horizon}[, controls])",
                tuple(tensor.shape),
                "Its time dim is the horizon.",
            )
        )
    return tensor
