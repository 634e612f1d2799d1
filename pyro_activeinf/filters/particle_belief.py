"""A belief held as weighted particles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import Distribution

from .. import ops
from ..compile import Site
from ..records import Belief, FreeEnergyTerms, Reshaped, Taken

Move = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class Kind:
    """What a site of particles is like."""

    event_dim: int
    site: Site | None = None  # of a discrete one: the values that it can take

    def event(self, values: Tensor) -> torch.Size:
        """Event shape of values ``(*batch, *event)``."""
        return values.shape[values.dim() - self.event_dim :]


@dataclass(frozen=True)
class Origin:
    """Where predicted particles came from: what a guide, or the density of q(s_t), goes back to."""

    states: Mapping[str, Tensor] | None  # (particles, *batch, *event); None before the first step
    action: Tensor | None  # (*batch, *event)
    action_event: int


@dataclass(frozen=True)
class Weighing:
    """What an update found, before particles were resampled."""

    log_evidence: Tensor  # (*batch): log p^(o_t | o_{<t})
    accuracy: Mapping[str, Tensor]  # of each observed site: (*batch)
    effective_sample_size: Tensor  # (*batch)
    relative_variance: Tensor  # (*batch): of the evidence of all observations so far


@dataclass(frozen=True)
class Lineage:
    """From which of the first particles each one descends; None: from the one at its place."""

    roots: Tensor | None = None  # (particles, *batch)
    injected: Tensor | None = None  # (*batch): what resampling added to the spread of families

    def spread(self, weights: Tensor) -> Tensor:
        """Sum over first particles of the squared weight of their descendants, ``(*batch)``."""
        if self.roots is None:
            return weights.square().sum(0)
        family = torch.zeros_like(weights).scatter_add(0, self.roots.expand(weights.shape), weights)
        return family.square().sum(0)

    def excess(self, weights: Tensor) -> Tensor:
        r"""Relative variance of the evidence estimate so far, ``(*batch)``.

        .. math:: \sum_r \Big(\sum_{i \in r} w_i\Big)^2 - \frac1N - \text{(added by resampling)}
        """
        found = self.spread(weights) - 1 / len(weights)
        return found if self.injected is None else found - self.injected


@dataclass(frozen=True)
class ParticleBelief(Belief):
    """q(s_t) as weighted particles; batch dims of size one stand for the whole batch.

    Example:
        >>> states = {"s": torch.tensor([[0.0], [2.0]])}
        >>> belief = ParticleBelief(0, torch.Size((1,)), {"s": Kind(0)}, states,
        ...                         torch.tensor([[0.5], [0.5]]).log())
        >>> belief.marginals["s"].mean.tolist(), belief.marginals["s"].variance.tolist()
        ([1.0], [1.0])
    """

    batch: torch.Size
    kinds: Mapping[str, Kind]  # of each state site and random parameter
    states: Mapping[str, Tensor]  # site: (particles, *batch, *event)
    log_weights: Tensor  # (particles, *batch): their exponentials sum to 1 over particles
    parameters: Mapping[str, Tensor] = field(default_factory=dict)  # likewise, of the model
    origin: Origin | None = field(default=None, repr=False)  # of a predicted belief
    weighing: Weighing | None = field(default=None, repr=False)  # of an updated one
    lineage: Lineage = field(default_factory=Lineage, repr=False)
    ancestors: Tensor | None = field(default=None, repr=False)  # (particles, *batch): resampled

    @property
    def batch_shape(self) -> torch.Size:
        """Shape of the batch of beliefs."""
        return self.batch

    @property
    def shape(self) -> torch.Size:
        """``(particles, *batch)``."""
        return torch.Size((len(self.log_weights), *self.batch))

    @property
    def weights(self) -> Tensor:
        """Probability of each particle, ``(particles, *batch)``."""
        return self.log_weights.exp().expand(self.shape)

    @property
    def effective_sample_size(self) -> Tensor:
        r""":math:`1 / \sum_i w_i^2`, ``(*batch)``; after an update, as it was before resampling."""
        if self.weighing is not None:
            return self.weighing.effective_sample_size
        return 1 / self.weights.square().sum(0)

    @property
    def free_energy(self) -> Tensor:
        """F of the last update in nats, ``(*batch)``: an estimate of -log p(o_t | o_{<t})."""
        if self.weighing is None:
            return self.log_weights.new_zeros(self.batch)
        return -self.weighing.log_evidence

    @property
    def terms(self) -> FreeEnergyTerms:
        """Complexity and accuracy of the last update in nats, each ``(*batch)``."""
        zero = self.log_weights.new_zeros(self.batch)
        if self.weighing is None:
            return FreeEnergyTerms(zero, zero)
        accuracy = sum(self.weighing.accuracy.values(), zero)
        return FreeEnergyTerms(self.free_energy + accuracy, accuracy, self.weighing.accuracy)

    @property
    def evidence_error(self) -> Tensor:
        """Standard error of the log-evidence of all observations so far, ``(*batch)``, in nats.

        From the families of the first particles, out of this one run. It tells nothing once all
        particles descend from a few of the first: many more particles than steps are needed.

        Reference: Chan and Lai (2013), "A general theory of particle filters in hidden Markov
        models and some applications"; Lee and Whiteley (2018), "Variance estimation in the
        particle filter".
        """
        if self.weighing is None:
            excess = self.lineage.excess(self.weights)
        else:
            excess = self.weighing.relative_variance
        return excess.clamp(min=0.0).sqrt()

    @cached_property
    def marginals(self) -> dict[str, Distribution]:
        """A distribution for each state site, with batch shape ``(*batch)``.

        ``pyro.distributions.Empirical`` for a real one, ``Categorical`` over the positions in its
        support for a discrete one.
        """
        return {name: self._marginal(name) for name in self.states}

    def _marginal(self, name: str) -> Distribution:
        site, values = self.kinds[name].site, self._full(name)
        if site is None:
            batch = len(self.batch)
            log_weights = self.log_weights.expand(self.shape).movedim(0, batch)
            return dist.Empirical(values.movedim(0, batch), log_weights)
        index = site.index(values).movedim(0, -1)
        counts = self.weights.new_zeros(*self.batch, site.size)
        return dist.Categorical(probs=counts.scatter_add(-1, index, self.weights.movedim(0, -1)))

    def _full(self, name: str) -> Tensor:
        value, event = self.states[name], self.kinds[name].event_dim
        return value.expand(*self.shape, *value.shape[value.dim() - event :])

    def sample(self, n: int | Sequence[int] = ()) -> dict[str, Tensor]:
        """Draw states jointly: site to tensor ``(*n, *batch, *event)``."""
        draws = (n,) if isinstance(n, int) else tuple(n)
        chances = self.weights.movedim(0, -1)
        index = torch.distributions.Categorical(probs=chances).sample(torch.Size(draws))
        flat = index.reshape(-1, *self.batch)
        return {
            name: (found := gathered(self._full(name), flat)).reshape((*draws, *found.shape[1:]))
            for name in self.states
        }

    def widened(self, batch: torch.Size) -> ParticleBelief:
        """The same particles for a larger batch, which the present one broadcasts to."""
        missing = len(batch) - len(self.batch)
        if not missing:
            return replace(self, batch=batch)

        def each(x: Tensor, lead: int, event: int) -> Tensor:
            return x.reshape((*x.shape[:lead], *[1] * missing, *x.shape[lead:]))

        return replace(self._mapped(each), batch=batch)

    def _map(self, move: Move) -> ParticleBelief:
        old = self.batch
        new = move(torch.zeros((), dtype=torch.bool).expand(old), 0).shape

        def each(x: Tensor, lead: int, event: int) -> Tensor:
            return moved(x, lead, event, move, old, new)

        return replace(self._mapped(each), batch=new)

    def _mapped(self, each: Callable[[Tensor, int, int], Tensor]) -> ParticleBelief:
        """Change every tensor: ``each(tensor, particle dims, event dims)``."""

        def sites(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {n: each(value, 1, self.kinds[n].event_dim) for n, value in values.items()}

        origin, weighing, lineage = self.origin, self.weighing, self.lineage
        roots, injected = lineage.roots, lineage.injected
        return replace(
            self,
            states=sites(self.states),
            parameters=sites(self.parameters),
            log_weights=each(self.log_weights, 1, 0),
            ancestors=None if self.ancestors is None else each(self.ancestors, 1, 0),
            origin=origin
            and replace(
                origin,
                states=None if origin.states is None else sites(origin.states),
                action=None
                if origin.action is None
                else each(origin.action, 0, origin.action_event),
            ),
            weighing=weighing
            and Weighing(
                each(weighing.log_evidence, 0, 0),
                {name: each(value, 0, 0) for name, value in weighing.accuracy.items()},
                each(weighing.effective_sample_size, 0, 0),
                each(weighing.relative_variance, 0, 0),
            ),
            lineage=Lineage(
                None if roots is None else each(roots, 1, 0),
                None if injected is None else each(injected, 0, 0),
            ),
        )


def moved(x: Tensor, lead: int, event: int, move: Move, old: torch.Size, new: torch.Size) -> Tensor:
    """Rearrange the batch dims of ``(*lead, *batch, *event)``, which may be of size one.

    What stands for a whole batch goes on to do so where it can, so that nothing is copied.
    """
    first, last = x.shape[:lead], x.shape[x.dim() - event :]
    x = x.reshape((*first, *[1] * (len(old) - (x.dim() - lead - event)), *x.shape[lead:]))
    batch = x.shape[lead : x.dim() - event]
    if isinstance(move, Taken) and batch[-1:] == (1,):
        return x
    if isinstance(move, Reshaped):
        if all(size == 1 for size in batch):
            return x.reshape((*first, *[1] * len(new), *last))
        if new[: len(old)] == old and all(size == 1 for size in new[len(old) :]):
            return x.reshape((*first, *batch, *[1] * (len(new) - len(old)), *last))
    wide = x.expand(*first, *old, *last)
    if not lead:
        return move(wide, event)
    found = move(wide.movedim(0, len(old)), event + 1)
    return found.movedim(len(new), 0)


def gathered(values: Tensor, index: Tensor) -> Tensor:
    """Particles ``(particles, *batch, *event)`` by position ``(n, *batch)``."""
    event = values.shape[index.dim() :]
    wide = values.expand(len(values), *index.shape[1:], *event)
    return wide.gather(
        0, index.reshape(*index.shape, *[1] * len(event)).expand(*index.shape, *event)
    )


def log_total(log_weights: Tensor) -> Tensor:
    """Logarithm of the sum over particles, ``(*batch)``."""
    return ops.logsumexp(log_weights, 0)
