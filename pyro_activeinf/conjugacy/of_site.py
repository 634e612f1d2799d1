"""The family of the belief about a site, which is that of its prior where there is one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions import Independent
from torch import Tensor
from torch.distributions import biject_to, constraints

from .._checks import complain
from .counts import Bernoulli, Beta, Categorical, Dirichlet
from .factor import Variable
from .family import Family
from .gaussian import Gaussian, MultivariateGaussian
from .listed import Listed
from .lists import is_discrete, listed_of
from .precision import Gamma, Wishart
from .reading import Site
from .transformed import Transformed


@dataclass(frozen=True)
class Latent:
    """A latent site as a variable: batch dims and reinterpreted ones are its batch."""

    site: Site
    variable: Variable
    joint: bool  # one vector for all numbers of the site

    @property
    def name(self) -> str:
        """Of the site."""
        return self.site.name

    def value(self, x: Tensor) -> Tensor:
        """A value of the site, from values ``(*batch, *event)`` of the variable."""
        return x.reshape(self.site.value.shape).to(self.site.value.dtype)

    def seen(self, mean: Tensor) -> Tensor:
        """Mean coordinates, as they are."""
        return mean

    def assign(self, nodes: Tensor) -> dict[str, Tensor]:
        """Nodes ``(rows, *event)``, each for all of the batch, as values of the site."""
        batch, event = self.variable.batch_shape, self.variable.family.event_shape
        own = nodes.dim() > 1 + len(event)  # nodes of its own for each of the batch
        shaped = nodes if own else nodes.reshape(len(nodes), *[1] * len(batch), *event)
        rows = shaped.expand(-1, *batch, *event).reshape(-1, *self.site.value.shape)
        return {self.name: rows.to(self.site.value.dtype)}

    def aligned(self, site: Site, elements: int) -> dict[int, int]:
        """Batch dim of the variable -> dim of the elements of a site that has the same plate.

        Args:
            elements: number of dims that elements of the site have.
        """
        if self.joint:
            return {}
        own = len(self.variable.batch_shape)
        if site.name == self.name:
            return {dim: dim for dim in range(min(own, elements))}
        mine, theirs = self.site.batch_dims, site.batch_dims
        shared = self.site.plates.keys() & site.plates.keys()
        return {mine + self.site.plates[n]: theirs + site.plates[n] for n in shared}


def latent_of(site: Site, joint: bool, listed: Listed | None = None) -> Latent:
    """The variable of a latent site.

    Args:
        joint: one Gaussian vector for all numbers of the site, whatever its batch.
        listed: the family of the belief, where it is known.

    Raises:
        ValueError: for a discrete site whose values cannot be listed.
    """
    fn = _plain(site.fn)
    vector = site.fn.event_dim > 0 and _plain_event(fn) == 0
    if joint or (_is_gaussian(fn) and vector):
        return _vector(site, joint)
    family = _family(site, fn) if listed is None else listed
    batch = site.value.shape[: site.value.dim() - len(family.event_shape)]
    return Latent(site, Variable(site.name, family, tuple(batch), site.scale), False)


def can_be_joint(site: Site) -> bool:
    """Whether the numbers of a site can be one Gaussian vector."""
    return _is_gaussian(_plain(site.fn)) and site.scale == 1


def is_normal(site: Site) -> bool:
    """Whether a latent site is drawn from a Gaussian of whatever dims."""
    fn = _plain(site.fn)
    return not site.observed and (_is_gaussian(fn) or isinstance(fn, dist.MultivariateNormal))


def _plain(fn: Any) -> Any:
    while isinstance(fn, Independent):
        fn = fn.base_dist
    return fn


def _vector(site: Site, joint: bool) -> Latent:
    shape = site.value.shape
    batch = () if joint else tuple(shape[: site.batch_dims])
    dim = math.prod(shape[len(batch) :])
    family: Family = MultivariateGaussian(dim)
    variable = Variable(site.name, family, batch, site.scale)
    return Latent(site, variable, joint)


def _is_gaussian(fn: Any) -> bool:
    return isinstance(fn, dist.Normal)


def _plain_event(fn: Any) -> int:
    return len(fn.event_shape)


MIXTURE = torch.distributions.MixtureSameFamily
_BY_KIND: list[tuple[type, Callable[[Any], Family]]] = [
    (dist.Normal, lambda fn: Gaussian()),
    (dist.MultivariateNormal, lambda fn: MultivariateGaussian(fn.event_shape[0])),
    (dist.Gamma, lambda fn: Gamma()),
    (dist.Exponential, lambda fn: Gamma()),
    (dist.Wishart, lambda fn: Wishart(fn.event_shape[0])),
    (dist.Dirichlet, lambda fn: Dirichlet(fn.event_shape[0])),
    (dist.Beta, lambda fn: Beta()),
    (dist.Bernoulli, lambda fn: Bernoulli()),
    (dist.Categorical, lambda fn: Categorical(fn.logits.shape[-1])),
]


def _family(site: Site, fn: Any) -> Family:
    for kind, make in _BY_KIND:
        if isinstance(fn, kind):
            return make(fn)
    if is_discrete(fn):
        return listed_of(site.name, fn, site.value)
    if not site.value.numel():
        expected, got = "a latent site with numbers", type(fn).__name__
        raise ValueError(complain(site.name, expected, got, "Give it with obs=."))
    transform = _transform(site, fn)
    with torch.no_grad():
        event = site.value.shape[site.value.dim() - len(fn.event_shape) :]
        free = transform.inv(site.value).shape[site.value.dim() - len(fn.event_shape) :]
    base = MultivariateGaussian(math.prod(free)) if free else Gaussian()
    bounds = tuple(site.value.shape) if _differ(_support(fn)) and not event else ()
    return Transformed(base, transform, tuple(free), tuple(event), bounds)


def _differ(support: Any) -> bool:
    """Whether bounds are in a batch."""
    ends = (getattr(support, name, 0.0) for name in ("lower_bound", "upper_bound"))
    return any(isinstance(end, Tensor) and end.numel() > 1 for end in ends)


def _transform(site: Site, fn: Any) -> Any:
    try:
        return biject_to(_support(fn))
    except NotImplementedError:
        expected = "a latent site whose support is that of a transformed Gaussian"
        way_out = "Write its value as a function of sites that have one."
        raise ValueError(complain(site.name, expected, type(fn).__name__, way_out)) from None


def _support(fn: Any) -> Any:
    """That of a mixture is that of its components, which all have the same."""
    found = fn.component_distribution.support if isinstance(fn, MIXTURE) else fn.support
    low, high = getattr(found, "lower_bound", None), getattr(found, "upper_bound", None)
    if isinstance(found, constraints.interval) and bool(torch.as_tensor(high).isinf().all()):
        return constraints.greater_than(low)
    return found
