"""Fitting a policy guide to a belief, by gradients of its free energy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from .._checks import complain
from ..filters import Filter
from ..free_energy.policy_guides import PolicyFreeEnergy, policy_free_energy
from ..records import Belief
from .candidates import Objective
from .policy_guides import NaturalGuide, PolicyGuide

Optimizer = Callable[[Iterable[Tensor]], torch.optim.Optimizer]
Loss = Callable[[], PolicyFreeEnergy]
ADAM: Optimizer = partial(torch.optim.Adam, lr=0.1)


@dataclass(frozen=True)
class Fitting:
    """How guides are fitted; step sizes fall to zero over the steps.

    By natural gradients where the guide knows its own and no optimizer is given.
    """

    steps: int
    num_particles: int
    optimizer: Optimizer | None

    def __call__(
        self, guide: PolicyGuide, objective: Objective, filter: Filter, belief: Belief
    ) -> Tensor:
        """Change the parameters of a guide; returns its free energy ``(restarts, *batch)``.

        Raises:
            ValueError: where free energy is not finite.
        """
        loss = partial(
            policy_free_energy,
            filter,
            guide,
            belief,
            log_prior=partial(objective.log_prior, filter, belief),
            precision=objective.precision,
            terms=objective.terms,
            num_particles=self.num_particles,
            memory_limit=objective.memory_limit,
        )
        if self.optimizer is None and isinstance(guide, NaturalGuide):
            found = self._naturally(guide, loss)
        else:
            found = self._by(self.optimizer or ADAM, guide, loss)
        _require_finite(found)
        return found

    def _naturally(self, guide: NaturalGuide, loss: Loss) -> Tensor:
        found = torch.zeros(())
        for step in range(self.steps):
            with torch.enable_grad():
                drawn = loss()
                numbers = drawn.values["policy_numbers"]
                each = drawn.cost + drawn.log_probs["policy"]
                (gradients,) = torch.autograd.grad(each.sum(), numbers)
            found = drawn.value.detach()
            _require_finite(found)
            guide.natural_step(numbers.detach(), gradients, 1 - step / self.steps)
        return found

    def _by(self, make: Optimizer, guide: PolicyGuide, loss: Loss) -> Tensor:
        parameters = list(guide.parameters())
        optimizer = make(parameters)
        schedule = LambdaLR(optimizer, lambda step: 1 - step / self.steps)
        found = torch.zeros(())
        for _ in range(self.steps):
            with torch.enable_grad():
                drawn = loss()
                gradients = torch.autograd.grad(drawn.surrogate, parameters)
            found = drawn.value.detach()
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient  # of the guide's, and of nothing else
            optimizer.step()
            schedule.step()
        return found


def _require_finite(free_energy: Tensor) -> None:
    if not bool(free_energy.isfinite().all()):
        raise ValueError(
            complain(
                "guide",
                "policies of finite expected free energy and positive prior",
                f"free energies {free_energy.tolist()}",
                "Gradients need preferences and habits without -inf; CrossEntropy does not.",
            )
        )
