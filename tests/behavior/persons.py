"""Persons whose posteriors are known in closed form."""

from __future__ import annotations

from collections.abc import Mapping

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyro_activeinf.behavior import ChoiceModel, Population
from pyro_activeinf.behavior.engines import Engine, Found, Target
from pyro_activeinf.behavior.peers import WinStayLoseShift


def chances() -> None:
    pyro.sample("stay", dist.Beta(2.0, 1.0))
    pyro.sample("shift", dist.Beta(1.0, 1.0))


def build(values: Mapping[str, Tensor]) -> WinStayLoseShift:
    return WinStayLoseShift(values["stay"], values["shift"])


def followers(population: Population | None = None) -> ChoiceModel:
    """Win-stay, lose-shift with probabilities of each."""
    return ChoiceModel(chances, build, population)


class Guessing(Engine):
    """Draws from the prior, whatever was chosen."""

    def __init__(self, draws: int = 200) -> None:
        self.draws = draws

    def __call__(self, target: Target, start: Tensor | None, progress: bool) -> Found:
        return Found(target.prior(self.draws).unsqueeze(0))


class TooSure(Engine):
    """Draws from around the prior's middle."""

    def __call__(self, target: Target, start: Tensor | None, progress: bool) -> Found:
        z = target.prior(200)
        return Found((z.mean(0) + 0.3 * (z - z.mean(0))).unsqueeze(0))


def uniform_ranks(count: int, draws: int) -> Tensor:
    return torch.randint(draws + 1, (count,))
