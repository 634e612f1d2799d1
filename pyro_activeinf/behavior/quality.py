"""Whether draws can be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .data_sets import array_of, dataset, drawn
from .engines.base import Found

MIXED = 1.01  # r-hat
ENOUGH = 400.0  # effective draws
USABLE, RELIABLE = 0.7, 0.5  # Pareto k-hat


@dataclass(frozen=True)
class Quality:
    """Diagnostics of a fit; those that do not apply to its engine are empty or ``None``."""

    r_hat: Mapping[str, Tensor]  # site -> (*plates, *event), rank-normalized and split
    ess: Mapping[str, Tensor]  # site -> (*plates, *event), effective draws of the bulk
    divergences: int  # draws whose trajectory lost its energy
    deepest: int  # draws whose trajectory was cut short
    pareto_k: Tensor | None  # (cells,), of the importance weights of an approximation

    @property
    def worst_r_hat(self) -> float:
        """The largest r-hat of all."""
        return max((float(value.max()) for value in self.r_hat.values()), default=math.nan)

    @property
    def least_ess(self) -> float:
        """The fewest effective draws of all."""
        return min((float(value.min()) for value in self.ess.values()), default=math.nan)

    @property
    def advice(self) -> str:
        """What to do, in a sentence or two."""
        said = [*_on_chains(self.worst_r_hat, self.least_ess), *_on_trajectories(self)]
        if self.pareto_k is not None:
            said.append(_on_pareto_k(float(self.pareto_k.max())))
        return " ".join(said) or "Nothing is known of how good these draws are."


def _on_chains(r_hat: float, ess: float) -> list[str]:
    if math.isnan(r_hat):
        return []
    if r_hat >= MIXED:
        return [f"The chains have not mixed (r-hat up to {r_hat:.3f}): draw more, warm up longer."]
    if ess < ENOUGH:
        return [f"The chains have mixed, but {ess:.0f} effective draws are few: draw more."]
    return [f"The chains have mixed (r-hat up to {r_hat:.3f}, at least {ess:.0f} effective draws)."]


def _on_trajectories(quality: Quality) -> list[str]:
    found = []
    if quality.divergences:
        way_out = "raise target_accept, or write the model without a funnel (NonCentered)"
        found.append(f"{quality.divergences} draws diverged: {way_out}.")
    if quality.deepest:
        found.append(f"{quality.deepest} trajectories were cut short: raise max_depth.")
    return found


def _on_pareto_k(k: float) -> str:
    if k < RELIABLE:
        return f"The approximation is close to the posterior (k-hat {k:.2f})."
    if k < USABLE:
        return f"The approximation is usable, not exact (k-hat {k:.2f})."
    return (
        f"The approximation is far from the posterior (k-hat {k:.2f}): take a richer guide, or "
        "NUTS with this fit as its start."
    )


def quality_of(
    found: Found, draws: Mapping[str, Tensor], dims: Mapping[str, tuple[str, ...]], max_depth: int
) -> Quality:
    """Diagnostics of what an engine has found.

    Args:
        found: by the engine.
        draws: of each latent site, ``(chains, draws, *plates, *event)``.
        dims: names of the plates of each site.
        max_depth: of trajectories.
    """
    sampler, r_hat, ess = found.statistics, {}, {}
    if sampler and found.z.shape[1] > 3:
        chains = dataset(drawn(draws, dims), {})
        r_hat, ess = _by_site("rhat", chains), _by_site("ess", chains)
    return Quality(
        r_hat=r_hat,
        ess=ess,
        divergences=int(sampler["diverging"].sum()) if sampler else 0,
        deepest=int((sampler["tree_depth"] >= max_depth).sum()) if sampler else 0,
        pareto_k=found.pareto_k,
    )


def _by_site(name: str, chains: Any) -> dict[str, Tensor]:
    """A statistic of ArviZ by site."""
    import arviz

    with np.errstate(invalid="ignore", divide="ignore"):  # of a site that does not move
        computed = getattr(arviz, name)(chains)
    return {str(k): torch.as_tensor(array_of(v.values)) for k, v in computed.data_vars.items()}
