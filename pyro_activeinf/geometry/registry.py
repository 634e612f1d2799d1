"""Which family a class of distributions, or one of them, belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyro.distributions as dist
from torch import Tensor
from torch import distributions as torch_dist

from .._checks import complain
from .circle import VonMises
from .family import ExponentialFamily, Family
from .gamma import Gamma
from .gaussian import MultivariateNormal, Normal
from .generic import Generic, of_class
from .lines import Binomial, Exponential, Poisson, bernoulli
from .product import Product
from .simplex import Beta, Categorical, Dirichlet

KNOWN: dict[str, Callable[[], ExponentialFamily]] = {
    "Bernoulli": bernoulli,
    "Beta": Beta,
    "Categorical": Categorical,
    "Dirichlet": Dirichlet,
    "Exponential": Exponential,
    "Gamma": Gamma,
    "LowRankMultivariateNormal": MultivariateNormal,
    "MultivariateNormal": MultivariateNormal,
    "Normal": Normal,
    "OneHotCategorical": Categorical,
    "Poisson": Poisson,
    "VonMises": VonMises,
}


def family_of(what: Any) -> Family:
    """The family of a class, of a distribution, of a function that makes one, or itself.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(what, Family):
        return what
    if isinstance(what, torch_dist.Distribution):
        return _of_member(what)
    if isinstance(what, type) and issubclass(what, torch_dist.Distribution):
        return _of_class(what)
    if callable(what) and not isinstance(what, type):
        return Generic(what, name=getattr(what, "__name__", "distributions"))
    expected = "a class of distributions, one of them, a Family, or a function that makes one"
    raise TypeError(complain("family", expected, repr(what), "dist.Normal, say."))


def _of_class(kind: type[Any]) -> Family:
    name = _known(kind)
    if name is not None:
        return KNOWN[name]()
    if kind.__name__ == "Binomial":
        way_out = "Give one of them: dist.Binomial(10, 0.5)."
        raise TypeError(complain("family", "a number of trials", "none", way_out))
    return of_class(kind)


def _of_member(member: Any) -> Family:
    if isinstance(member, torch_dist.Independent):
        inner = _of_member(member.base_dist)
        if isinstance(inner, ExponentialFamily) and not member.base_dist.event_shape:
            return Product(inner, member.event_shape)
        return _at(member)
    if type(member) in (dist.Binomial, torch_dist.Binomial):
        return Binomial(_trials(member.total_count))
    return _of_class(type(member))


def _at(member: Any) -> Family:
    expected = "independent numbers of an exponential family"
    way_out = "Give a function from coordinates (*batch, d) to the distribution."
    raise TypeError(complain("family", expected, repr(member), way_out))


def _trials(count: Tensor) -> int:
    if not bool((count == count.flatten()[0]).all()):
        got = count.tolist()
        raise ValueError(complain("family", "one number of trials for all", got))
    return int(count.flatten()[0])


def _known(kind: type[Any]) -> str | None:
    """The name of a class that torch or Pyro define themselves, not of one derived from it."""
    name = kind.__name__
    if name in KNOWN and kind in (getattr(dist, name), getattr(torch_dist, name)):
        return name
    return None
