"""Loss and gradients of a step: run as written, or compiled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from .batches import Arguments
from .program import Program


def clipped(grads: list[Tensor], clip_norm: float | None) -> tuple[Tensor, list[Tensor]]:
    r"""The norm of all gradients together, and gradients whose norm is at most ``clip_norm``.

    .. math:: g \leftarrow g \min\left(1, \frac{c}{\|g\| + 10^{-6}}\right)

    Example:
        >>> norm, grads = clipped([torch.tensor([3.0]), torch.tensor([4.0])], 1.0)
        >>> norm.item(), [round(grad.item(), 4) for grad in grads]
        (5.0, [0.6, 0.8])
    """
    if not grads:
        return torch.zeros(()), grads
    norm = torch.stack(torch._foreach_norm(grads)).norm()
    if clip_norm is None:
        return norm, grads
    factor = (clip_norm / (norm + 1e-6)).clamp(max=1.0)
    return norm, list(torch._foreach_mul(grads, factor))


class Gradients(ABC):
    """Computes the loss of a step, and leaves the gradients where optimizers look for them."""

    @abstractmethod
    def __call__(self, args: Arguments) -> tuple[Tensor | float, Tensor]:
        """The loss, and the norm of its gradient before it is clipped."""


class Eager(Gradients):
    """Runs the programs as they are.

    Args:
        program: whose parameters are known.
        clip_norm: at most the norm of the gradients.
    """

    def __init__(self, program: Program, clip_norm: float | None = None) -> None:
        self.program, self.clip_norm = program, clip_norm
        self.leaves = list(program.trained.values())

    def __call__(self, args: Arguments) -> tuple[Tensor | float, Tensor]:
        """The loss, and the norm of its gradient before it is clipped."""
        return self.program(args), self.clip()

    def clip(self) -> Tensor:
        """Clip the gradients that there are; returns their norm before."""
        found = [leaf for leaf in self.leaves if leaf.grad is not None]
        norm, grads = clipped([leaf.grad for leaf in found], self.clip_norm)  # type: ignore[misc]
        if self.clip_norm is not None:
            hand_over(found, grads)
        return norm


def hand_over(leaves: list[Tensor], grads: Any) -> None:
    """Leave gradients where optimizers look for them, laid out as parameters are.

    Fused optimizers read both in the order of memory, and do not look whether that is one.
    """
    for leaf, grad in zip(leaves, grads, strict=True):
        same = grad.stride() == leaf.stride()
        leaf.grad = grad if same else torch.empty_like(leaf).copy_(grad)
