"""Collects the rows of a trajectory while an agent acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from ._checks import complain
from .records import (
    Belief,
    ExpectedFreeEnergyTerms,
    FreeEnergyTerms,
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
        self._step = 0

    def perceived(self, episode: int, observation: Mapping[str, Tensor], belief: Belief) -> None:
        """Open a row."""
        terms = belief.terms
        self.rows.append(
            {
                "episode": torch.tensor(episode),
                "step": torch.tensor(belief.step),
                "observations": dict(observation),
                "beliefs": {name: _probs(name, q) for name, q in belief.marginals.items()},
                "complexity": terms.complexity,
                "accuracy": terms.accuracy,
                "per_site": dict(terms.per_site),
            }
        )

    def planned(self, posterior: PolicyPosterior, action_probs: Tensor) -> None:
        """Add the plan to the open row."""
        terms = posterior.terms
        self.sites = terms.sites
        weights = posterior.probs[..., None, None]
        row = self.rows[-1]
        row["plan"] = torch.where(weights > 0, weights * terms.values, 0.0).sum(-3)
        row["action_probs"] = action_probs
        if self.keep_policies:
            self.policies = posterior.policies
            row["policy_probs"] = posterior.probs
            row["policy_values"] = posterior.expected_free_energy

    def acted(self, action: Tensor, reward: float) -> None:
        """Add the action and what came of it to the open row."""
        self.rows[-1] |= {"actions": action, "rewards": torch.tensor(reward)}

    def ended(self) -> None:
        """Close the last row of an episode, which has no action."""

    def drop_unfinished_row(self) -> None:
        """After an interrupt: forget a row that has a plan but no outcome."""
        if self.rows and "rewards" not in self.rows[-1]:
            self.rows.pop()

    def trajectory(self) -> Trajectory:
        """Stack the rows along time."""
        names = list(self.rows[0]["observations"])
        kept = any("policy_probs" in row for row in self.rows)
        return Trajectory(
            observations={
                n: _stack([r["observations"].get(n) for r in self.rows], -1) for n in names
            },
            actions=_stack([r.get("actions") for r in self.rows], -1),
            rewards=_stack([r.get("rewards") for r in self.rows], torch.nan),
            beliefs={
                n: _stack([r["beliefs"][n] for r in self.rows], torch.nan)
                for n in self.rows[0]["beliefs"]
            },
            free_energy=FreeEnergyTerms(
                _stack([r["complexity"] for r in self.rows], torch.nan),
                _stack([r["accuracy"] for r in self.rows], torch.nan),
                {
                    n: _stack([r["per_site"].get(n) for r in self.rows], torch.nan)
                    for n in self.rows[0]["per_site"]
                },
            ),
            plan=ExpectedFreeEnergyTerms(
                _stack([r.get("plan") for r in self.rows], torch.nan), self.sites
            ),
            action_probs=_stack([r.get("action_probs") for r in self.rows], torch.nan),
            episode=_stack([r["episode"] for r in self.rows], -1),
            step=_stack([r["step"] for r in self.rows], -1),
            policies=self.policies,
            policy_probs=_stack([r.get("policy_probs") for r in self.rows], torch.nan)
            if kept
            else None,
            policy_values=_stack([r.get("policy_values") for r in self.rows], torch.nan)
            if kept
            else None,
        )


def _probs(name: str, marginal: Distribution) -> Tensor:
    if not isinstance(marginal, Categorical):
        raise TypeError(complain(f"belief.marginals['{name}']", "a Categorical", marginal))
    return marginal.probs


def _stack(values: Sequence[Tensor | None], missing: float) -> Tensor:
    """Stack along a first time axis; entries that are absent are filled."""
    pattern = next(value for value in values if value is not None)
    filler = torch.full_like(pattern, missing)
    return torch.stack([filler if value is None else value for value in values])
