"""Linear-quadratic regulation: a small closed-form filter, and the best plan from one equation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from pyro_activeinf.filters import Filter
from pyro_activeinf.models import LinearGaussian
from pyro_activeinf.records import Belief, ExpectedFreeEnergyTerms, FreeEnergyTerms


@dataclass(frozen=True)
class LinearBelief(Belief):
    mean: Tensor  # (*batch, n)
    cov: Tensor  # (*batch, n, n)

    @property
    def batch_shape(self) -> torch.Size:
        return self.mean.shape[:-1]

    @property
    def free_energy(self) -> Tensor:
        return self.mean.new_zeros(self.batch_shape)

    @property
    def terms(self) -> FreeEnergyTerms:
        return FreeEnergyTerms(self.free_energy, self.free_energy)

    @property
    def marginals(self) -> dict[str, Distribution]:
        return {"s": dist.MultivariateNormal(self.mean, self.cov)}

    def sample(self, n: Any = ()) -> dict[str, Tensor]:
        return {"s": self.marginals["s"].sample((n,) if isinstance(n, int) else n)}

    def _map(self, move: Callable[[Tensor, int], Tensor]) -> LinearBelief:
        return replace(self, mean=move(self.mean, 1), cov=move(self.cov, 2))


class LinearFilter(Filter):
    """Predicts and scores a LinearGaussian, with the equations written out."""

    observation_sites = ("o",)
    dtype = torch.float64  # type: ignore[assignment]
    device = torch.device("cpu")  # type: ignore[assignment]
    scoring_bytes = 1000  # type: ignore[assignment]

    def __init__(self, model: LinearGaussian) -> None:
        self.model, self.actions = model, model.actions

    def initial(self, batch_shape: tuple[int, ...] = ()) -> LinearBelief:
        model = self.model
        mean, cov = model.mean.expand(*batch_shape, -1), model.cov.expand(*batch_shape, -1, -1)
        return LinearBelief(0, mean, cov)

    def predict(self, belief: Belief, action: Any) -> LinearBelief:
        assert isinstance(belief, LinearBelief)
        model = self.model
        mean = belief.mean @ model.A.mT + action @ model.B.mT
        cov = (model.A @ belief.cov @ model.A.mT + model.Q).expand(*mean.shape, -1)
        return LinearBelief(belief.step + 1, mean, cov)

    def update(self, belief: Belief, observation: Mapping[str, Any]) -> LinearBelief:
        assert isinstance(belief, LinearBelief)
        model = self.model
        spread = model.C @ belief.cov @ model.C.mT + model.R
        gain = belief.cov @ model.C.mT @ torch.linalg.inv(spread)
        missed = observation["o"] - belief.mean @ model.C.mT - model.offset
        mean = belief.mean + (gain @ missed[..., None]).squeeze(-1)
        return replace(belief, mean=mean, cov=belief.cov - gain @ model.C @ belief.cov)

    def expected_free_energy(self, belief: Belief) -> ExpectedFreeEnergyTerms:
        assert isinstance(belief, LinearBelief)
        model = self.model
        loc = belief.mean @ model.C.mT + model.offset
        spread = model.C @ belief.cov @ model.C.mT + model.R
        preferred = dist.MultivariateNormal(model.goal, model.goal_cov)
        lost = (torch.linalg.inv(model.goal_cov) * spread).sum((-2, -1)) / 2
        pragmatic = preferred.log_prob(loc) - lost
        constant = loc.shape[-1] * math.log(2 * math.pi * math.e)
        shown = (spread.logdet() + constant) / 2
        ambiguity = ((model.R.logdet() + constant) / 2).expand_as(shown)
        values = torch.stack([pragmatic, shown, ambiguity, torch.zeros_like(shown)], -1)
        return ExpectedFreeEnergyTerms(values.unsqueeze(-1).expand(*values.shape, 2), ("o",))

    def look_ahead(self, belief: Belief) -> ExpectedFreeEnergyTerms:
        raise ValueError("actions cannot be listed")

    def habit(self) -> Mapping[str, Tensor]:
        return {}


def best_plan(model: LinearGaussian, start: Tensor, horizon: int, control: Tensor) -> Tensor:
    r"""The actions ``(time, k)`` of least :math:`\sum_t |Cs_t + d - g|^2_{W^{-1}} + |u_t|^2_R`.

    Nothing recursive: all states are one linear function of all actions, and the normal equations
    of least squares are solved at once.
    """
    n, k = model.B.shape
    powers = [torch.linalg.matrix_power(model.A, t) for t in range(horizon + 1)]
    push = torch.zeros(horizon, n, horizon, k, dtype=start.dtype)
    for t in range(horizon):
        for h in range(t + 1):
            push[t, :, h] = powers[t - h] @ model.B
    drift = torch.stack([power @ start for power in powers[1:]])
    shown = torch.einsum("mn,tnhk->tmhk", model.C, push).reshape(-1, horizon * k)
    missed = (drift @ model.C.mT + model.offset - model.goal).reshape(-1)
    weight = torch.block_diag(*[torch.linalg.inv(model.goal_cov)] * horizon)
    cost = shown.mT @ weight @ shown
    cost = cost + torch.block_diag(*[control] * horizon)
    return torch.linalg.solve(cost, -shown.mT @ weight @ missed).reshape(horizon, k)
