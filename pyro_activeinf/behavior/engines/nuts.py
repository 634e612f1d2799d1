"""Hamiltonian Monte Carlo of the parameters of persons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from pyro.infer import MCMC
from pyro.infer import NUTS as Kernel
from torch import Tensor

from ..._checks import positive_int
from .base import Engine, Found
from .starts import scattered
from .target import Target


@dataclass(frozen=True)
class NUTS(Engine):
    """The No-U-Turn sampler.

    Args:
        draws: of each chain.
        warmup: steps before, in which step size and mass matrix are adapted.
        chains: number of chains.
        target_accept: mean probability of acceptance that the step size is adapted to.
        max_tree_depth: at most ``2**max_tree_depth`` leapfrog steps for a draw.

    Reference: Hoffman and Gelman (2014), "The No-U-Turn sampler", JMLR.
    """

    draws: int = 1000
    warmup: int = 1000
    chains: int = 4
    target_accept: float = 0.8
    max_tree_depth: int = 10

    def __post_init__(self) -> None:
        """Check the settings."""
        for name in ("draws", "warmup", "chains", "max_tree_depth"):
            positive_int(name, getattr(self, name))

    def __call__(self, target: Target, start: Tensor | None, progress: bool) -> Found:
        """Draws ``(chains, draws, dim)``."""

        def potential(values: dict[str, Tensor]) -> Tensor:
            return -target.log_prob(values["z"])

        begin = scattered(target, start, self.chains)
        found: list[Any] = []
        for chain in range(self.chains):
            kernel = Kernel(
                potential_fn=potential,
                target_accept_prob=self.target_accept,
                max_tree_depth=self.max_tree_depth,
            )
            sampler = MCMC(
                kernel,
                num_samples=self.draws,
                warmup_steps=self.warmup,
                initial_params={"z": begin[chain]},
                disable_progbar=not progress,
            )
            sampler.run()
            found.append(sampler)
        z = torch.stack([sampler.get_samples()["z"] for sampler in found])
        diverging = torch.zeros(z.shape[:2], dtype=torch.bool)
        for chain, sampler in enumerate(found):
            diverging[chain, sampler.diagnostics()["divergences"]["chain 0"]] = True
        return Found(z, {"diverging": diverging})
