"""From a direction to new parameters."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .._checks import nonnegative
from .family import ExponentialFamily
from .fisher import Fisher, changes, largest
from .rule import longest, natural_step
from .statistical import StatisticalManifold

HALVINGS, STEPS = 30, 60
MET = 1e-9
MOST = 500  # coordinates, from which on their Jacobian takes too long
SLACK = 2.0  # of a reach, which is in first order

Look = Callable[[Tensor], Fisher]  # the information at flat parameters


@dataclass(frozen=True, eq=False)
class Moved:
    """Where a step leads to."""

    parameters: Tensor  # (parameters,)
    part: float  # the size of the step that was taken
    carry: Callable[[], Tensor]  # the direction as it goes on from there, (parameters,)


class Retraction(ABC):
    """A way along which parameters go."""

    @abstractmethod
    def move(self, fisher: Fisher, direction: Tensor, rho: float, look: Look) -> Moved:
        """Parameters after a step.

        Args:
            fisher: at the present parameters.
            direction: minus the natural gradient, flat.
            rho: size of the step; a smaller one may be taken.
            look: the information at other parameters.
        """


class FirstOrder(Retraction):
    r"""Straight in the parameters, as far as that says where the distributions go.

    .. math:: \phi \leftarrow (1 - \rho) \phi + \rho (\phi - G^{-1} \partial F)

    Args:
        reach: the most that a step changes the distribution at a site, or each of independent ones,
            in nats; infinity for steps as long as they come out.

    Raises:
        ValueError: a reach below 0.
    """

    def __init__(self, reach: float = 1.0) -> None:
        self.reach = nonnegative("reach", reach)

    def move(self, fisher: Fisher, direction: Tensor, rho: float, look: Look) -> Moved:
        """Parameters plus the step, whose direction stays as it is."""
        start = flat(fisher.parameters)
        if self.reach == math.inf:
            return Moved(natural_step(start, start + direction, rho), rho, lambda: direction)

        def attempt(part: float) -> Tensor | None:
            end = natural_step(start, start + direction, part)
            return end if self._near(fisher, end, look) else None

        nats = largest(fisher, rho * fisher.push(direction))
        found = longest(attempt, rho * min(1.0, (self.reach / max(nats, 1e-300)) ** 0.5), HALVINGS)
        if found is None:
            return Moved(start, 0.0, lambda: torch.zeros_like(direction))
        return Moved(*found, lambda: direction)

    def _near(self, fisher: Fisher, end: Tensor, look: Look) -> bool:
        try:
            found = changes(fisher, look(end))
        except ValueError:  # parameters of distributions that are none
            return False
        return all(bool((kl <= SLACK * self.reach).all()) for kl in found)


class ExponentialMap(Retraction):
    """Along geodesics of the sites' distributions, to the parameters that give these.

    With alpha = 1 natural coordinates go straight, by :func:`natural_step`: a step of rate 1 is
    exact where the guide is conjugate. Steps out of the domain are halved. Where no parameters give
    the distributions at the end (a network's), the step is of first order.

    Args:
        alpha: of the geodesics.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def move(self, fisher: Fisher, direction: Tensor, rho: float, look: Look) -> Moved:
        """Parameters at the end of geodesics, and the direction carried along."""
        if any(term.family is None for term in fisher.terms):
            return FirstOrder().move(fisher, direction, rho, look)
        rates = fisher.push(direction)
        ends = longest(lambda part: self._ends(fisher, rates, part), rho, HALVINGS)
        if ends is None:
            start = flat(fisher.parameters)
            return Moved(start, 0.0, lambda: torch.zeros_like(start))
        found, part = _parameters_for(ends[0], fisher, look), ends[1]
        if found is None:
            return FirstOrder().move(fisher, direction, part, look)
        return Moved(found, part, lambda: self._carried(fisher, rates, part, look(found)))

    def _ends(self, fisher: Fisher, rates: Tensor, part: float) -> list[Tensor] | None:
        try:
            return [
                StatisticalManifold(term.family).exp_map(
                    term.coordinates.detach(), v, self.alpha, part
                )
                for term, v in zip(fisher.terms, fisher.split(rates), strict=True)
            ]
        except ValueError:  # outside the domain
            return None

    def _carried(self, fisher: Fisher, rates: Tensor, part: float, after: Fisher) -> Tensor:
        found = []
        for term, v in zip(fisher.terms, fisher.split(rates), strict=True):
            space = StatisticalManifold(term.family)
            way = space.geodesic(term.coordinates.detach(), velocity=part * v, alpha=self.alpha)
            found.append(space.parallel_transport(v, way, self.alpha).reshape(-1))
        return _least_squares(after.jacobian(), torch.cat(found))


class Suited(Retraction):
    """Along e-geodesics where parameters stand for distributions one to one, else straight.

    So a guide of means and scales is exact in one step of rate 1 where it is conjugate, however
    far it starts; and a network goes no further than a nat in a step.
    """

    def move(self, fisher: Fisher, direction: Tensor, rho: float, look: Look) -> Moved:
        """As :class:`ExponentialMap` or :class:`FirstOrder` does it."""
        chosen = ExponentialMap() if _direct(fisher, len(direction)) else FirstOrder()
        return chosen.move(fisher, direction, rho, look)


def _direct(fisher: Fisher, parameters: int) -> bool:
    """Whether parameters stand for distributions one to one: each is of a single member of one."""
    coordinates = len(fisher.coordinates)
    known = all(isinstance(term.family, ExponentialFamily) for term in fisher.terms)
    enough = coordinates <= parameters <= 2 * coordinates  # twice, for a square of a factor
    if not (known and enough and coordinates <= MOST):
        return False
    rows = fisher.jacobian().split([term.rows for term in fisher.terms])
    pairs = zip(rows, fisher.terms, strict=True)
    met = [
        (part.reshape(*term.coordinates.shape, -1) != 0).any(1).sum(0)  # members, by parameter
        for part, term in pairs
    ]
    return bool((torch.stack(met).sum(0) <= 1).all())


def flat(parameters: list[Tensor]) -> Tensor:
    """Parameters in one row."""
    return torch.cat([one.detach().reshape(-1) for one in parameters])


def _least_squares(matrix: Tensor, vector: Tensor) -> Tensor:
    scale = torch.linalg.vector_norm(matrix, dim=0)
    scale = torch.where(scale > 0, scale, 1.0)
    return torch.linalg.pinv(matrix / scale, rtol=1e-13) @ vector / scale


def _parameters_for(ends: list[Tensor], fisher: Fisher, look: Look) -> Tensor | None:
    """Parameters whose distributions these are, by Newton's method in free coordinates."""
    families = [term.family for term in fisher.terms if term.family is not None]
    goal = torch.cat([f.free(x).reshape(-1) for f, x in zip(families, ends, strict=True)])
    now = flat(fisher.parameters)
    for _ in range(STEPS):
        at = look(now)
        terms = zip(families, at.terms, strict=True)
        places = [family.free(term.coordinates) for family, term in terms]
        free = Fisher(
            [replace(t, coordinates=p) for t, p in zip(at.terms, places, strict=True)],
            at.parameters,
        )
        gap = goal - free.coordinates.detach()
        if bool((gap.abs() <= MET * (1 + goal.abs())).all()):
            return now
        move = _least_squares(free.jacobian(), gap)
        now = now + move * min(1.0, 5.0 / max(float(move.abs().max()), 1e-300))
        if not bool(now.isfinite().all()) or not bool(move.any()):
            return None
    return None
