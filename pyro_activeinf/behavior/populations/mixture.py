"""Persons of different types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample
from torch import Tensor

from ..._checks import complain, instance, positive_int
from ..choices import Choices
from .base import Population, Program
from .hierarchical import Hierarchical

WEIGHTS = "type_weights"


@dataclass(frozen=True)
class Mixture(Population):
    r"""Each person is of one of K types, each of which is a population by itself.

    .. math:: p(u_i) = \sum_k w_k\, p(u_i \mid \theta_{ik}), \qquad w \sim Dirichlet

    Types are summed over, not sampled: nothing discrete is left, and every engine can be used.
    The likelihood of a choice is the one that is foretold from the choices before it
    (:class:`~.OfTypes`); ``model.responsibilities(parameters, choices)`` tells who is of which
    type.

    Sites: ``type_weights`` ``(K,)``, and those of the population of type k with the suffix
    ``_type0``, ``_type1``, .. (``rate_typical_type0``). Parameters have the types as their first
    event dim, ``(*outer, subjects, K, *event)``: who a person would be as one of each type.
    Types that have the same prior can change their places; give each a program of its own to
    tell them apart.

    Raises:
        TypeError: for a population or weights that are none.
        ValueError: for no types, weights of another number of types, or programs with other sites.

    Reference: Bishop (2006), "Pattern Recognition and Machine Learning", eq. 9.7.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior import Choices
        >>> pyro.set_rng_seed(0)
        >>> def program():
        ...     pyro.sample("rate", dist.Beta(2.0, 2.0))
        >>> choices = Choices(torch.zeros(3, 1, dtype=torch.long))
        >>> plate = pyro.plate("subject", 3, dim=-2)
        >>> found = Mixture(2)(program, choices, plate)
        >>> found["rate"].shape, found["type_weights"].shape
        (torch.Size([3, 2]), torch.Size([3, 2]))
    """

    types: int | Sequence[Program]
    # number of types of the model's program; or a program for each, with the same sites
    of: Population = field(default_factory=Hierarchical)  # how persons of a type hang together
    weights: dist.TorchDistribution | None = None  # prior over (K,); uniform by default

    def __post_init__(self) -> None:
        """Check that there are types."""
        if not isinstance(self.types, Sequence) or isinstance(self.types, str):
            positive_int("types", self.types)
        instance("of", self.of, Population, "how persons of a type hang together")
        if isinstance(self.of, Mixture):
            raise TypeError(complain("of", "a population without types", repr(self.of)))
        positive_int("types", self.num_types)
        self._check_weights()

    def _check_weights(self) -> None:
        if self.weights is None:
            return
        expected = f"a distribution over {self.num_types} weights"
        way_out = "Write dist.Dirichlet(torch.ones(K)), say, from pyro.distributions."
        instance("weights", self.weights, TorchDistributionMixin, expected, way_out)
        if self.weights.event_shape != (self.num_types,):
            got = f"one over {tuple(self.weights.event_shape)}"
            raise ValueError(complain("weights", expected, got, way_out))

    @property
    def num_types(self) -> int:
        """Number of types K."""
        return self.types if isinstance(self.types, int) else len(self.types)

    def __call__(self, parameters: Program, choices: Choices, subjects: Any) -> dict[str, Tensor]:
        """Sample the parameters of every subject, site to ``(*outer, subjects, K, *event)``."""
        programs = [parameters] * self.num_types if isinstance(self.types, int) else self.types
        found, events = [], {}
        for k, program in enumerate(programs):
            with _Suffixed(f"_type{k}") as suffixed:
                found.append(self.of(program, choices, subjects))
            events.update(suffixed.events)
        return self._together(found, events, subjects.size)

    def _together(
        self, found: Sequence[Mapping[str, Tensor]], events: Mapping[str, int], subjects: int
    ) -> dict[str, Tensor]:
        names = list(found[0])
        if any(set(each) != set(names) for each in found):
            got = [sorted(each) for each in found]
            raise ValueError(complain("types", "programs with the same sites", got))
        stacked = {
            name: torch.stack(torch.broadcast_tensors(*(each[name] for each in found)), where)
            for name in names
            for where in [-1 - events[name]]
        }
        return {**stacked, WEIGHTS: self._weights(next(iter(stacked.values())), subjects)}

    def _weights(self, like: Tensor, subjects: int) -> Tensor:
        """Sample the weights of types, ``(*outer, subjects, K)``."""
        uniform = dist.Dirichlet(like.new_ones(self.num_types))
        weights = pyro.sample(WEIGHTS, self.weights or uniform)
        outer = weights.shape[:-3] if weights.dim() > 2 else ()
        return weights.reshape(*outer, 1, self.num_types).expand(*outer, subjects, self.num_types)

    def events(self, events: Mapping[str, int]) -> dict[str, int]:
        """Event dims of what is returned, from those of the program's sites."""
        return {**{name: dims + 1 for name, dims in events.items()}, WEIGHTS: 1}

    def by_type(
        self, parameters: Mapping[str, Tensor], events: Mapping[str, int]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Parameters as batches of types, and log-weights of types.

        Args:
            parameters: as they are returned, and ``events`` as :meth:`events` are.

        Returns:
            site to ``(*outer, K, subjects, *event)``, and ``(*outer, K, subjects)``.
        """
        moved = {
            name: value.transpose(-events[name], -events[name] - 1)
            for name, value in parameters.items()
        }
        return moved, moved.pop(WEIGHTS).log()


class _Suffixed(Messenger):
    """Gives sites of a type their names, and keeps the number of their event dims."""

    def __init__(self, suffix: str) -> None:
        super().__init__()
        self.suffix = suffix
        self.events: dict[str, int] = {}  # name without the suffix -> event dims

    def _pyro_sample(self, msg: Any) -> None:
        if not site_is_subsample(msg):
            self.events[msg["name"]] = msg["fn"].event_dim
        msg["name"] += self.suffix
