"""Noise of a batch that several processes share: each takes the part of its own rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from pyro.poutine.subsample_messenger import _Subsample
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .._checks import complain

IN_PLACE = {Tensor.normal_, Tensor.uniform_, Tensor.exponential_}
FACTORIES = {torch.rand, torch.randn}
OTHERS = {
    torch._standard_gamma,
    torch._sample_dirichlet,
    torch.bernoulli,
    torch.binomial,
    torch.multinomial,
    torch.normal,
    torch.poisson,
    Tensor.bernoulli_,
    Tensor.cauchy_,
    Tensor.geometric_,
    Tensor.log_normal_,
    Tensor.multinomial,
}


class SharedNoise(Messenger):
    """Draws for the rows of a process are those that one process would make for the whole batch.

    Every process draws the noise of all rows from the same generator state, and keeps its own rows:
    number ``rank``, ``rank + count``, .. of the batch, as ``DistributedSampler`` deals them out.
    Generators so stay in step, and sites outside of the rows are drawn alike everywhere. Only noise
    is drawn ``count`` times: networks see the rows of their process alone.

    Args:
        plates: names of those over rows.
        rank, count: which of how many processes this is.

    Raises:
        ValueError: a site within the rows is drawn otherwise than by transforming normal, uniform
            or exponential numbers (as Gamma or Categorical), or in a loop over the rows.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> def draw(rows):
        ...     with pyro.plate("rows", rows):
        ...         return pyro.sample("x", dist.Normal(0.0, 1.0))
        >>> pyro.set_rng_seed(0)
        >>> whole = draw(6)
        >>> pyro.set_rng_seed(0)
        >>> with SharedNoise(["rows"], rank=1, count=2):
        ...     bool((draw(3) == whole[1::2]).all())
        True
    """

    def __init__(self, plates: Iterable[str], rank: int, count: int) -> None:
        super().__init__()
        self.plates, self.rank, self.count = frozenset(plates), rank, count

    def _pyro_sample(self, msg: Any) -> None:
        if msg["value"] is not None or msg["done"] or msg["is_observed"]:
            return
        if isinstance(msg["fn"], _Subsample):
            self._subsample(msg)
            return
        within = [frame for frame in msg["cond_indep_stack"] if frame.name in self.plates]
        if within:
            msg["value"] = self._draw(msg, within[0])

    def _subsample(self, msg: Any) -> None:
        """Rows that the whole batch has, of which every process takes its part."""
        own = msg["fn"]
        if msg["name"] not in self.plates or own.subsample_size in (None, own.size):
            return
        if own.subsample_size * self.count > own.size:
            expected = f"a subsample_size of at most {own.size // self.count} in each process"
            raise ValueError(complain(msg["name"], expected, own.subsample_size))
        whole = _Subsample(own.size, own.subsample_size * self.count, device=own.device)
        msg["value"] = whole.sample()[self.rank :: self.count]

    def _draw(self, msg: Any, frame: Any) -> Tensor:
        if frame.dim is None:
            expected = "rows side by side: `with pyro.plate(..):`"
            raise ValueError(complain(msg["name"], expected, f"a loop over {frame.name}"))
        axis = len(msg["fn"].batch_shape) + frame.dim
        before = torch.get_rng_state()
        with _Parts(msg["name"], axis, self.rank, self.count) as parts:
            value: Tensor = msg["fn"](*msg["args"], **msg["kwargs"])
        if not parts.taken and not torch.equal(torch.get_rng_state(), before):
            raise parts.refusal(msg["fn"])
        return value


class _Parts(TorchFunctionMode):
    """Within, random numbers are the own rows of those for the whole batch."""

    def __init__(self, site: str, axis: int, rank: int, count: int) -> None:
        super().__init__()
        self.site, self.axis, self.rank, self.count = site, axis, rank, count
        self.taken = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Widen draws, and take a part of them."""
        kwargs = kwargs or {}
        if func in IN_PLACE:
            own = args[0]
            return own.copy_(self._part(func(self._wide(own), *args[1:], **kwargs)))
        if func in FACTORIES:
            own = torch.empty(*args, **kwargs)
            return self._part(func(self._wide(own).shape, **kwargs))
        if func in OTHERS:
            raise self.refusal(func.__name__)
        return func(*args, **kwargs)

    def _wide(self, own: Tensor) -> Tensor:
        shape = list(own.shape)
        shape[self.axis] *= self.count
        return own.new_empty(shape)

    def _part(self, whole: Tensor) -> Tensor:
        self.taken += 1
        mine = torch.arange(self.rank, whole.shape[self.axis], self.count, device=whole.device)
        return whole.index_select(self.axis, mine)

    def refusal(self, got: object) -> ValueError:
        """What to raise for draws that cannot be shared."""
        return ValueError(
            complain(
                f"site {self.site!r}",
                "draws that are made of normal, uniform or exponential numbers, so that processes "
                "can share the noise of a batch",
                got,
                "Choose a reparameterized guide without rejection, or sum the site out.",
            )
        )
