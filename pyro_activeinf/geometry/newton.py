"""Inverses of mean maps that have no closed form."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]
STEPS = 200


def inverse_mean(rising: Map, target: Tensor, floor: float) -> Tensor:
    """The x above a floor at which a rising function of each number has a value.

    By Newton's method in log(x - floor), differentiable once with respect to the target.
    """
    with torch.no_grad():
        log_x = torch.zeros_like(target)
        for _ in range(STEPS):
            value, slope = _slope(lambda y: rising(floor + y.exp()), log_x)
            step = ((target - value) / slope).clamp(-1.0, 1.0)
            log_x = log_x + step
            if bool((step.abs() <= 1e-14).all()):
                break
        x = floor + log_x.exp()
        slope = _slope(rising, x)[1]
    return x + (target - target.detach()) / slope


def _slope(function: Map, x: Tensor) -> tuple[Tensor, Tensor]:
    """Values and derivatives of a function of each number."""
    with torch.enable_grad():
        point = x.detach().requires_grad_()
        value = function(point)
        return value.detach(), torch.autograd.grad(value.sum(), point)[0]
