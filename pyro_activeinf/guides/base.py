"""Guides: programs that recognize the states of a model from what was observed."""

from __future__ import annotations

import itertools
import math
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import torch
from pyro.nn import PyroModule
from torch import Tensor, nn

from .._checks import complain, numbers
from ..models import GenerativeModel
from ..models.series import ObservationSite, Series, lay_out, observation_sites
from ..models.unroll import over_time, show_parameters
from .random_parameters import RandomParameters

_NUMBERS = itertools.count()  # a name of its own for each guide, in Pyro's parameter store


class _GuideMeta(ABCMeta, type(PyroModule)):  # type: ignore[misc]
    """Lets a PyroModule have abstract methods."""


class Guide(PyroModule, metaclass=_GuideMeta):  # type: ignore[metaclass]
    """A Pyro guide for ``model(observations, actions)``.

    The model is held, not owned: its parameters are not among the guide's, and it keeps the names
    of its own sites. In Pyro's global parameter store every guide has a name of its own, so that
    two of them never share parameters by accident.

    Random parameters of the model (its ``PyroSample`` attributes) are recognized as well, see
    :class:`~.random_parameters.RandomParameters`.

    Args:
        model: a :class:`~pyro_activeinf.GenerativeModel`; ``None`` for a guide to observations
            that are a number at each step, and actions likewise.
    """

    def __init__(self, model: GenerativeModel | None = None) -> None:
        super().__init__(f"{type(self).__name__}_{next(_NUMBERS)}")
        _require_model(model)
        self.__dict__["_model"] = model  # not a submodule: neither renamed nor trained with it
        self.random_parameters = None if model is None else RandomParameters.of(model)

    @property
    def model(self) -> Any:
        """The model that the guide is for."""
        return self.__dict__["_model"]

    @abstractmethod
    def forward(self, observations: Mapping[str, Any] | None = None, actions: Any = None) -> Any:
        """Sample every latent site of ``model(observations, actions)``."""

    def recognize_parameters(self) -> None:
        """Show Pyro what is learned; sample the model's random parameters, once for an episode."""
        show_parameters(self)
        for name, _ in self.named_children():
            getattr(self, name)
        if self.random_parameters is not None:
            self.random_parameters()

    def series(self, observations: Mapping[str, Any] | None, actions: Any) -> Series:
        """Observations and actions laid out in time, as the model lays them out."""
        model = self.model
        if model is None:
            return _plain_series(observations, actions)
        sites = {} if observations is None else observation_sites(model)
        return lay_out(observations, actions, sites, model.actions)


class RecognitionGuide(Guide):
    r"""A guide written as a program of one step: how to recognize the state.

    .. math::
        q(s_{0:T} | o_{0:T}, u_{0:T-1}) = \prod_{t=0}^{T} q(s_t | s_{t-1}, u_{t-1}, o_t)

    A subclass defines :meth:`recognize`. Called with ``(observations, actions)`` the guide is a
    Pyro guide for the model called with the same: sites ``f"{site}_{t}"``, plates ``batch_0``,
    .. for batch dims. The program must broadcast over dims on the left, as that of the model, for
    batches, vectorized particles and enumeration (``pyro.infer.config_enumerate(guide)``).

    What is missing: a site that was not observed at all is an absent key of ``observation``;
    one that is missing at a step, or in a part of the batch, is NaN there (real) or -1
    (discrete). Without observations (``guide()``) the dict is empty.

    A guide may have a ``summary``, such as :class:`~pyro_activeinf.guides.Past` or
    :class:`~pyro_activeinf.guides.Whole`. It reads the whole series beforehand, and what it makes
    of it up to (or from) each step is handed to :meth:`recognize` as ``observation["summary"]``.

    Args:
        model: a :class:`~pyro_activeinf.GenerativeModel`; ``None`` for a guide to observations
            that are a number at each step, and actions likewise.

    Raises:
        TypeError: where ``model`` is no model.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.models import LinearGaussian
        >>> one = torch.eye(1)
        >>> model = LinearGaussian(one, C=one, Q=one, R=one)
        >>> class Halfway(RecognitionGuide):
        ...     def recognize(self, previous, action, observation):
        ...         prior = 0.0 if previous is None else previous
        ...         loc = (prior + observation["o"].nan_to_num(0.0)) / 2
        ...         return pyro.sample("s", dist.Normal(loc, 0.7).to_event(1))
        >>> states = Halfway(model)({"o": torch.tensor([[1.0], [2.0], [math.nan]])})
        >>> [tuple(state.shape) for state in states]
        [(1,), (1,), (1,)]
    """

    summary: nn.Module | None

    def __init__(self, model: GenerativeModel | None = None) -> None:
        super().__init__(model)
        self.summary = None

    @abstractmethod
    def recognize(self, previous: Any, action: Any, observation: Mapping[str, Tensor]) -> Any:
        """q(s_t | s_{t-1}, u_{t-1}, o_t): samples the state sites and returns the state.

        Args:
            previous: what the call for the step before returned; ``None`` at the first step.
            action: ``(*batch, *event)``, the one that led here; ``None`` at the first step, and
                where the model has no actions.
            observation: site to values ``(*batch, *event)``, NaN or -1 where missing.
        """

    def forward(
        self, observations: Mapping[str, Any] | None = None, actions: Any = None
    ) -> list[Any]:
        """Sample the states of an episode; returns them over time."""
        series = self.series(observations, actions)
        self.recognize_parameters()
        summary = None if self.summary is None else self.summary(series)

        def step(t: int, previous: Any) -> Any:
            seen = {name: values.values for name, values in series.observed(t).items()}
            if summary is not None:
                seen["summary"] = summary[..., t, :]
            return self.recognize(previous, series.action(t - 1) if t else None, seen)

        return over_time(range(series.steps), series.batch, step)


def _require_model(model: object) -> None:
    if model is not None and (isinstance(model, type) or not hasattr(model, "transition")):
        raise TypeError(
            complain(
                "model",
                "a model with initial, transition and observe",
                repr(model),
                "Hand in an instance: Amortized(Tiger(), [32]).",
            )
        )


def _plain_series(observations: Mapping[str, Any] | None, actions: Any) -> Series:
    """Without a model: a number for each site and step."""
    sites = {
        name: ObservationSite(
            torch.Size(), not numbers(name, value).is_floating_point(), frozenset()
        )
        for name, value in (observations or {}).items()
    }
    space = None if actions is None else gym.spaces.Box(-math.inf, math.inf, ())
    return lay_out(observations, actions, sites, space)
