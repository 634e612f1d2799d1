"""How much of a gradient is signal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pyro.infer import ELBO
from torch import Tensor

from ..free_energy import VariationalFreeEnergy

Program = Callable[..., Any]


def signal_to_noise(
    model: Program, guide: Program, args: Any, kwargs: Any, elbo: ELBO | None, num_gradients: int
) -> float | None:
    r"""Norm of the mean gradient of F over its root-mean-square deviation in one evaluation.

    .. math:: \mathrm{SNR} = \frac{\|E[g]\|}{\sqrt{E\|g - E[g]\|^2}}

    What sampling adds to the norm is subtracted. ``None`` where nothing can be learned.

    Reference: Rainforth et al. (2018), "Tighter variational bounds are not necessarily better",
    eq. 3, over all parameters at once.
    """
    energy = elbo if isinstance(elbo, VariationalFreeEnergy) else VariationalFreeEnergy(elbo)
    step = energy.step
    gradients = [_gradient(energy, model, guide, args, kwargs) for _ in range(num_gradients)]
    energy.step = step
    names = {key: leaf for found in gradients for key, (leaf, _) in found.items()}
    if not names:
        return None
    rows = torch.stack([_row(found, names) for found in gradients])
    noise = rows.var(0).sum()
    signal = (rows.mean(0).square().sum() - noise / num_gradients).clamp_min(0.0)
    return float((signal / noise).sqrt()) if noise > 0 else float("inf")


Found = dict[int, tuple[Tensor, Tensor]]  # by identity: a parameter and its gradient


def _gradient(
    energy: VariationalFreeEnergy, model: Program, guide: Program, args: Any, kwargs: Any
) -> Found:
    with torch.enable_grad():
        loss = energy.differentiable_loss(model, guide, *args, **kwargs)
    leaves = leaves_of(loss)
    found = torch.autograd.grad(loss, leaves, allow_unused=True) if leaves else ()
    return {
        id(leaf): (leaf, torch.zeros_like(leaf) if gradient is None else gradient)
        for leaf, gradient in zip(leaves, found, strict=True)
    }


def _row(found: Found, names: dict[int, Tensor]) -> Tensor:
    zero = (None, None)
    parts = [(found.get(key, zero)[1], leaf) for key, leaf in names.items()]
    return torch.cat(
        [torch.zeros_like(leaf.flatten()) if g is None else g.flatten() for g, leaf in parts]
    )


def leaves_of(loss: Tensor) -> list[Tensor]:
    """All parameters that a loss depends on, in whatever module or store they are.

    Example:
        >>> a, b = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
        >>> [len(leaf) for leaf in leaves_of((a.sum() * 2).exp())]
        [2]
    """
    found: dict[int, Tensor] = {}
    seen, waiting = set(), [loss.grad_fn]
    while waiting:
        node: Any = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.setdefault(id(node.variable), node.variable)
        waiting.extend(parent for parent, _ in node.next_functions)
    return list(found.values())
