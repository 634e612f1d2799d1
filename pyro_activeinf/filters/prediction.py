"""What every sampling estimator of expected free energy is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..records import ExpectedFreeEnergyTerms
from .pairs import Broadcast, Product, site_pairs
from .sampling import Sampler, entropy, log_prob


@dataclass(frozen=True)
class Estimate(ExpectedFreeEnergyTerms):
    """Terms of expected free energy that were estimated, with the noise of the estimate.

    Example:
        >>> values = torch.zeros(4, 2)
        >>> Estimate(values, ("o",), {"epistemic": torch.tensor(0.1)}).epistemic.item()
        0.0
    """

    # "pragmatic", "epistemic", "novelty", "total": (*batch), in nats; empty where all is exact
    standard_error: Mapping[str, Tensor] = field(default_factory=dict)


class Lazily(Mapping[str, Tensor]):
    """Tensors by name, each computed when it is first asked for."""

    def __init__(self, make: Mapping[str, Callable[[], Tensor]]) -> None:
        self._make, self._found = dict(make), dict[str, Tensor]()

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._found:
            self._found[name] = self._make[name]()
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._make)

    def __len__(self) -> int:
        return len(self._make)


class Likelihood:
    r"""p(x | s, theta) of each particle, from ONE call of a program.

    The program is a function of the values of the particles, such as ``observe`` (x are then the
    outcomes), or ``transition`` under an action (x are then the next states). Its sites are drawn
    in the same call.

    Args:
        program: ``program(states)`` samples the sites x.
        states: site to values ``(particles, *batch, *event)``; dims of size one broadcast.
        shape: ``(particles, *batch)``.
        parameters: site of a random parameter to each particle's own draw of it,
            ``(particles, *batch, *event)``.
        linked: whether some site depends on the value of another one; ``None`` to find out when
            that is first needed, by one more call of the program.
        given: values of sites that are not to be drawn.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> noisy = lambda states: pyro.sample("o", dist.Normal(states["s"], 1.0))
        >>> likelihood = Likelihood(noisy, {"s": torch.tensor([0.0, 3.0])}, (2,))
        >>> likelihood.cross({"o": torch.tensor([0.0])})["o"].round(decimals=2).tolist()
        [[-0.92, -5.42]]
    """

    def __init__(
        self,
        program: Callable[[Mapping[str, Tensor]], Any],
        states: Mapping[str, Tensor],
        shape: tuple[int, ...],
        *,
        parameters: Mapping[str, Tensor] | None = None,
        linked: bool | None = None,
        given: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.program, self.states, self.shape = program, states, torch.Size(shape)
        self.parameters = parameters or {}
        self._linked = linked
        sampler = Sampler(self.shape, given, self.parameters)
        self.returned = sampler.run(program, states)
        self.sites: dict[str, Any] = sampler.sites  # batch shapes broadcast to (particles, *batch)
        self._values = sampler.values

    def sample(self) -> dict[str, Tensor]:
        """Site to the draw of each particle, ``(particles, *batch, *event)``: of the one call."""
        return dict(self._values)

    @property
    def linked(self) -> bool:
        """Whether some site depends on the value of another one."""
        if self._linked is None:
            self._linked = len(self.sites) > 1 and self._probe()
        return self._linked

    def _probe(self) -> bool:
        """Give each site two values on a dim of their own; that of later ones shows there."""
        twice = {name: torch.stack([value, value]) for name, value in self._values.items()}
        probe = Sampler(self.shape, twice, self.parameters)
        probe.run(self.program, self.states)
        return any(len(fn.batch_shape) > len(self.shape) for fn in probe.sites.values())

    def own(self) -> dict[str, Tensor]:
        """log p(x_i | s_i) of each site's own draw, ``(particles, *batch)``, in nats."""
        return {
            name: log_prob(fn, self._values[name]).expand(self.shape)
            for name, fn in self.sites.items()
        }

    def entropy(self) -> dict[str, Tensor]:
        """H[p(x|s)] of each site ``(particles, *batch)``, in nats.

        In closed form where the distribution has one, else what its own draw tells. Of a site
        that depends on others: given their draws.
        """
        return {
            name: entropy(fn, self._values[name]).expand(self.shape)
            for name, fn in self.sites.items()
        }

    def cross(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """log p(x_i | s_j), ``(outer, particles, *batch)`` for each site, in nats.

        The sum over sites is the joint log-density; a site that depends on others is given their
        values of the same i.

        Args:
            values: site to ``(outer, *batch, *event)``.
        """
        every = self.pairs(values)(slice(None))
        return {name: block.movedim((-2, -1), (0, 1)) for name, block in every.items()}

    def pairs(self, values: Mapping[str, Tensor]) -> Callable[[slice], dict[str, Tensor]]:
        """The same in chunks: from rows, outcomes i, to ``(*batch, rows, particles)`` per site.

        A matrix product where sites are Gaussian and do not depend on each other.
        """
        if self.linked:
            return partial(self._linked_pairs, values)
        each = self.site_pairs(values)
        return lambda rows: {name: pairs.block(rows) for name, pairs in each.items()}

    def site_pairs(self, values: Mapping[str, Tensor]) -> dict[str, Product | Broadcast]:
        """The pairs of each site, where none depends on another one."""
        return {name: site_pairs(self.sites[name], x, self.shape) for name, x in values.items()}

    def _linked_pairs(self, values: Mapping[str, Tensor], rows: slice) -> dict[str, Tensor]:
        sites = self._given({name: value[rows].unsqueeze(1) for name, value in values.items()})
        return {
            name: Broadcast(sites[name], value[rows], self.shape).block(slice(None))
            for name, value in values.items()
        }

    def _given(self, values: Mapping[str, Tensor]) -> dict[str, Any]:
        sampler = Sampler(self.shape, values, self.parameters)
        sampler.run(self.program, self.states)
        return sampler.sites

    def take(self, index: Tensor) -> Likelihood:
        """That of some of the particles, by their positions ``(n,)``: one more call."""
        return Likelihood(
            self.program,
            {name: rows(value, index) for name, value in self.states.items()},
            (len(index), *self.shape[1:]),
            parameters={name: rows(value, index) for name, value in self.parameters.items()},
            linked=self._linked,
        )

    def under(self, parameters: Mapping[str, Tensor]) -> Likelihood:
        """That of each particle under several draws of the random parameters: one more call.

        Args:
            parameters: site to ``(draws, 1 or particles, *batch, *event)``.

        Returns:
            The likelihood of shape ``(draws, particles, *batch)``.
        """
        draws = len(next(iter(parameters.values())))
        return Likelihood(
            self.program,
            self.states,
            (draws, *self.shape),
            parameters=parameters,
            linked=self._linked,
            given=self._values,
        )


def rows(value: Tensor, index: Tensor) -> Tensor:
    """Entries of the first dim by position; one entry that stands for all is kept."""
    return value if len(value) == 1 else value.index_select(0, index)


@dataclass(frozen=True)
class Prediction:
    """One predicted step: draws of q(s_t | pi), and what each of them would show."""

    step: int
    states: Mapping[str, Tensor]  # site: (particles, *batch, *event)
    log_weights: Tensor  # (particles, *batch): their exponentials sum to 1 over particles
    likelihood: Likelihood  # p(o_t | s_t) of each particle
    # values of sites (outcomes and states) -> log p~ of each preferred one, (particles, *batch)
    log_preference: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
    # p(s_t | s_{t-1}, u, theta) of each particle, its draws being the states; when asked for
    moves: Callable[[], Likelihood] | None = None
    # log q(s_t | pi) of each particle, (particles, *batch), where it can be told; when asked for
    log_density: Callable[[], Tensor] | None = None
    sampled: bool = True  # False: the states are a whole support or a quadrature, without noise
    counted_moves: bool = False  # whether states are drawn from tables with counts

    @property
    def parameters(self) -> Mapping[str, Tensor]:
        """Each particle's own draw of the random parameters, ``(particles, *batch, *event)``."""
        return self.likelihood.parameters

    @property
    def batch_shape(self) -> torch.Size:
        """Shape of the batch of predictions."""
        return self.likelihood.shape[1:]

    @property
    def weights(self) -> Tensor:
        """Probability of each particle, ``(particles, *batch)``."""
        return self.log_weights.exp().expand(self.likelihood.shape)
