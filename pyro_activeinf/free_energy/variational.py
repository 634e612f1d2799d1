"""Variational free energy of any model and guide, over Pyro's own ELBOs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from pyro.infer import ELBO, Trace_ELBO
from torch import Tensor

from .._checks import complain, positive_int
from ..records import FreeEnergyTerms
from ._decomposition import decomposed
from ._differentiable import differentiable
from ._free_bits import Bits, Floors, checked_bits
from ._reading import Reading, Site
from ._weights import Scale, Schedule, Step, Weight, as_weight, checked

Program = Callable[..., Any]
Weighting = Weight | Callable[[str, Step], Scale] | Mapping[str, Scale | Schedule]


class VariationalFreeEnergy(ELBO):
    r"""Variational free energy: an ELBO for any Pyro model and guide, in nats.

    .. math:: F = E_q[\log q(s) - \log p(o, s)] = \underbrace{KL[q(s) \| p(s)]}_{complexity}
                - \underbrace{E_q[\log p(o|s)]}_{accuracy} \ge -\log p(o)

    How F is estimated is said by one of Pyro's ELBOs: ``Trace_ELBO`` (samples),
    ``TraceMeanField_ELBO`` (analytic KL), ``TraceGraph_ELBO`` (score function, baselines),
    ``TraceEnum_ELBO`` (sums over discrete sites), ``RenyiELBO``. It does the work; with no option
    given, loss and gradients are its own to the last bit.

    ``weight`` multiplies terms of F while a guide is trained. The weight of a latent site
    multiplies its complexity log q - log p, in guide and model; that of an observed site its
    accuracy log p; sites are counted as drawn (``loss`` and gradients have it, :meth:`decompose`
    does not). It is a function ``(site, step) -> scale``, a mapping from sites to numbers or
    schedules ``step -> scale`` (the name ``"z"`` stands for ``"z_0"``, ``"z_1"``, .. as well), or a
    :class:`ComplexityWeight` or :class:`AccuracyWeight`. A scale is a number >= 0 or a tensor
    without dims. Under ``RenyiELBO`` it multiplies the logarithms within each particle's weight.

    ``free_bits`` is the complexity, in nats, that a latent site is not pushed below: with a
    floor :math:`\lambda_s` (one for all sites, or a mapping), the loss has

    .. math:: \sum_s \max(\lambda_s, C_s), \qquad C_s = \text{mean over particles and members of
              plates of } \log q - \log p

    in place of the complexities, times the number of members. C is estimated as the ELBO does it:
    exactly with analytic KL or enumeration; from samples, where the maximum is biased upward, less
    so with more particles and members. Under ``Trace_ELBO`` and ``TraceGraph_ELBO`` the
    guide has to be reparameterized; ``RenyiELBO`` has no complexity to hold up.

    Args:
        elbo: One of Pyro's ELBOs, which is copied; ``Trace_ELBO`` where None.
        num_particles: Samples for an estimate; None leaves it to ``elbo``, as the next two.
        vectorize_particles: Whether samples are drawn in one run, in a plate of their own.
        max_plate_nesting: Number of nested plates in model and guide.
        weight: What multiplies the terms of F.
        free_bits: Nats, for all latent sites or by site.

    Attributes:
        step: Gradient evaluations so far (an int, or a tensor without dims), which schedules see.
            It may be read, set and stored.

    Raises:
        TypeError: ``elbo`` is no instance of an ELBO; ``weight`` is none of the above;
            ``vectorize_particles`` is no bool.
        ValueError: A weight or floor is negative; a site that is named is not met; guide and model
            do not draw the same sites; free bits cannot be had from this ELBO and guide.

    Reference: Friston, Kilner and Harrison (2006), "A free energy principle for the brain"; Bowman
    et al. (2016) for annealing; Kingma et al. (2016), "Improved variational inference with inverse
    autoregressive flow", eq. 15, for free bits.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> def model():
        ...     tiger = pyro.sample("tiger", dist.Normal(0.0, 1.0))
        ...     pyro.sample("growl", dist.Normal(tiger, 1.0), obs=torch.tensor(2.0))
        >>> def guide():  # the posterior itself
        ...     pyro.sample("tiger", dist.Normal(1.0, 0.5**0.5))
        >>> evidence = dist.Normal(0.0, 2.0**0.5).log_prob(torch.tensor(2.0))
        >>> round(VariationalFreeEnergy().loss(model, guide) + evidence.item(), 9)
        0.0
        >>> from pyro.infer import TraceMeanField_ELBO
        >>> terms = VariationalFreeEnergy(TraceMeanField_ELBO()).decompose(model, guide)
        >>> round(terms.complexity_per_site["tiger"].item(), 4)
        0.5966
    """

    def __init__(
        self,
        elbo: ELBO | None = None,
        *,
        num_particles: int | None = None,
        vectorize_particles: bool | None = None,
        max_plate_nesting: float | None = None,
        weight: Callable[[str, Step], Scale]
        | Mapping[str, Scale | Schedule]
        | Weight
        | None = None,
        free_bits: Bits | None = None,
    ) -> None:
        self.elbo: Any = _adapted(elbo, num_particles, vectorize_particles, max_plate_nesting)
        super().__init__(  # type: ignore[no-untyped-call]
            num_particles=self.elbo.num_particles, vectorize_particles=self.elbo.vectorize_particles
        )
        self.weight = as_weight(weight)
        self.free_bits = None if free_bits is None else checked_bits(free_bits, self.elbo)
        self.step: Step = 0
        self._plain = weight is None and free_bits is None
        self._met: tuple[int, int] | None = None  # programs whose sites have been compared

    def loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> float:
        """F as a number, in nats."""
        if self.free_bits is not None:
            return self._raised(model, guide, args, kwargs).item()
        return self._evaluate(self.elbo.loss, model, guide, args, kwargs)

    def loss_and_grads(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> float:
        """F as a number, in nats; gradients are added to those of the parameters."""
        if self.free_bits is None:
            value = self._evaluate(self.elbo.loss_and_grads, model, guide, args, kwargs)
        else:
            loss = self._raised(model, guide, args, kwargs)
            loss.backward(retain_graph=self.elbo.retain_graph)
            value = loss.item()
        self.step = self.step + 1
        return value

    def differentiable_loss(
        self, model: Program, guide: Program, *args: Any, **kwargs: Any
    ) -> Tensor:
        """F as a tensor without dims, whose gradient is that of :meth:`loss_and_grads`."""
        if self.free_bits is None:
            loss = self._evaluate(differentiable(self.elbo), model, guide, args, kwargs)
        else:
            loss = self._raised(model, guide, args, kwargs)
        if torch.is_grad_enabled():
            self.step = self.step + 1
        return loss

    def decompose(
        self, model: Program, guide: Program, *args: Any, **kwargs: Any
    ) -> FreeEnergyTerms:
        r"""Complexity of each latent site and accuracy of each observed one, in nats.

        .. math:: F = \sum_s C_s - \sum_o A_o

        An estimate as :meth:`loss` makes it, but of F itself: without weights and free bits. What
        an auxiliary site of the guide or a factor of it scores is complexity; a factor of the
        model is accuracy. Sites that ``TraceEnum_ELBO`` sums out of the model have no complexity
        apart: their evidence is the accuracy of the first site that depends on them.

        Returns:
            Terms without dims; ``per_step`` and ``per_level`` group them by the names of sites.

        Raises:
            ValueError: The ELBO is no sum over sites, as ``RenyiELBO``; guide and model do not draw
                the same sites.
        """
        return decomposed(self.elbo, model, guide, args, kwargs)

    def _get_trace(self, model: Program, guide: Program, args: Any, kwargs: Any) -> Any:
        return self.elbo._get_trace(model, guide, args, kwargs)

    def _evaluate(self, of: Any, model: Program, guide: Program, args: Any, kwargs: Any) -> Any:
        """Let Pyro's ELBO do it; with options on, or programs not met before, look at each site."""
        programs = id(model), id(guide)
        if self._plain and self._met == programs:
            return of(model, guide, *args, **kwargs)
        result = of(*self._reading(None).of(model, guide), *args, **kwargs)
        self._met = programs
        return result

    def _raised(self, model: Program, guide: Program, args: Any, kwargs: Any) -> Tensor:
        """F with complexities at their floors or above."""
        floors = Floors(self.free_bits or 0.0, self.elbo)
        with torch.enable_grad():
            watched = self._reading(floors).of(model, guide)
            loss = floors.raised(differentiable(self.elbo)(*watched, *args, **kwargs))
        return loss if torch.is_grad_enabled() else loss.detach()

    def _reading(self, floors: Floors | None) -> Reading:
        named = {"weight": [] if self.weight is None else self.weight.names}
        if isinstance(self.free_bits, Mapping):
            named["free_bits"] = self.free_bits
        if floors is None:
            return Reading(self._scale, named=named)
        return Reading(partial(self._marked, floors), floors.settle, named=named)

    def _scale(self, site: Site) -> Scale | None:
        if self.weight is None:
            return None
        scale = self.weight.scale(site.term, site.is_latent, self.step)
        return None if scale is None else checked(site.term, scale)

    def _marked(self, floors: Floors, site: Site) -> Scale | None:
        """The scale of a site times the one that its complexity is differentiated by."""
        scale, mark = self._scale(site), floors.scale(site)
        if mark is None or scale is None:
            return scale if mark is None else mark
        return scale * mark


def _adapted(
    elbo: ELBO | None,
    num_particles: int | None,
    vectorize_particles: bool | None,
    max_plate_nesting: float | None,
) -> ELBO:
    """A copy of the ELBO with these settings, where they are given."""
    if not isinstance(elbo, ELBO | None) or isinstance(elbo, VariationalFreeEnergy):
        raise TypeError(
            complain("elbo", "an instance of one of Pyro's ELBOs", repr(elbo), "Trace_ELBO(), say.")
        )
    found = Trace_ELBO() if elbo is None else copy.copy(elbo)
    nesting = found.max_plate_nesting - _particle_plates(found)
    if num_particles is not None:
        found.num_particles = positive_int("num_particles", num_particles)
    if vectorize_particles is not None:
        found.vectorize_particles = _flag("vectorize_particles", vectorize_particles)
    nesting = nesting if max_plate_nesting is None else max_plate_nesting
    found.max_plate_nesting = nesting + _particle_plates(found)
    return found


def _flag(argument: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(complain(argument, "True or False", repr(value)))
    return value


def _particle_plates(elbo: ELBO) -> int:
    return int(elbo.vectorize_particles and elbo.num_particles > 1)
