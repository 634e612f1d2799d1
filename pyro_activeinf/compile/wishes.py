"""Preferences and habits that are given from outside: what they are, and where they fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor
from torch.distributions import Distribution

from .._checks import complain, known_names
from .enumerate import HANDLERS
from .program import Programs, depends_on_step

Wish = Tensor | Distribution
Shape = int | torch.Size  # number of values of a site, or event shape of a real one


@dataclass(frozen=True)
class Wishes:
    """What is preferred at observation sites, and what is done by habit, in nats.

    At a site of finitely many values log-probabilities ``(values)``, at a real one a distribution.
    """

    preferences: Mapping[str, Wish]  # by observation site
    habit: Mapping[str, Wish]  # by site of ``habit``

    @property
    def log_habit(self) -> dict[str, Tensor]:
        """Log-probabilities of the habit, of its sites of finitely many values."""
        return {name: wish for name, wish in self.habit.items() if isinstance(wish, Tensor)}


NO_WISHES = Wishes({}, {})
FAULTS = RuntimeError, ValueError, IndexError, TypeError  # which the compiler tells of


def require_fit(wishes: Wishes, preferred: Mapping[str, Shape], habit: Mapping[str, Shape]) -> None:
    """Raise ``ValueError`` unless wishes are about what a model prefers and does by habit."""
    known_names("preferences", wishes.preferences, list(preferred))
    known_names("habit", wishes.habit, list(habit))
    for given, shapes in ((wishes.preferences, preferred), (wishes.habit, habit)):
        for name, wish in given.items():
            _require_shape(name, wish, shapes[name])


def _require_shape(name: str, wish: Wish, shape: Shape) -> None:
    real = isinstance(wish, Distribution)
    found = wish.batch_shape + wish.event_shape if isinstance(wish, Distribution) else wish.shape
    if isinstance(shape, int) and (real or found != (shape,)):
        got = "a density of real numbers" if real else f"shape {tuple(found)}"
        raise ValueError(complain(name, f"{shape} log-probabilities", got))
    if not isinstance(shape, int) and not (real and found == shape):
        expected = f"a distribution over real numbers of shape {tuple(shape)}"
        got = f"one of shape {tuple(found)}" if real else f"{found.numel()} log-probabilities"
        raise ValueError(complain(name, expected, got))


def wished_sites(programs: Programs, steps: Iterable[int] = (0,)) -> set[str]:
    """Names of all sites that ``prefer`` (at some time steps) and ``habit`` sample."""
    prefer, habit = (getattr(programs, name, None) for name in ("prefer", "habit"))
    runs = [habit] if habit is not None else []
    if prefer is not None:
        timed = depends_on_step(programs)
        runs += [partial(prefer, step) for step in steps] if timed else [prefer]
    found: set[str] = set()
    for run in runs:
        with HANDLERS, torch.no_grad(), _Names() as names, suppress(*FAULTS):
            run()
        found |= names.found
    return found


class _Names(Messenger):
    """Notes the names of sites, and draws nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def _pyro_sample(self, msg: Any) -> None:
        msg["stop"] = msg["done"] = True
        self.found.add(msg["name"])
        fn = msg["fn"]
        msg["value"] = torch.zeros(fn.batch_shape + fn.event_shape)
