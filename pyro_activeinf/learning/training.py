"""Programs in training: gradients, an optimizer, a learning rate, and the state of all of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from .._checks import complain
from .batches import Arguments
from .gradients import Eager, Gradients
from .program import Program

MakeOptimizer = Callable[[Iterable[Tensor]], Optimizer]
MakeScheduler = Callable[[Optimizer], LRScheduler]


def adam(leaves: Iterable[Tensor], lr: float = 0.01) -> Optimizer:
    """Adam, as one kernel where torch has one for these parameters.

    Reference: Kingma and Ba (2015), "Adam: a method for stochastic optimization", ICLR.
    """
    given = list(leaves)
    # The kernel walks real numbers in the order of memory.
    if all(leaf.is_contiguous() and leaf.is_floating_point() for leaf in given):
        with suppress(RuntimeError):  # torch has none for this device
            return torch.optim.Adam(given, lr=lr, fused=True)
    return torch.optim.Adam(given, lr=lr)


class Training:
    """Takes steps down the free energy.

    Args:
        program: what is learned.
        optimizer: makes an optimizer for parameters.
        learning_rate: makes a scheduler for the optimizer.
        clip_norm: at most the norm of the gradients.
    """

    def __init__(
        self,
        program: Program,
        optimizer: MakeOptimizer = adam,
        learning_rate: MakeScheduler | None = None,
        clip_norm: float | None = None,
    ) -> None:
        self.program = program
        self._make_optimizer, self._make_scheduler = optimizer, learning_rate
        self.clip_norm = clip_norm
        self.scheduler: Any = None

    def begin(self, args: Arguments) -> tuple[float, float]:
        """Loss and gradients of the first step, which makes parameters that are not there yet."""
        loss = self.program.first(args)
        leaves = list(self.program.trained.values())
        if not leaves:
            raise ValueError(
                complain("model, guide", "a parameter to learn", "programs without any")
            )
        self.eager = Eager(self.program, self.clip_norm)
        self.gradients: Gradients = self.eager
        self.optimizer = _optimizer(self._make_optimizer, leaves)
        if self._make_scheduler is not None:
            self.scheduler = _scheduler(self._make_scheduler, self.optimizer)
        return self._sound(loss, self.eager.clip())

    def look(self, args: Arguments) -> tuple[float, float]:
        """Loss and gradients of a later step."""
        return self._sound(*self.gradients(args))

    def take(self, loss: float) -> None:
        """The step itself, down the gradients."""
        self.optimizer.step()
        self.program.clear()
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(loss)
        elif self.scheduler is not None:
            self.scheduler.step()

    def _sound(self, loss: Any, norm: Tensor) -> tuple[float, float]:
        numbers = float(loss), float(norm)
        if math.isnan(numbers[0]) or not math.isfinite(numbers[1]):
            self.program.clear()
            raise ValueError(
                complain(
                    "loss",
                    "a number, with finite gradients",
                    f"{numbers[0]}, with a gradient of norm {numbers[1]}",
                    "The parameters are as before this step. Try clip_norm=, or smaller steps.",
                )
            )
        return numbers

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, but random generators and data."""
        counter = self.program.counter
        state = {
            "parameters": {k: t.detach() for k, t in self.program.tensors.items()},
            "optimizer": self.optimizer.state_dict(),
            "kinds": self._kinds(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "counter": None if counter is None else int(counter),
        }
        return deepcopy(state)

    def require_fit(self, state: Mapping[str, Any]) -> None:
        """Raise ``ValueError`` unless a state is one of these programs and of such an optimizer."""
        self.program.require_same(state["parameters"])
        own, other = self._kinds(), state["kinds"]
        if own != other:
            raise ValueError(complain("checkpoint", f"the state of {own}", f"that of {other}"))

    def _kinds(self) -> list[str]:
        """What optimizer and scheduler are."""
        return [type(x).__name__ for x in (self.optimizer, self.scheduler) if x is not None]

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over a state that fits."""
        self.program.load(state["parameters"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.program.counter = state["counter"]


def _optimizer(make: MakeOptimizer, leaves: list[Tensor]) -> Optimizer:
    optimizer = make(leaves) if callable(make) else None
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            complain(
                "optimizer",
                "a function from parameters to a torch optimizer",
                repr(make),
                "functools.partial(torch.optim.Adam, lr=0.01), say.",
            )
        )
    return optimizer


def _scheduler(make: MakeScheduler, optimizer: Optimizer) -> LRScheduler:
    scheduler = make(optimizer)
    if not isinstance(scheduler, LRScheduler):
        raise TypeError(
            complain(
                "learning_rate",
                "a function from an optimizer to its scheduler",
                f"one that makes {scheduler!r}",
                "For a schedule of numbers: learning.LearningRate(schedule).",
            )
        )
    return scheduler
