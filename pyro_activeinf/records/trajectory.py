"""Lives: what an agent saw, believed, planned and did."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from .expected import ExpectedFreeEnergyTerms
from .free_energy import FreeEnergyTerms


@dataclass(frozen=True)
class LevelMessages:
    """What passes between a level of a hierarchy and the one above it, and the lower one's clock.

    The linked sites are taken together, the last one varying fastest. Of real ones, k numbers,
    there are :attr:`down_moments` and :attr:`up_moments` in place of probabilities.
    """

    sites: tuple[str, ...]  # names of the linked sites
    sizes: tuple[int, ...]  # number of values of each; none where they are real
    ticks: Tensor  # (*batch): own steps since the level began, the present one included
    # (*batch, values): log p(c), as predicted from above; of real ones a mixture of Gaussians:
    # (*batch, parts, 1 + k + k k), log-weight, mean and covariance of each
    down: Tensor
    # (*batch, values): log p(o|c) of all that was seen since the level began, in nats; of real
    # ones -c'Pc/2 + h'c + const: (*batch, k k + k + 1)
    up: Tensor

    def map(self, move: Callable[[Tensor], Tensor]) -> LevelMessages:
        """Apply ``move`` to every tensor."""
        return replace(self, ticks=move(self.ticks), down=move(self.down), up=move(self.up))

    @property
    def _real(self) -> int:
        """How many numbers the linked sites are together, where they are real."""
        return math.isqrt(self.up.shape[-1] - 1)

    @property
    def down_moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of real sites as predicted from above, ``(*batch, k)``."""
        k = self._real
        weights = self.down[..., 0].softmax(-1).unsqueeze(-1)
        mean = self.down[..., 1 : 1 + k]
        variance = self.down[..., 1 + k :].unflatten(-1, (k, k)).diagonal(dim1=-2, dim2=-1)
        total = (weights * mean).sum(-2)
        spread = (weights * (variance + (mean - total.unsqueeze(-2)).square())).sum(-2)
        return total, spread.sqrt()

    @property
    def up_moments(self) -> tuple[Tensor, Tensor]:
        """Those of the likelihood of real sites, ``(*batch, k)``; NaN where it has none yet."""
        k = self._real
        precision = self.up[..., : k * k].unflatten(-1, (k, k))
        root, info = torch.linalg.cholesky_ex(precision)
        eye = torch.eye(k, dtype=root.dtype, device=root.device)
        known = (info == 0)[..., None, None]
        cov = torch.cholesky_inverse(torch.where(known, root, eye))
        mean = (cov @ self.up[..., k * k : -1].unsqueeze(-1)).squeeze(-1)
        found = mean, cov.diagonal(dim1=-2, dim2=-1).sqrt()
        mean, spread = (torch.where(known[..., 0], part, torch.nan) for part in found)
        return mean, spread


@dataclass(frozen=True)
class Trajectory:
    """What an agent saw, believed, planned and did, step by step.

    A row of the time axis holds an observation, the belief after it, and the plan and action that
    followed. The last row of an episode has no plan and no action: -1 for actions, NaN else (also
    for real-valued actions).
    """

    observations: Mapping[str, Tensor]  # site: (*batch, time, *event)
    actions: Tensor  # (*batch, time[, controls]); real-valued: (*batch, time, *event)
    rewards: Tensor  # (*batch, time): what the world paid for the action
    # state site: probabilities (*batch, time, values), or the mean (*batch, time, *event)
    beliefs: Mapping[str, Tensor]
    free_energy: FreeEnergyTerms  # (*batch, time), nats
    plan: ExpectedFreeEnergyTerms  # (*batch, time), nats: the mean under q(pi)
    action_probs: Tensor  # (*batch, time, *controls); real-valued: (*batch, time, policies)
    episode: Tensor  # (time,): number of the episode
    step: Tensor  # (time,): time index within the episode
    # where they were kept: (policies, horizon[, controls]); of real-valued actions the candidates
    # at each step, (*batch, time, policies, horizon, *event)
    policies: Tensor | None = None
    policy_probs: Tensor | None = None  # (*batch, time, policies)
    policy_values: Tensor | None = None  # (*batch, time, policies): G of each, nats
    # real state site: standard deviation (*batch, time, *event)
    spread: Mapping[str, Tensor] = field(default_factory=dict)
    # of a hierarchy: number of a level (1 = lowest) to what passed between it and the one above,
    # with the time after the batch
    messages: Mapping[int, LevelMessages] = field(default_factory=dict)

    @property
    def real_actions(self) -> bool:
        """Whether actions are real-valued."""
        return self.actions.is_floating_point()

    def episodes(self) -> list[Trajectory]:
        """The trajectory cut into its episodes."""
        numbers = torch.unique_consecutive(self.episode)
        return [self.at((self.episode == number).nonzero().squeeze(-1)) for number in numbers]

    def at(self, rows: Tensor) -> Trajectory:
        """The rows of the time axis with these indexes ``(n,)``."""
        axis = self.rewards.dim() - 1
        picked = self._map(lambda tensor: tensor.index_select(axis, rows))
        return replace(picked, episode=self.episode[rows], step=self.step[rows])

    def member(self, *index: int) -> Trajectory:
        """One member of a batch of agents."""
        return self._map(lambda tensor: tensor[index])

    def _moved_policies(self, move: Callable[[Tensor], Tensor]) -> Tensor | None:
        """The policies, where each step has its own."""
        if self.policies is None or not self.real_actions:
            return self.policies
        return move(self.policies)

    def _map(self, move: Callable[[Tensor], Tensor]) -> Trajectory:
        """Apply ``move`` to every tensor that has the batch dims."""
        terms = self.free_energy
        return replace(
            self,
            observations={name: move(value) for name, value in self.observations.items()},
            actions=move(self.actions),
            rewards=move(self.rewards),
            beliefs={name: move(value) for name, value in self.beliefs.items()},
            spread={name: move(value) for name, value in self.spread.items()},
            messages={level: passed.map(move) for level, passed in self.messages.items()},
            free_energy=FreeEnergyTerms(
                move(terms.complexity),
                move(terms.accuracy),
                {name: move(value) for name, value in terms.per_site.items()},
                {name: move(value) for name, value in terms.complexity_per_site.items()},
            ),
            plan=ExpectedFreeEnergyTerms(move(self.plan.values), self.plan.sites),
            action_probs=move(self.action_probs),
            policies=self._moved_policies(move),
            policy_probs=None if self.policy_probs is None else move(self.policy_probs),
            policy_values=None if self.policy_values is None else move(self.policy_values),
        )
