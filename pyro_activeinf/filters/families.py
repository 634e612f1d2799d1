"""Which families of distributions a model's programs sample from, told by running them once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import torch
from pyro import distributions as dist
from pyro.poutine.messenger import Messenger
from torch import Tensor

from ..compile import Programs, control_sizes
from ..compile.enumerate import HANDLERS
from ..compile.linear_sites import GaussianSite


@dataclass(frozen=True)
class Families:
    """The sites of a model by the kind of their distribution; a ``Delta`` is of any kind."""

    sizes: Mapping[str, int]  # number of values of each discrete site
    gaussian: frozenset[str]
    others: Mapping[str, str]  # site: name of its family
    states: frozenset[str]  # those of initial

    @property
    def all_discrete(self) -> bool:
        """Whether every site has finitely many values."""
        return bool(self.sizes) and not self.gaussian and not self.others

    @property
    def discrete_states(self) -> bool:
        """Whether every state site has finitely many values."""
        return bool(self.states) and self.states <= self.sizes.keys()

    @property
    def all_gaussian(self) -> bool:
        """Whether every site is Gaussian."""
        return bool(self.gaussian) and not self.sizes and not self.others

    @property
    def joint_states(self) -> int:
        """Number of joint values of the discrete state sites."""
        return math.prod(size for name, size in self.sizes.items() if name in self.states)


class _Reader(Messenger):
    """Notes the family of each site, and goes on with a draw."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[str, int] = {}
        self.gaussian: set[str] = set()
        self.others: dict[str, str] = {}

    def _pyro_sample(self, msg: Any) -> None:
        msg["stop"] = True
        fn, name = msg["fn"], msg["name"]
        if type(fn).__name__ == "_Subsample" or msg["is_observed"]:
            return
        if isinstance(fn, dist.Delta):
            pass
        elif getattr(fn, "has_enumerate_support", False):
            self.sizes[name] = len(fn.enumerate_support(expand=False))
        elif GaussianSite.of(fn) is not None:
            self.gaussian.add(name)
        else:
            self.others[name] = _name(fn)


def _name(fn: Any) -> str:
    while isinstance(fn, torch.distributions.Independent):
        fn = fn.base_dist
    return type(fn).__name__


def families(model: Programs) -> Families:
    """Run ``initial``, ``transition`` and ``observe`` once, leaving random numbers as they were.

    Where one cannot be run, the sites up to there are told.
    """
    reader, states = _Reader(), frozenset[str]()
    with torch.random.fork_rng(devices=[]), torch.no_grad(), HANDLERS, reader:
        try:
            state = model.initial()
            states = frozenset({*reader.sizes, *reader.gaussian, *reader.others})
            model.transition(state, first_action(model.actions))
            model.observe(state)
        except (RuntimeError, ValueError, IndexError, TypeError):
            pass  # the filter that is picked says what is wrong with it
    return Families(reader.sizes, frozenset(reader.gaussian), reader.others, states)


def first_action(actions: gym.Space[Any] | None) -> Tensor | None:
    """An action of a space."""
    if isinstance(actions, gym.spaces.Box):
        return torch.zeros(actions.shape)
    sizes = control_sizes(actions)
    if not sizes:
        return None
    return torch.zeros((len(sizes),) if len(sizes) > 1 else (), dtype=torch.long)
