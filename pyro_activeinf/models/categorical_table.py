"""A conditional table of probabilities that is learned by counting."""

from __future__ import annotations

import math
from typing import Any, Self

import pyro.distributions as dist
import torch
from pyro.nn import PyroModule, PyroParam
from pyro.ops.indexing import Vindex
from torch import Tensor, nn
from torch.distributions import Distribution

from .._checks import complain, in_range, numbers, whole_numbers
from ..compile.counted import CountedCategorical


class CategoricalTable(PyroModule):
    r"""p(x | parents), with Dirichlet counts for each combination of the parents' values.

    .. math::
        \theta_{r} \sim \mathrm{Dir}(a_{r}), \qquad p(x = i \mid r) = E[\theta_{ri}]
        = \frac{a_{ri}}{\sum_j a_{rj}}

    A part of any program: the likelihood, the transition, the start, the habit or the
    preferences. Filters see the expected probabilities, planners count what outcomes would tell
    about them (novelty), and :func:`~pyro_activeinf.learning.learn_dirichlet` adds what was seen
    to the counts. An outcome with a count of zero is impossible, and stays so.

    The table may be inferred by SVI or NUTS instead, as any weight of a ``PyroModule``: after
    ``table.probs = PyroSample(table.dirichlet())`` its probabilities are a random variable.

    Args:
        counts: concentrations a, ``(*parents, size)``; at least one above zero in each row. The
            literature's pA, pB, pD have the outcome first: see :meth:`from_array`.

    Attributes:
        counts: a buffer, or the parameter that was given.
        prior: the counts that it started with.

    Raises:
        ValueError: for counts below zero, rows without any, infinite ones, or what is no numbers.

    Reference: Friston et al. (2016), "Active inference and learning", Neuroscience & Biobehavioral
    Reviews 68; Da Costa et al. (2020), "Active inference on discrete state-spaces: a synthesis".

    Example:
        >>> table = CategoricalTable(torch.tensor([[1.0, 1.0], [1.0, 3.0]]))
        >>> table(torch.tensor([0, 1, 1])).probs.tolist()
        [[0.5, 0.5], [0.25, 0.75], [0.25, 0.75]]
    """

    counts: Tensor  # (*parents, size)
    prior: Tensor  # (*parents, size)

    def __init__(self, counts: Any) -> None:
        super().__init__()
        if isinstance(counts, nn.Parameter | PyroParam):
            setattr(self, "counts", counts)  # noqa: B010  a PyroModule makes a tensor of it
            prior = self.counts.detach()
        else:
            prior = _floating(counts)  # gradients flow to both
            self.register_buffer("counts", prior.clone())
        _check(self.counts)
        self.register_buffer("prior", prior.clone())

    @classmethod
    def from_array(cls, counts: Any) -> Self:
        """The table of counts that have the outcome first, ``(size, *parents)``: pA, pB, pD, pE.

        Example:
            >>> CategoricalTable.from_array(torch.ones(3, 2)).counts.shape
            torch.Size([2, 3])
        """
        return cls(_floating(counts).movedim(0, -1))

    @property
    def expected(self) -> Tensor:
        """Expected probabilities, ``(*parents, size)``."""
        return self.counts / self.counts.sum(-1, keepdim=True)

    @property
    def array(self) -> Tensor:
        """Expected probabilities as in the literature, ``(size, *parents)``."""
        return self.expected.movedim(-1, 0)

    def dirichlet(self) -> Distribution:
        """The distribution of the whole table, with event shape ``(*parents, size)``.

        Raises:
            ValueError: where a count is zero: leave such outcomes out of the table.
        """
        if bool((self.counts <= 0).any()):
            raise ValueError(complain("counts", "all above 0 for a density", "some of 0"))
        return dist.Dirichlet(self.counts).to_event(self.counts.dim() - 1)

    def forward(self, *parents: Any) -> dist.Categorical:
        """p(x | parents), ``(*batch)``: one index for each parent; indexes broadcast.

        Raises:
            ValueError: for another number of parents, or values that a parent does not have.
        """
        shape = self.counts.shape[:-1]
        if len(parents) != len(shape):
            raise ValueError(
                complain(
                    "parents",
                    f"{len(shape)} of them, of sizes {tuple(shape)}",
                    f"{len(parents)} of them",
                )
            )
        device = self.counts.device
        index = tuple(
            _position(f"parents[{k}]", parent, size).to(device)
            for k, (parent, size) in enumerate(zip(parents, shape, strict=True))
        )
        probs = getattr(self, "probs", None)  # a random table, or one that was set
        if probs is not None:
            return dist.Categorical(probs=Vindex(probs)[(..., *index, slice(None))])
        rows = torch.arange(math.prod(shape), device=device).reshape(shape)[index]
        return CountedCategorical(self.expected[index], self, rows)


def _position(argument: str, parent: Any, size: int) -> Tensor:
    """A parent's values as positions; where a program is mapped or traced they cannot be seen."""
    if isinstance(parent, Tensor) and (
        torch._C._functorch.is_functorch_wrapped_tensor(parent)
        or torch._C._len_torch_dispatch_stack()
    ):
        return parent.long()
    return in_range(argument, whole_numbers(argument, parent), size)


def _floating(counts: Any) -> Tensor:
    tensor = numbers("counts", counts)
    if tensor.is_complex():
        raise ValueError(complain("counts", "real numbers", tensor.dtype))
    return tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())


def _check(counts: Tensor) -> None:
    value = counts.detach()
    if value.dim() == 0 or value.shape[-1] == 0:
        raise ValueError(complain("counts", "a tensor (*parents, size)", tuple(value.shape)))
    if not bool(((value >= 0) & (value < math.inf)).all()) or bool((value.sum(-1) <= 0).any()):
        raise ValueError(
            complain(
                "counts",
                "finite numbers >= 0, with at least one above 0 in each row (last dim)",
                f"numbers from {float(value.min()):.4g} to {float(value.max()):.4g} and rows that "
                f"sum to {float(value.sum(-1).min()):.4g} and more",
                "Counts with the outcome first: CategoricalTable.from_array(counts).",
            )
        )
