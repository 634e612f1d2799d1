"""Any differentiable distribution, by automatic differentiation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pyro
import torch
from torch import Tensor
from torch.distributions import TransformedDistribution, biject_to, constraints, kl_divergence

from .._checks import complain, positive_int
from .family import Family
from .integrals import rule_for
from .local import Contrast, Expected, Local

SAMPLES = 10_000


class Generic(Family):
    r"""A family of which only the log density is known.

    Its geometry is computed, in this order, from a sum over a finite support, from an integral
    over quantiles or over the density (one number), a sum over counts, by derivatives of the KL
    divergence that torch knows of, or from samples, with weights that keep their expectations right
    nearby. Log densities are taken to have two derivatives: the metric of a
    density with a kink (Laplace) is right, its connections are not.

    Args:
        make: a distribution from usual coordinates ``(*batch, d)``.
        arguments: names of the coordinates and their constraints; without these, coordinates are
            free, and a distribution cannot be read.
        name: what it is called.
        num_samples: where samples are needed.
    """

    def __init__(
        self,
        make: Callable[[Tensor], Any],
        arguments: Mapping[str, Any] | None = None,
        name: str = "distributions",
        num_samples: int = SAMPLES,
    ) -> None:
        self.make, self.arguments, self.name = make, arguments, name
        self.num_samples = positive_int("num_samples", num_samples)
        said = ", ".join(f"{key}: {value}" for key, value in (arguments or {}).items())
        self.domain = said or "coordinates that its function takes"
        self._maps = [biject_to(constraint) for constraint in (arguments or {}).values()]

    def coordinates(self, distribution: Any) -> Tensor:
        """The arguments."""
        if self.arguments is None:
            raise AttributeError(self.name)
        values = [getattr(distribution, name) for name in self.arguments]
        return torch.stack(torch.broadcast_tensors(*values), -1)

    def distribution(self, point: Tensor) -> Any:
        """The distribution."""
        with pyro.validation_enabled(False):
            return self.make(point)

    def valid(self, point: Tensor) -> Tensor:
        """Whether each coordinate satisfies its constraint."""
        fine = point.isfinite().all(-1)
        if self.arguments is None:
            return fine
        if point.shape[-1] != len(self.arguments):
            return torch.zeros_like(fine)
        pairs = zip(point.unbind(-1), self.arguments.values(), strict=True)
        return torch.stack([fine, *(rule.check(x) for x, rule in pairs)]).all(0)

    def free(self, point: Tensor) -> Tensor:
        """Each coordinate without its bounds."""
        if self.arguments is None:
            return point
        pairs = zip(point.unbind(-1), self._maps, strict=True)
        return torch.stack([out.inv(x) for x, out in pairs], -1)

    def from_free(self, free: Tensor) -> Tensor:
        """Each coordinate within its bounds."""
        if self.arguments is None:
            return free
        pairs = zip(free.unbind(-1), self._maps, strict=True)
        return torch.stack([out(z) for z, out in pairs], -1)

    def kl(self, point: Tensor, other: Tensor) -> Tensor:
        """KL divergence: in closed form, as a sum or an integral, or from samples."""
        p, q = self.distribution(point), self.distribution(other)
        if has_kl(p):
            return kl_divergence(p, q)
        outcomes, shares = self._outcomes(p)
        return ((p.log_prob(outcomes) - q.log_prob(outcomes)) * shares(p)).sum(0)

    def shift(self, point: Tensor) -> Tensor:
        """Nothing is known of locations."""
        return torch.zeros_like(point)

    def local(self, point: Tensor) -> Local:
        """Metric and connections near a point."""
        self._require_fixed_support(point)
        p = self.distribution(point)
        known = finite(p) or rule_for(p) is not None
        if not known and has_kl(p):
            return Contrast(lambda x, y: kl_divergence(self.distribution(x), self.distribution(y)))
        outcomes, shares = self._outcomes(p)
        return Expected(
            lambda x: self.distribution(x).log_prob(outcomes).movedim(0, -1),
            lambda x: shares(self.distribution(x)).movedim(0, -1),
            exact=known,
        )

    def _require_fixed_support(self, point: Tensor) -> None:
        """Where outcomes become possible and impossible, KL is infinite and there is no metric."""
        with torch.enable_grad():
            support = self.distribution(point.detach().clone().requires_grad_()).support
        bounds = vars(support).values()
        if any(isinstance(bound, Tensor) and bound.requires_grad for bound in bounds):
            expected = "distributions whose possible outcomes are the same at all points"
            got = f"{self.name}, whose support depends on its coordinates: there is no metric"
            way_out = "Hold that coordinate: lambda x: dist.Pareto(1.0, x[..., 0]), say."
            raise ValueError(complain("family", expected, got, way_out))

    def _outcomes(self, p: Any) -> tuple[Tensor, Callable[[Any], Tensor]]:
        """Outcomes ``(n, *batch, *event)``, and what they count for under one nearby."""
        if finite(p):
            return p.enumerate_support(expand=False), lambda q: q.log_prob(
                p.enumerate_support(expand=False)
            ).exp()
        found = rule_for(p)
        with torch.no_grad():
            outcomes, log_weights = found if found is not None else self._draws(p)
            base = log_weights - p.log_prob(outcomes)
        return outcomes, lambda q: (q.log_prob(outcomes) + base).exp()

    def _draws(self, p: Any) -> tuple[Tensor, Tensor]:
        outcomes = p.sample((self.num_samples,))
        batch = len(p.batch_shape)
        return outcomes, torch.full((len(outcomes), *[1] * batch), -math.log(len(outcomes)))


def of_class(kind: type[Any]) -> Generic:
    """The family of a class whose arguments are numbers.

    Raises:
        TypeError: they are not.
    """
    given: Any = kind.arg_constraints
    rules: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {}
    if "logits" in rules and "probs" in rules:
        del rules["logits"]
    numbers = {name: rule for name, rule in rules.items() if _real(rule)}
    if not rules or len(numbers) < len(rules):
        way_out = "Give a function from coordinates (*batch, d) to the distribution."
        expected = "a class whose arguments are real numbers"
        raise TypeError(complain("family", expected, kind.__name__, way_out))

    def make(point: Tensor) -> Any:
        values = dict(zip(numbers, point.unbind(-1), strict=True))
        return kind(**values, validate_args=False)

    found = Generic(make, numbers, kind.__name__)
    found.kinds = (kind,)
    return found


def _real(rule: Any) -> bool:
    if constraints.is_dependent(rule):
        return False
    return rule.event_dim == 0 and not rule.is_discrete


def finite(p: Any) -> bool:
    """Whether its outcomes can be listed, and are the same wherever its coordinates are."""
    return bool(p.has_enumerate_support) and not p.event_shape


def has_kl(p: Any) -> bool:
    """Whether torch knows its KL divergence from its like, in closed form.

    Of transformed distributions it knows only those with equal transforms.
    """
    if isinstance(p, TransformedDistribution):
        return False
    try:
        kl_divergence(p, p)
    except NotImplementedError:
        return False
    return True
