"""Geodesics from a velocity, and transport along curves: ordinary differential equations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .._checks import complain
from . import chebyshev
from .equation import Equation

RELATIVE, ABSOLUTE = 1e-10, 1e-12
MOST_STEPS = 3000
DEGREES = (16, 32, 64, 128)
RESOLVED = 1e-10


def shoot(equation: Equation, z: Tensor, v: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Places and velocities of geodesics at ascending times from 0: ``(times, *batch, d)``.

    Raises:
        ValueError: where a geodesic does not go on for so long.
    """

    def flow(_: Tensor, state: Tensor) -> Tensor:
        place, velocity = state.chunk(2, -1)
        return torch.cat([velocity, equation.acceleration(place, velocity)], -1)

    path = integrate(flow, torch.cat([z, v], -1), t)
    return path[..., : z.shape[-1]], path[..., z.shape[-1] :]


def spectral(equation: Equation, z: Tensor, v: Tensor) -> Tensor:
    """Places of a geodesic at Chebyshev's nodes, as many as it needs: ``(nodes, *batch, d)``."""
    for degree in DEGREES:
        path = shoot(equation, z, v, chebyshev.nodes(degree).to(z))[0]
        rough = chebyshev.unresolved(path.detach().double().movedim(0, -2))
        if bool((rough < RESOLVED).all()):
            break
    return path


def integrate(flow: Callable[[Tensor, Tensor], Tensor], state: Tensor, t: Tensor) -> Tensor:
    """Solve an initial value problem, with step control for each member of the batch.

    Raises:
        ImportError: without torchdiffeq.
        ValueError: where the solution ends before the last time.
    """
    odeint = _odeint()
    coarse = torch.finfo(state.dtype).eps > 1e-10
    relative, absolute = (1e-5, 1e-6) if coarse else (RELATIVE, ABSOLUTE)
    options = {"norm": _largest, "max_num_steps": MOST_STEPS, "dtype": torch.float64}
    options["step_t"] = t  # in between it would be interpolated, to a lower order
    try:
        path = odeint(
            flow, state, t, rtol=relative, atol=absolute, method="dopri8", options=options
        )
    except (AssertionError, RuntimeError) as error:
        raise _ended() from error
    if not bool(path.isfinite().all()):
        raise _ended()
    return path


def _ended() -> ValueError:
    return ValueError(
        complain(
            "velocity",
            "one whose geodesic stays inside the domain for all of the time",
            "one whose geodesic leaves it",
            "Shorten it.",
        )
    )


def _largest(state: Tensor) -> Tensor:
    return state.abs().max() if state.numel() else state.new_zeros(())


def _odeint() -> Any:
    try:
        from torchdiffeq import odeint
    except ImportError as error:
        way_out = "Install it: pip install pyro-activeinf[geometry]."
        message = complain("torchdiffeq", "an installed package", "none", way_out)
        raise ImportError(message) from error
    return odeint
