"""What is learned: a model, a guide, their free energy and the parameters of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.infer import ELBO
from torch import Tensor, nn

from .._checks import complain
from ..free_energy import VariationalFreeEnergy
from . import random_state
from .batches import Arguments, Batches
from .locality import forget_stray_parameters, local_parameters
from .ranks import Alone, Ranks


class Program:
    """A model and a guide under a free energy.

    Modules keep their own parameters. Plain functions have theirs in Pyro's parameter store.

    Args:
        model, guide: any pair of Pyro programs.
        loss: any of Pyro's ELBOs.
        batches: whose scale the free energy has.
        ranks: the processes that learn together.

    Attributes:
        leaves: every parameter by name, unconstrained, once :meth:`first` has found them.
    """

    def __init__(
        self, model: Any, guide: Any, loss: Any, batches: Batches, ranks: Ranks | None = None
    ) -> None:
        for name, program in (("model", model), ("guide", guide)):
            if not callable(program):
                raise TypeError(complain(name, "a Pyro program", repr(program)))
        if not isinstance(loss, ELBO):
            raise TypeError(complain("loss", "a pyro.infer.ELBO", repr(loss)))
        self.model, self.guide, self.batches = model, guide, batches
        self.loss: Any = loss
        self.ranks = Alone() if ranks is None else ranks
        self.leaves: dict[str, Tensor] = {}

    @contextmanager
    def local(self) -> Iterator[None]:
        """Parameters of modules stay in them, not in Pyro's global store."""
        with local_parameters(self.model, self.guide):
            yield

    def first(self, args: Arguments) -> Any:
        """The loss, and with it the gradients and the names of all parameters.

        The first call makes those that do not exist yet, as :class:`~pyro.infer.SVI` does.
        """
        # A guide that looks at its model at the first call may meet param statements of a function,
        # which Pyro, when it validates, takes for those of the guide.
        with pyro.settings.context(validate_poutine=False), poutine.trace(param_only=True) as seen:
            loss = self._look(args)
        self.leaves = self._own() | self._stored(seen.trace.nodes.values())
        forget_stray_parameters(self.model, self.guide)
        self.ranks.require_same(self.leaves.values())
        return self.ranks.share(loss, self.trained.values())

    def __call__(self, args: Arguments) -> Any:
        """The loss, and with it the gradients."""
        return self.ranks.share(self._look(args), self.trained.values())

    def _look(self, args: Arguments) -> Any:
        with self.batches.scaled():
            loss = self.loss.loss_and_grads(self.model, self.guide, *args)
        return loss[0] if isinstance(loss, tuple) else loss

    @property
    def trained(self) -> dict[str, Tensor]:
        """The parameters that are not frozen."""
        return {name: leaf for name, leaf in self.leaves.items() if leaf.requires_grad}

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers by name: all that a file has to hold."""
        return self.leaves | self._buffers()

    @property
    def counter(self) -> Any:
        """Gradient evaluations so far, where the free energy counts them for its schedules."""
        return self.loss.step if isinstance(self.loss, VariationalFreeEnergy) else None

    @counter.setter
    def counter(self, step: Any) -> None:
        if isinstance(self.loss, VariationalFreeEnergy):
            self.loss.step = step

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Afterwards generators, gradients, buffers and the counter are as they were."""
        counter, buffers = self.counter, [(b, b.clone()) for b in self._buffers().values()]
        grads = [(leaf, leaf.grad) for leaf in self.leaves.values()]
        self.clear()
        with random_state.kept():
            try:
                yield
            finally:
                self.counter = counter
                for buffer, before in buffers:
                    buffer.copy_(before)
                self.clear()
                for leaf, grad in grads:
                    leaf.grad = grad

    def clear(self) -> None:
        """Forget the gradients."""
        for leaf in self.leaves.values():
            leaf.grad = None

    def require_same(self, saved: Mapping[str, Tensor]) -> None:
        """Raise ``ValueError`` unless tensors have the names, shapes and dtypes of these."""
        own, other = _described(self.tensors), _described(saved)
        different = sorted(k for k in own.keys() | other.keys() if own.get(k) != other.get(k))
        if different:
            name = different[0]
            raise ValueError(
                complain(
                    "checkpoint",
                    f"parameters of this model and guide, as {name}: {own.get(name, 'absent')}",
                    f"{other.get(name, 'absent')}, and {len(different) - 1} others that differ",
                    "Name another file, or learn from the start with resume=False.",
                )
            )

    def load(self, saved: Mapping[str, Tensor]) -> None:
        """Take over values, in place."""
        with torch.no_grad():
            for name, tensor in self.tensors.items():
                tensor.copy_(saved[name])

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        for name, part in (("model", self.model), ("guide", self.guide)):
            if isinstance(part, nn.Module):
                yield name, part

    def _buffers(self) -> dict[str, Tensor]:
        return {
            f"{part}.{name}": value
            for part, module in self._modules()
            for name, value in module.named_buffers()
        }

    def _own(self) -> dict[str, Tensor]:
        found: dict[int, tuple[str, Tensor]] = {}
        for part, module in self._modules():
            for name, leaf in module.named_parameters():
                found.setdefault(id(leaf), (f"{part}.{name}", leaf))
        return dict(found.values())

    def _stored(self, sites: Iterable[Any]) -> dict[str, Tensor]:
        """Parameters that were met, but are not of model and guide themselves."""
        own = {id(leaf) for leaf in self._own().values()}
        met = {site["name"]: _leaf(site["value"]) for site in sites}
        store = dict(pyro.get_param_store().named_parameters())
        found = {name: store.get(name, leaf) for name, leaf in met.items() if id(leaf) not in own}
        inside = [k for k, v in found.items() if k not in store and not isinstance(v, nn.Parameter)]
        if inside:
            raise ValueError(
                complain(
                    "model, guide",
                    "modules whose parameters are attributes",
                    f"pyro.param statements {inside} inside of a module",
                    "Make each a pyro.nn.PyroParam of the module.",
                )
            )
        return {f"store.{name}": leaf for name, leaf in found.items()}


def _leaf(value: Tensor) -> Tensor:
    return value.unconstrained() if hasattr(value, "unconstrained") else value


def _described(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    return {k: f"{str(t.dtype).split('.')[-1]}{[*t.shape]}" for k, t in tensors.items()}
