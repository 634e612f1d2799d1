"""Choosers of every kind, as functions of parameters, with programs that draw these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyro_activeinf.behavior import ChoiceModel
from pyro_activeinf.behavior.peers import (
    HierarchicalGaussianFilter,
    KalmanLearner,
    RandomChoice,
    RescorlaWagner,
    WinStayLoseShift,
)
from pyro_activeinf.behavior.tasks import ReversalLearning, Task

ZERO, ONE, TWO = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
UNIT, POSITIVE, REAL = dist.Beta(TWO, TWO), dist.Gamma(TWO, ONE), dist.Normal(ZERO, ONE)


@dataclass(frozen=True)
class Case:
    """A kind of chooser, its parameters' priors, and a task for it."""

    build: Callable[[Mapping[str, Tensor]], Any]
    priors: Mapping[str, Any]
    actions: int = 2

    def program(self) -> None:
        for name, prior in self.priors.items():
            pyro.sample(name, prior)

    def model(self) -> ChoiceModel:
        return ChoiceModel(self.program, self.build)

    def task(self) -> Task:
        return ReversalLearning(actions=self.actions)


CASES: dict[str, Case] = {
    "Rescorla-Wagner": Case(
        lambda p: RescorlaWagner(p["rate"], p["beta"]), {"rate": UNIT, "beta": POSITIVE}
    ),
    "Rescorla-Wagner, with everything": Case(
        lambda p: RescorlaWagner(
            p["gain"], p["beta"], p["loss"], p["fade"], p["stick"], actions=3, utilities=(-1.0, 1.0)
        ),
        {"gain": UNIT, "beta": POSITIVE, "loss": UNIT, "fade": UNIT, "stick": REAL},
        actions=3,
    ),
    "Kalman, softmax": Case(
        lambda p: KalmanLearner(p["noise"], p["drift"], p["beta"], p["bonus"], actions=3),
        {"noise": POSITIVE, "drift": UNIT, "beta": POSITIVE, "bonus": REAL},
        actions=3,
    ),
    "Kalman, draws": Case(
        lambda p: KalmanLearner(p["noise"], p["drift"]), {"noise": POSITIVE, "drift": UNIT}
    ),
    "Kalman, draws of three": Case(
        lambda p: KalmanLearner(p["noise"], p["drift"], actions=3),
        {"noise": POSITIVE, "drift": UNIT},
        actions=3,
    ),
    "HGF of two levels": Case(
        lambda p: HierarchicalGaussianFilter(p["omega"], p["zeta"]),
        {"omega": dist.Normal(-TWO, ONE), "zeta": POSITIVE},
    ),
    "HGF of three levels": Case(
        lambda p: HierarchicalGaussianFilter(p["omega"], p["zeta"], p["theta"], p["kappa"]),
        {"omega": dist.Normal(-TWO, ONE), "zeta": POSITIVE, "theta": UNIT, "kappa": UNIT},
    ),
    "win-stay": Case(
        lambda p: WinStayLoseShift(p["stay"], p["shift"], actions=3),
        {"stay": UNIT, "shift": UNIT},
        actions=3,
    ),
    "random": Case(lambda p: RandomChoice(p["bias"]), {"bias": REAL.expand([2]).to_event(1)}),
}
