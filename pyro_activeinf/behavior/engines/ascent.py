"""Uphill to the mode, as a generator that asks for densities (see tree.py)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .metric import Array
from .tree import Asking

ARMIJO = 1e-4
HALVINGS = 30


class Summit(NamedTuple):
    """Where the way up ended."""

    z: Array  # (dim,)
    log_prob: float
    gradient: Array  # (dim,)


def bfgs(z: Array, steps: int, tolerance: float) -> Asking[Summit]:
    """Climb by the method of Broyden, Fletcher, Goldfarb and Shanno, with steps that are halved.

    It ends where no coordinate of the gradient is above the tolerance, or no step leads higher.

    Reference: Nocedal and Wright (2006), "Numerical optimization", section 6.1.
    """
    log_prob, gradient = yield z
    here = Summit(z, log_prob, gradient)
    inverse = np.eye(len(z)) / max(1.0, float(np.linalg.norm(gradient)))
    for _ in range(steps):
        if np.abs(here.gradient).max() <= tolerance:
            break
        if not here.gradient @ inverse @ here.gradient > 0:
            inverse = np.eye(len(z)) / max(1.0, float(np.linalg.norm(here.gradient)))
        new = yield from _higher(here, inverse @ here.gradient)
        if new is None:
            break
        inverse = updated(inverse, new.z - here.z, here.gradient - new.gradient)
        here = new
    return here


def _higher(here: Summit, way: Array) -> Asking[Summit | None]:
    """A point on the way that is high enough, or ``None``."""
    rise = float(way @ here.gradient)
    for halving in range(HALVINGS):
        step = 0.5**halving
        z = here.z + step * way
        log_prob, gradient = yield z
        enough = log_prob > here.log_prob and log_prob >= here.log_prob + ARMIJO * step * rise
        if math.isfinite(log_prob) and enough:
            return Summit(z, log_prob, gradient)
    return None


def updated(inverse: Array, moved: Array, fell: Array) -> Array:
    """The inverse curvature after a step, and the fall of the gradient along it."""
    product = float(moved @ fell)
    if not product > 1e-10 * float(np.linalg.norm(moved) * np.linalg.norm(fell)):
        return inverse
    across = np.eye(len(moved)) - np.outer(moved, fell) / product
    grown: Array = across @ inverse @ across.T + np.outer(moved, moved) / product
    return grown
