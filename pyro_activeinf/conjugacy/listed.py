"""Beliefs about one of a list of values: counts, choices in one-hot form, and the like."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Tensor

from .. import geometry
from .._checks import complain, nonnegative
from .counts import CategoricalMoments
from .family import DTYPE
from .known import Known

UNLIKELY = 60.0  # nats that values which are new in a list are below all others together


@dataclass(frozen=True, eq=False)
class Listed(Known):
    r"""One of a list of values. T(x) is 1 at x; :math:`\lambda` are logits, up to a constant.

    Whatever a log density looks like, it is linear in these statistics, so that messages are
    exact sums over the list. A list of counts that has no end is a window, see :attr:`below` and
    :attr:`above`, and message passing moves its ends until what is beyond matters no more.

    Args:
        values: ``(dim, *event)``, no two of them alike.
        guess: logits of a belief to begin with, ``(dim,)``; all alike where it is left out.
        below, above: how many whole numbers there are beyond either end of a window.

    Raises:
        ValueError: for no values, or values of which two are alike, or another number of logits.
    """

    values: Tensor = field(repr=False)
    guess: Tensor | None = field(default=None, repr=False)
    below: float = 0.0
    above: float = 0.0
    moments_type = CategoricalMoments

    def __post_init__(self) -> None:
        _require_distinct(self.values)
        if self.guess is not None and tuple(getattr(self.guess, "shape", ())) != (self.dim,):
            expected = f"a tensor of the logits of {self.dim} values"
            raise ValueError(complain("guess", expected, repr(self.guess)))
        nonnegative("below", self.below)
        nonnegative("above", self.above)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listed) and torch.equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.values.shape)))

    @cached_property
    def dual(self) -> geometry.Logits:  # type: ignore[override]
        """Logits of values of the list."""
        return geometry.Logits(lambda logits: OfList(self.values.to(logits.device), logits))

    @property
    def dim(self) -> int:
        """Number of values."""
        return len(self.values)

    @property
    def open(self) -> bool:
        """Whether there are more values than those of the list."""
        return self.below > 0 or self.above > 0

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """A vector."""
        return ((self.dim,),)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """That of a value."""
        return tuple(self.values.shape[1:])

    def statistics(self, value: Tensor) -> Tensor:
        """One at the value, zero elsewhere."""
        return _found(self.values, value).to(DTYPE)

    def log_base(self, value: Tensor) -> Tensor:
        """Zero."""
        batch = value.shape[: value.dim() - len(self.event_shape)]
        return torch.zeros(batch, dtype=DTYPE, device=value.device)

    def neutral(self) -> Tensor:
        """The guess."""
        return torch.zeros(self.dim, dtype=DTYPE) if self.guess is None else self.guess

    def carried(self, natural: Tensor, wider: Listed) -> Tensor:
        """Natural coordinates in a longer list: what is new there is very unlikely."""
        places = self.statistics(wider.values).argmax(-1)
        old = self.statistics(wider.values).sum(-1).bool()
        low = natural.logsumexp(-1, keepdim=True) - UNLIKELY
        return torch.where(old, natural[..., places], low)


def _found(values: Tensor, value: Tensor) -> Tensor:
    """Which of a list ``(dim, *event)`` each value ``(*batch, *event)`` is: ``(*batch, dim)``."""
    event = values.dim() - 1
    same = value.unsqueeze(value.dim() - event) == values.to(value.device)
    return same.flatten(same.dim() - event).all(-1) if event else same


def _require_distinct(values: Tensor) -> None:
    expected = "a tensor (dim, *event) of numbers, no two of them alike"
    if not isinstance(values, Tensor):
        raise TypeError(complain("values", expected, repr(values)))
    if not values.dim() or not len(values):
        raise ValueError(complain("values", expected, f"shape {tuple(values.shape)}"))
    if bool(values.isnan().any()) or len(values.unique(dim=0)) < len(values):
        raise ValueError(complain("values", expected, "NaN, or a value twice"))


class OfList(TorchDistribution):
    """A distribution over a list of values.

    Args:
        values: ``(dim, *event)``.
        logits: ``(*batch, dim)``, up to a constant.

    Example:
        >>> fn = OfList(torch.tensor([0.0, 2.0, 4.0]), torch.tensor([0.25, 0.5, 0.25]).log())
        >>> fn.mean.item(), fn.variance.item()
        (2.0, 2.0)
    """

    arg_constraints = {}  # noqa: RUF012  as all of torch's
    has_enumerate_support = True

    def __init__(self, values: Tensor, logits: Tensor, validate_args: bool | None = None) -> None:
        self.values = values
        self.logits = logits - logits.logsumexp(-1, keepdim=True)
        super().__init__(logits.shape[:-1], values.shape[1:], validate_args=False)

    @property
    def support(self) -> Any:
        """Whole numbers, of which only those of the list have a probability."""
        kind = constraints.integer
        return constraints.independent(kind, len(self.event_shape)) if self.event_shape else kind

    @cached_property
    def probs(self) -> Tensor:
        """Of each value, ``(*batch, dim)``."""
        return self.logits.exp()

    @property
    def mean(self) -> Tensor:
        """``(*batch, *event)``."""
        return self._average(self.values)

    @property
    def variance(self) -> Tensor:
        """``(*batch, *event)``."""
        return self._average(self.values.square()) - self.mean.square()

    def _average(self, each: Tensor) -> Tensor:
        flat = self.probs @ each.reshape(len(each), -1).to(self.probs)
        return flat.reshape(self.batch_shape + self.event_shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw values."""
        shape = torch.Size(sample_shape)
        drawn = torch.multinomial(self.probs.reshape(-1, self.probs.shape[-1]), shape.numel(), True)
        return self.values[drawn.mT.reshape(shape + self.batch_shape)]

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probability; minus infinity of what is not in the list."""
        at = _found(self.values, value)
        batch = torch.broadcast_shapes(at.shape[:-1], self.batch_shape)
        logits = self.logits.expand(*batch, -1)
        return torch.where(at, logits, -torch.inf).logsumexp(-1)

    def expand(self, batch_shape: Any, _instance: Any = None) -> OfList:
        """The same for a larger batch."""
        shape = torch.Size(batch_shape)
        return OfList(self.values, self.logits.expand((*shape, self.logits.shape[-1])))

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """The values, ``(dim, *batch, *event)``."""
        batch = self.batch_shape
        found = self.values.reshape(len(self.values), *[1] * len(batch), *self.event_shape)
        return found.expand(len(found), *batch, *self.event_shape) if expand else found
