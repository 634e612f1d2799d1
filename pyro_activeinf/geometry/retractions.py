"""From a velocity to new parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from .fisher import Fisher
from .statistical import StatisticalManifold

HALVINGS, STEPS = 30, 60
MET = 1e-9


class Retraction(ABC):
    """A way along which parameters go."""

    @abstractmethod
    def move(
        self, fisher: Fisher, step: Tensor, look: Callable[[Tensor], Fisher]
    ) -> tuple[Tensor, Tensor]:
        """Parameters after a step, and what of the step goes on from there, both flat.

        Args:
            fisher: at the present parameters.
            step: rates of the parameters.
            look: the information at other parameters.
        """


class FirstOrder(Retraction):
    """Straight in the parameters."""

    def move(
        self, fisher: Fisher, step: Tensor, look: Callable[[Tensor], Fisher]
    ) -> tuple[Tensor, Tensor]:
        """Parameters plus the step, which stays as it is."""
        return flat(fisher.parameters) + step, step


class ExponentialMap(Retraction):
    """Along geodesics of the sites' distributions, to the parameters that give these.

    With alpha = 1 and a rate of 1, a single step is exact where the guide is conjugate: natural
    coordinates go straight. Steps out of the domain are halved. Where no parameters give the
    distributions at the end (a network's), the step is of first order.

    Args:
        alpha: of the geodesics.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def move(
        self, fisher: Fisher, step: Tensor, look: Callable[[Tensor], Fisher]
    ) -> tuple[Tensor, Tensor]:
        """Parameters at the end of geodesics, and the step carried along."""
        if any(term.family is None for term in fisher.terms):
            return FirstOrder().move(fisher, step, look)
        start = flat(fisher.parameters)
        rates = fisher.push(step)
        for _ in range(HALVINGS):
            ends = self._ends(fisher, rates)
            if ends is not None:
                break
            rates, step = rates / 2, step / 2
        if ends is None:
            return start, torch.zeros_like(step)
        found = _parameters_for(ends, fisher, start + step, look)
        if found is None:
            return start + step, step
        after = look(found)
        return found, _least_squares(after.jacobian(), self._carried(fisher, rates))

    def _ends(self, fisher: Fisher, rates: Tensor) -> list[Tensor] | None:
        try:
            return [
                StatisticalManifold(term.family).exp_map(term.coordinates.detach(), v, self.alpha)
                for term, v in zip(fisher.terms, fisher.split(rates), strict=True)
            ]
        except ValueError:  # outside the domain
            return None

    def _carried(self, fisher: Fisher, rates: Tensor) -> Tensor:
        found = []
        for term, v in zip(fisher.terms, fisher.split(rates), strict=True):
            space = StatisticalManifold(term.family)
            way = space.geodesic(term.coordinates.detach(), velocity=v, alpha=self.alpha)
            found.append(space.parallel_transport(v, way, self.alpha).reshape(-1))
        return torch.cat(found)


def flat(parameters: list[Tensor]) -> Tensor:
    """Parameters in one row."""
    return torch.cat([one.detach().reshape(-1) for one in parameters])


def _least_squares(matrix: Tensor, vector: Tensor) -> Tensor:
    scale = torch.linalg.vector_norm(matrix, dim=0)
    scale = torch.where(scale > 0, scale, 1.0)
    return torch.linalg.pinv(matrix / scale, rtol=1e-13) @ vector / scale


def _parameters_for(
    ends: list[Tensor], fisher: Fisher, start: Tensor, look: Callable[[Tensor], Fisher]
) -> Tensor | None:
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
