"""What the terms of F are multiplied by while a guide is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from .._checks import complain, nonnegative
from ..records import stem_of

Scale = float | Tensor  # a number or a tensor without dims
Step = int | Tensor  # of the optimization
Schedule = Callable[[Step], Scale]  # step -> scale, such as an annealing schedule
T = TypeVar("T")


class Weight(ABC):
    """A factor for each term of F, by site and step of the optimization."""

    @abstractmethod
    def scale(self, site: str, is_latent: bool, step: Step) -> Scale | None:
        """Factor of the site's term at this step; None leaves it as it is."""

    @property
    @abstractmethod
    def names(self) -> Iterable[str]:
        """Sites that have to be met, as :func:`named` looks them up."""


@dataclass(frozen=True)
class ComplexityWeight(Weight):
    r"""The same factor for the complexity of all latent sites: annealing from prior to posterior.

    .. math:: \beta(step) \cdot complexity - accuracy

    Reference: Bowman et al. (2016), "Generating sentences from a continuous space"; Higgins et al.
    (2017), "beta-VAE".

    Example:
        >>> warm_up = ComplexityWeight(lambda step: min(1.0, step / 100))
        >>> warm_up.scale("z", True, 25), warm_up.scale("x", False, 25)
        (0.25, None)
    """

    schedule: Schedule

    def scale(self, site: str, is_latent: bool, step: Step) -> Scale | None:
        """Factor of a latent site; None for an observed one."""
        return self.schedule(step) if is_latent else None

    @property
    def names(self) -> Iterable[str]:
        """No site has to be met."""
        return ()


@dataclass(frozen=True)
class AccuracyWeight(Weight):
    """The same factor for the accuracy of all observed sites: the precision of the senses.

    Example:
        >>> AccuracyWeight(lambda step: 2.0).scale("x", False, 0)
        2.0
    """

    schedule: Schedule

    def scale(self, site: str, is_latent: bool, step: Step) -> Scale | None:
        """Factor of an observed site; None for a latent one."""
        return None if is_latent else self.schedule(step)

    @property
    def names(self) -> Iterable[str]:
        """No site has to be met."""
        return ()


@dataclass(frozen=True)
class Called(Weight):
    """A user's function of site and step."""

    weight: Callable[[str, Step], Scale]

    def scale(self, site: str, is_latent: bool, step: Step) -> Scale | None:
        """Whatever the function says."""
        return self.weight(site, step)

    @property
    def names(self) -> Iterable[str]:
        """A function may know any site."""
        return ()


@dataclass(frozen=True)
class Listed(Weight):
    """A number or a schedule for some of the sites."""

    weights: Mapping[str, Scale | Schedule]

    def scale(self, site: str, is_latent: bool, step: Step) -> Scale | None:
        """Factor of a site in the list; None for any other."""
        found = named(self.weights, site)
        return found(step) if callable(found) else found

    @property
    def names(self) -> Iterable[str]:
        """The sites of the list."""
        return self.weights


def named(values: Mapping[str, T], site: str) -> T | None:
    """Look up ``f"{site}_{t}"`` under its own name, else under that of all its steps.

    Example:
        >>> [named({"z": 1, "z_0": 2}, site) for site in ("z_0", "z_7", "x")]
        [2, 1, None]
    """
    return values.get(site, values.get(stem_of(site)))


def as_weight(weight: object) -> Weight | None:
    """Make a :class:`Weight` of what a user may give."""
    if weight is None or isinstance(weight, Weight):
        return weight
    if isinstance(weight, Mapping):
        return Listed(dict(weight))
    if callable(weight):
        return Called(weight)
    raise TypeError(
        complain(
            "weight",
            "a function (site, step) -> scale, a mapping from sites to numbers or schedules, "
            "or a Weight",
            repr(weight),
        )
    )


def checked(site: str, scale: object) -> Scale:
    """Return a scale that every form of ELBO takes, else raise."""
    if isinstance(scale, Tensor) and scale.dim() == 0:
        return scale
    if isinstance(scale, int | float) and scale < float("inf"):
        return nonnegative(f"weight of {site}", scale)
    raise ValueError(
        complain(
            f"weight of {site}",
            "a finite number >= 0, or a tensor without dims",
            f"a tensor of shape {tuple(scale.shape)}" if isinstance(scale, Tensor) else repr(scale),
            "A factor for each member of a plate belongs into the model: poutine.scale.",
        )
    )
