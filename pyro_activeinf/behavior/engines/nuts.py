"""Hamiltonian Monte Carlo of the parameters of persons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..._checks import complain, finite, positive_int
from ...learning.compilation import Backend, inductor
from .base import Found, Keeping, Resumable
from .chain import Chain, Plan
from .evaluator import Evaluator
from .journey import Journey
from .metric import Dense, Diagonal, Metric
from .starts import scattered
from .target import Target


@dataclass(frozen=True)
class NUTS(Resumable):
    r"""The No-U-Turn sampler, all of whose chains are evaluated in one pass.

    .. math:: \dot z = \Sigma p, \qquad \dot p = \nabla \log \pi(z), \qquad p \sim N(0, \Sigma^{-1})

    Each chain has a step size, a metric and a generator of its own, and goes on as soon as it has
    been answered. Ctrl-C after the warm-up ends the run with the draws that all chains have. Where
    subjects tell nothing about each other (:class:`Flat`), every subject has
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
        TypeError: for a compiler that is none.

    Reference: Hoffman and Gelman (2014), "The No-U-Turn sampler", JMLR; Betancourt (2017), "A
    conceptual introduction to Hamiltonian Monte Carlo", appendix A.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior import ChoiceModel, Choices, fit
        >>> from pyro_activeinf.behavior.peers import RandomChoice
        >>> pyro.set_rng_seed(0)
        >>> def parameters():
        ...     pyro.sample("side", dist.Normal(0.0, 1.0))
        >>> model = ChoiceModel(
        ...     parameters, lambda p: RandomChoice(torch.stack([0 * p["side"], p["side"]]))
        ... )
        >>> choices = Choices(torch.ones(1, 8, dtype=torch.long), {"outcome": torch.ones(1, 8)})
        >>> found = fit(model, choices, NUTS(draws=50, warmup=50, chains=2), progress=False)
        >>> found.parameters["side"].shape, bool(found.means["side"] > 0)
        (torch.Size([2, 50, 1]), True)
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
        if not 0 < finite("target_accept", self.target_accept) < 1:
            got = self.target_accept
            raise ValueError(complain("target_accept", "a number in (0, 1)", got))
        if not isinstance(self.compile, bool) and not callable(self.compile):
            expected = "True, False, or a compiler of graphs"
            raise TypeError(complain("compile", expected, repr(self.compile)))

    def kept(
        self, target: Target, start: Tensor | None, progress: bool, keeping: Keeping | None
    ) -> Found:
        """Draws ``(chains, draws, dim)``; fewer than asked for after an interrupt."""
        backend = self.compile if callable(self.compile) else inductor if self.compile else None
        answer = Evaluator(target, self.chains, backend)
        chains = self._chains(target, answer, start)
        settings = {"chains": self.chains, "dim": target.dim, "dense": self.dense}
        draws = Journey(chains, answer, keeping, settings).go(progress)
        found = [chain.points[:draws] for chain in chains]
        z = torch.as_tensor(np.array(found), dtype=torch.get_default_dtype())
        whole = z.new_empty(self.chains, draws, target.dim)
        whole[..., target.cells] = z.unflatten(0, (self.chains, -1)).transpose(1, 2)
        return Found(whole, statistics(chains, self.chains, draws))

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


def statistics(chains: Sequence[Chain], count: int, draws: int) -> dict[str, Tensor]:
    """What is known of each draw, ``(count, draws)``; of cells the worst, or their sum."""

    def of(name: str) -> Tensor:
        rows = [[getattr(facts, name) for facts in chain.facts[:draws]] for chain in chains]
        return torch.tensor(rows).unflatten(0, (count, -1))

    steps = torch.tensor([chain.step for chain in chains]).unflatten(0, (count, -1))
    return {
        "diverging": of("diverging").any(1),
        "acceptance_rate": of("accept").mean(1),
        "n_steps": of("steps").amax(1),
        "tree_depth": of("depth").amax(1),
        "energy": of("energy").sum(1),
        "step_size": steps.amin(1, keepdim=True).expand(-1, draws),
    }
