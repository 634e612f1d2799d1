"""Hamiltonian Monte Carlo of the parameters of persons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..._checks import complain, positive_int
from ...learning.compilation import Backend, inductor
from .base import Engine, Found
from .chain import Chain, Plan
from .evaluator import Evaluator
from .metric import Array, Dense, Diagonal, Metric
from .starts import scattered
from .target import Target
from .together import together


@dataclass(frozen=True)
class NUTS(Engine):
    r"""The No-U-Turn sampler, all of whose chains are evaluated in one pass.

    .. math:: \dot z = \Sigma p, \qquad \dot p = \nabla \log \pi(z), \qquad p \sim N(0, \Sigma^{-1})

    Each chain has a step size, a metric and a generator of its own, and goes on as soon as it has
    been answered. Where subjects tell nothing about each other (:class:`Flat`), every subject has
    chains of its own.

    Args:
        draws: of each chain.
        warmup: steps before, in which step size and metric are adapted.
        chains: number of chains.
        target_accept: mean probability of acceptance that the step size is adapted to.
        max_depth: at most ``2**max_depth`` leapfrog steps for a draw.
        dense: adapt a whole covariance matrix rather than variances.
        compile: run the program as compiled code; or a compiler of graphs.

    Raises:
        ValueError: for numbers out of their range.

    Reference: Hoffman and Gelman (2014), "The No-U-Turn sampler", JMLR; Betancourt (2017), "A
    conceptual introduction to Hamiltonian Monte Carlo", appendix A.
    """

    draws: int = 1000
    warmup: int = 1000
    chains: int = 4
    target_accept: float = 0.8
    max_depth: int = 10
    dense: bool = False
    compile: bool | Backend = False

    def __post_init__(self) -> None:
        """Check the settings."""
        for name in ("draws", "warmup", "chains", "max_depth"):
            positive_int(name, getattr(self, name))
        if not 0 < self.target_accept < 1:
            got = self.target_accept
            raise ValueError(complain("target_accept", "a number in (0, 1)", got))

    def __call__(self, target: Target, start: Tensor | None, progress: bool) -> Found:
        """Draws ``(chains, draws, dim)``."""
        backend = self.compile if callable(self.compile) else inductor if self.compile else None
        answer = Evaluator(target, self.chains, backend)
        chains = self._chains(target, answer, start)
        _drive(chains, answer, progress)
        found = [[move.phase.z for move in chain.moves] for chain in chains]
        z = torch.as_tensor(np.array(found), dtype=torch.get_default_dtype())
        whole = z.new_empty(self.chains, self.draws, target.dim)
        whole[..., target.cells] = z.unflatten(0, (self.chains, -1)).transpose(1, 2)
        return Found(whole, statistics(chains, self.chains))

    def _chains(self, target: Target, answer: Evaluator, start: Tensor | None) -> list[Chain]:
        plan = Plan(self.draws, self.warmup, self.target_accept, self.max_depth)
        points = answer.taken_apart(scattered(target, start, self.chains)).double().numpy()
        metrics = self._metrics(target, start)
        seeds = np.random.SeedSequence(int(torch.randint(2**62, ()))).spawn(len(points))
        return [
            Chain(plan, point, metrics[i % len(metrics)], np.random.default_rng(seed))
            for i, (point, seed) in enumerate(zip(points, seeds, strict=True))
        ]

    def _metrics(self, target: Target, start: Tensor | None) -> list[Metric]:
        """The metric of each cell at the start."""
        size = target.cells.shape[1]
        unit: Metric = Dense(np.eye(size)) if self.dense else Diagonal(np.ones(size))
        if start is None or len(start) <= size:
            return [unit]
        return [unit.estimated(start[:, cell].double().numpy()) for cell in target.cells]


def _drive(chains: list[Chain], answer: Callable[[Array], Any], progress: bool) -> None:
    total = sum(chain.plan.warmup + chain.plan.draws for chain in chains)
    with tqdm(total=total, desc="NUTS", unit=" step", disable=not progress) as bar:
        for _ in together([chain.go() for chain in chains], answer):
            if not bar.disable:
                bar.update(sum(chain.done for chain in chains) - bar.n)
                bar.set_postfix_str(f"{diverged(chains)} divergences", refresh=False)


def diverged(chains: Sequence[Chain]) -> int:
    """Number of draws whose trajectory lost its energy."""
    return sum(move.diverging for chain in chains for move in chain.moves)


def statistics(chains: Sequence[Chain], count: int) -> dict[str, Tensor]:
    """What is known of each draw, ``(chains, draws)``; of cells the worst, or their sum."""

    def of(name: str) -> Tensor:
        rows = [[getattr(move, name) for move in chain.moves] for chain in chains]
        return torch.tensor(rows).unflatten(0, (count, -1))

    steps = torch.tensor([chain.step for chain in chains]).unflatten(0, (count, -1))
    return {
        "diverging": of("diverging").any(1),
        "acceptance_rate": of("accept").mean(1),
        "n_steps": of("steps").amax(1),
        "tree_depth": of("depth").amax(1),
        "energy": of("energy").sum(1),
        "step_size": steps.amin(1, keepdim=True).expand(-1, len(chains[0].moves)),
    }
