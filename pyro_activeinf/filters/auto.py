"""The filter that suits a model, and why."""

from __future__ import annotations

import logging
import math
from typing import Any

import gymnasium as gym
import torch

from ..compile import Programs, control_sizes
from ..models import NeuralDynamics
from ..models.unroll import random_names
from .base import Filter
from .exact import ExactFilter
from .factorized import FactorizedFilter
from .families import Families, families
from .gaussian import GaussianFilter
from .hidden_markov import HiddenMarkovFilter
from .joint import LIMIT_BYTES
from .observed import ObservedFilter
from .particle import ParticleFilter

LOG = logging.getLogger("pyro_activeinf")


def auto(model: Programs, guide: Any = None) -> Filter:
    """Pick the filter that suits the sites of a model, and say why.

    The sentence is the filter's ``reason``, and is logged by the logger ``pyro_activeinf`` at
    level ``INFO``. Programs are run once to see what they sample:

    - discrete sites and actions: :class:`~.exact.ExactFilter` where the tables of the joint states
      fit into memory, else :class:`~.factorized.FactorizedFilter`;
    - discrete states beside other outcomes: :class:`~.hidden_markov.HiddenMarkovFilter`;
    - Gaussian sites: :class:`~.gaussian.GaussianFilter`;
    - a :class:`~pyro_activeinf.models.NeuralDynamics`: :class:`~.observed.ObservedFilter`;
    - anything else, and random parameters of real-valued programs:
      :class:`~.particle.ParticleFilter`.

    Args:
        model: a :class:`~pyro_activeinf.GenerativeModel`, or any object with its programs.
        guide: a proposal for particles; other filters do without it.

    Raises:
        ValueError: where the filter that is picked finds a fault in the programs.

    Example:
        >>> from pyro_activeinf.models import LinearGaussian, TMaze
        >>> auto(TMaze()).reason
        'ExactFilter: every site is discrete, and tables of 8 joint states fit into memory.'
        >>> type(auto(LinearGaussian(torch.eye(2)))).__name__
        'GaussianFilter'
    """
    found, reason = _picked(model, guide)
    found.reason = f"{type(found).__name__}: {reason}"
    LOG.info(found.reason)
    return found


def _picked(model: Programs, guide: Any) -> tuple[Filter, str]:
    if isinstance(model, NeuralDynamics):
        return ObservedFilter(model), "the state is observed, and an ensemble moves it."
    if isinstance(model, type) or not hasattr(model, "transition"):
        return ExactFilter(model), ""  # which says what is missing
    kinds, random = families(model), _random_parameters(model)
    real = isinstance(model.actions, gym.spaces.Box)
    if kinds.all_discrete and not real:
        return _discrete(model, kinds)
    if not (kinds.sizes or kinds.gaussian or kinds.others):
        return ExactFilter(model), ""  # which says why nothing was sampled
    if random:
        why = f"{random[0]} is random, and each particle draws its own."
        return ParticleFilter(model, guide), why
    return _gaussian(model) if kinds.all_gaussian else _several(model, guide, kinds)


def _random_parameters(model: Programs) -> list[str]:
    """Names of the ``PyroSample`` attributes that were not given a value since."""
    found = []
    for name in sorted(random_names(model)):
        path, _, attribute = name.rpartition(".")
        if attribute not in vars(model.get_submodule(path)):  # type: ignore[attr-defined]
            found.append(name)
    return found


def _gaussian(model: Programs) -> tuple[Filter, str]:
    found = GaussianFilter(model)
    how = (
        "programs are linear, so that beliefs are exact."
        if found.linear
        else "programs are linearized at the mean of the belief."
    )
    return found, f"every site is Gaussian; {how}"


def _discrete(model: Programs, kinds: Families) -> tuple[Filter, str]:
    states = kinds.joint_states
    if not _fits(model, kinds):
        reason = f"every site is discrete, and tables of {states:.3g} joint states do not fit."
        return FactorizedFilter(model), reason
    many = f"tables of {states:,} joint states fit into memory."
    return ExactFilter(model), f"every site is discrete, and {many}"


def _several(model: Programs, guide: Any, kinds: Families) -> tuple[Filter, str]:
    if kinds.all_discrete:
        return ParticleFilter(model, guide), "actions are real numbers, and no table lists them."
    if kinds.discrete_states and _fits(model, kinds):
        name = min({*kinds.gaussian, *kinds.others})
        return HiddenMarkovFilter(model), f"the state is discrete, and site '{name}' is seen of it."
    return ParticleFilter(model, guide), _mixed(kinds)


def _fits(model: Programs, kinds: Families) -> bool:
    """Whether tables of the joint states fit into memory, for actions that are counted."""
    if isinstance(model.actions, gym.spaces.Box):
        return False
    numbers = float(kinds.joint_states) ** 2 * math.prod(control_sizes(model.actions))
    return numbers * torch.get_default_dtype().itemsize <= LIMIT_BYTES


def _mixed(kinds: Families) -> str:
    if kinds.others:
        name, family = next(iter(kinds.others.items()))
        return f"site '{name}' is a {family}, which only samples can follow."
    discrete, gaussian = next(iter(kinds.sizes)), min(kinds.gaussian)
    both = f"site '{discrete}' is discrete and site '{gaussian}' is Gaussian"
    return f"{both}, which only samples can follow together."
