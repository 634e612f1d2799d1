"""Collects the rows of a trajectory while an agent acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from ._checks import complain
from ._worlds import blank_out
from .agents import HierarchicalBelief
from .records import (
    Belief,
    ExpectedFreeEnergyTerms,
    FreeEnergyTerms,
    LevelMessages,
    PolicyPosterior,
    Trajectory,
)


class Recorder:
    """Rows of observations, beliefs, plans and actions; :meth:`trajectory` stacks them."""

    def __init__(self, keep_policies: bool) -> None:
        self.keep_policies = keep_policies
        self.rows: list[dict[str, Any]] = []
        self.policies: Tensor | None = None
        self.sites: tuple[str, ...] = ()
        self.over = torch.zeros(())

    def perceived(
        self,
        episode: int,
        observation: Mapping[str, Tensor],
        belief: Belief | HierarchicalBelief,
    ) -> None:
        """Open a row."""
        terms, marginals = belief.terms, belief.marginals
        goes_on = bool(self.rows) and int(self.rows[-1]["episode"]) == episode
        step = self.rows[-1]["step"] + 1 if goes_on else torch.tensor(0)
        self.rows.append(
            {
                "episode": torch.tensor(episode),
                "step": step,
                "observations": dict(observation),
                "batch": belief.batch_shape,
                "beliefs": {name: _center(name, q) for name, q in marginals.items()},
                "spread": {name: q.stddev for name, q in marginals.items() if _real(q)},
                "complexity": terms.complexity,
                "accuracy": terms.accuracy,
                "per_site": dict(terms.per_site),
                "complexity_per_site": dict(terms.complexity_per_site),
                "messages": belief.messages if isinstance(belief, HierarchicalBelief) else {},
            }
        )

    def planned(self, posterior: PolicyPosterior, action_probs: Tensor, over: Tensor) -> None:
        """Add the plan to the open row, but for members of the batch whose episode is over."""
        terms = posterior.terms
        self.sites, self.over = terms.sites, over
        weights = posterior.probs[..., None, None]
        mean = torch.where(weights > 0, weights * terms.values, 0.0).sum(-3)
        row = self.rows[-1]
        row["plan"] = blank_out(mean, over)
        row["action_probs"] = blank_out(action_probs, over)
        if self.keep_policies:
            if posterior.real:
                row["policies"] = blank_out(posterior.policies, over)
            else:
                self.policies = posterior.policies
            row["policy_probs"] = blank_out(posterior.probs, over)
            row["policy_values"] = blank_out(posterior.expected_free_energy, over)

    def acted(self, action: Tensor, rewards: Tensor) -> None:
        """Add the action and what came of it to the open row."""
        self.rows[-1] |= {"actions": blank_out(action, self.over), "rewards": rewards}

    def drop_unfinished_row(self) -> None:
        """After an interrupt: forget a row that has a plan but no outcome."""
        if self.rows and "rewards" not in self.rows[-1]:
            self.rows.pop()

    def trajectory(self) -> Trajectory:
        """Stack the rows along time."""
        kept = any("policy_probs" in row for row in self.rows)
        searched = any("policies" in row for row in self.rows)
        return Trajectory(
            observations=self._columns("observations", -1),
            actions=self._column("actions", -1),
            rewards=self._column("rewards", torch.nan),
            beliefs=self._columns("beliefs", torch.nan),
            free_energy=FreeEnergyTerms(
                self._column("complexity", torch.nan),
                self._column("accuracy", torch.nan),
                self._columns("per_site", 0.0),
                self._columns("complexity_per_site", 0.0),
            ),
            plan=ExpectedFreeEnergyTerms(self._column("plan", torch.nan), self.sites),
            action_probs=self._column("action_probs", torch.nan),
            episode=torch.stack([row["episode"] for row in self.rows]),
            step=torch.stack([row["step"] for row in self.rows]),
            policies=self._column("policies", torch.nan) if searched else self.policies,
            policy_probs=self._column("policy_probs", torch.nan) if kept else None,
            policy_values=self._column("policy_values", torch.nan) if kept else None,
            spread=self._columns("spread", torch.nan),
            messages={level: self._messages(level) for level in self.rows[0]["messages"]},
        )

    def _messages(self, level: int) -> LevelMessages:
        rows: list[LevelMessages] = [row["messages"][level] for row in self.rows]
        return replace(
            rows[0],
            ticks=self._stack([row.ticks for row in rows], 0),
            down=self._stack([row.down for row in rows], torch.nan),
            up=self._stack([row.up for row in rows], torch.nan),
        )

    def _columns(self, key: str, missing: float) -> dict[str, Tensor]:
        names = dict.fromkeys(name for row in self.rows for name in row[key])
        return {
            name: self._stack([row[key].get(name) for row in self.rows], missing) for name in names
        }

    def _column(self, key: str, missing: float) -> Tensor:
        return self._stack([row.get(key) for row in self.rows], missing)

    def _stack(self, values: Sequence[Tensor | None], missing: float) -> Tensor:
        """Stack along time, after the batch dims; entries that are absent are filled."""
        pattern = next(value for value in values if value is not None)
        if missing == -1 and pattern.is_floating_point():
            missing = torch.nan
        filler = torch.full_like(pattern, missing)
        filled = [filler if value is None else value for value in values]
        return torch.stack(filled, len(self.rows[0]["batch"]))


def _real(marginal: Distribution) -> bool:
    support = marginal.support
    return support is not None and not support.is_discrete


def _center(name: str, marginal: Distribution) -> Tensor:
    """Probabilities of a categorical belief, the mean of a real one."""
    if isinstance(marginal, Categorical):
        return marginal.probs
    if _real(marginal):
        return marginal.mean
    expected = "a Categorical, or a distribution of real values"
    raise TypeError(complain(f"belief.marginals['{name}']", expected, marginal))
