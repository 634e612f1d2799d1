"""A guide that is a network: it reads observations and names a distribution over states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor, nn

from .._checks import complain, positive_int
from ..flows import NormalizingFlow
from ..models import GenerativeModel
from .base import RecognitionGuide
from .networks import Networks, concatenated
from .sites import quantity, state_sites
from .summaries import Past, Whole


class Amortized(RecognitionGuide):
    r"""A network that recognizes states, the same for every series.

    .. math::
        q(s_t | s_{t-1}, u_{t-1}, o_t, h_t) = \prod_i q(s_t^i | s_t^{<i}, \mathrm{MLP}(s_{t-1},
        u_{t-1}, o_t, h_t))

    Observations enter one-hot or as they are, with a flag for each that tells whether it is there;
    :math:`h_t` is a recurrent summary, if any. Sites of a step are recognized one after the
    other. A continuous site gets a Gaussian of independent numbers, carried to the support of the
    model's site where that has bounds; a discrete site gets a probability for each value.

    Args:
        model: what is to be recognized.
        hidden_dims: sizes of the hidden layers; ``()`` for a linear guide.
        flow: makes more of the Gaussian of the one real vector site that has its ``dim``. A
            conditional flow (``context_dim``) is given a context by the network.
        summary: :class:`Past` or :class:`Whole` of the same model.

    Raises:
        ValueError: where no site, or more than one, fits the flow; for sizes below one.
        TypeError: for sizes, a flow or a summary that are none.

    Reference: Kingma and Welling (2014); Rezende and Mohamed (2015); Krishnan, Shalit and Sontag
    (2017) for the summaries.

    Example:
        >>> from pyro_activeinf.models import TMaze
        >>> guide = Amortized(TMaze(), [16])
        >>> states = guide({"position": torch.tensor([[0, 3], [0, -1]])}, torch.tensor([3]))
        >>> [tuple(site.shape) for site in states[1]]  # context and location, in the batch of two
        [(2,), (2,)]
    """

    def __init__(
        self,
        model: GenerativeModel,
        hidden_dims: Sequence[int],
        flow: NormalizingFlow | None = None,
        summary: Past | Whole | None = None,
    ) -> None:
        super().__init__(model)
        sizes = _sizes(hidden_dims)
        _require("flow", flow, NormalizingFlow, "flows.NormalizingFlow(dim, length, kind)")
        _require("summary", summary, nn.Module, "guides.Whole(model, hidden_dim)")
        found = state_sites(model)
        self._first, self._later, self._bare = list(found.first), list(found.later), found.bare
        fns = {**found.later, **found.first}
        kinds = [quantity(name, fn) for name, fn in fns.items()]
        self.summary = summary
        self.networks = Networks(model, kinds, sizes, summary.width if summary else 0, flow)
        self.__dict__["_networks"] = self.networks  # read without Pyro, which was told of it

    def recognize(self, previous: Any, action: Any, observation: Mapping[str, Tensor]) -> Any:
        """Sample the state sites, one after the other; returns the state as the model has it."""
        sampled = self._first if previous is None else self._later
        networks: Networks = self.__dict__["_networks"]
        inputs = networks(previous, action, observation)
        values: dict[str, Tensor] = {}
        heads: Any = networks.heads
        for head in heads:
            encoded = torch.zeros(head.kind.width)  # where it is certain at this step
            if head.kind.name in sampled:
                value = values[head.kind.name] = pyro.sample(head.kind.name, head(inputs))
                encoded = head.kind.encode(value)
            inputs = concatenated([inputs, encoded])
        return self._state(previous, action, values)

    def _state(self, previous: Any, action: Any, values: dict[str, Tensor]) -> Any:
        """What the model's own program makes of the values."""
        if self._bare is not None:
            return values[self._bare]
        with poutine.block(), poutine.condition(data=values):
            if previous is None:
                return self.model.initial()
            return self.model.transition(previous, action)


def _sizes(hidden_dims: Sequence[int]) -> list[int]:
    if not isinstance(hidden_dims, Sequence):
        way_out = f"One layer: [{hidden_dims}]."
        raise TypeError(complain("hidden_dims", "a sequence of sizes", repr(hidden_dims), way_out))
    return [positive_int("hidden_dims", size) for size in hidden_dims]


def _require(argument: str, value: object, kind: Any, example: str) -> None:
    if not isinstance(value, kind | None):
        raise TypeError(complain(argument, f"{example}, or None", repr(value)))
