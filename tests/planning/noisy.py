"""A filter whose scores are off at random, as those of particles are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pyro_activeinf.filters import Filter
from pyro_activeinf.records import Belief, ExpectedFreeEnergyTerms


class NoisyFilter(Filter):
    """Another filter, with unbiased noise on what it expects."""

    def __init__(self, filter: Filter, noise: float) -> None:
        self.filter, self.noise = filter, noise
        self.actions, self.observation_sites = filter.actions, filter.observation_sites

    def initial(self, batch_shape: tuple[int, ...] = ()) -> Belief:
        return self.filter.initial(batch_shape)

    def predict(self, belief: Belief, action: Any) -> Belief:
        return self.filter.predict(belief, action)

    def update(self, belief: Belief, observation: Mapping[str, Any]) -> Belief:
        return self.filter.update(belief, observation)

    def expected_free_energy(self, belief: Belief) -> ExpectedFreeEnergyTerms:
        return self._disturbed(self.filter.expected_free_energy(belief))

    def look_ahead(self, belief: Belief) -> ExpectedFreeEnergyTerms:
        return self._disturbed(self.filter.look_ahead(belief))

    def habit(self) -> Mapping[str, Tensor]:
        return self.filter.habit()

    @property
    def scoring_bytes(self) -> int:
        return self.filter.scoring_bytes

    @property
    def dtype(self) -> torch.dtype:
        return self.filter.dtype

    @property
    def device(self) -> torch.device:
        return self.filter.device

    def _disturbed(self, terms: ExpectedFreeEnergyTerms) -> ExpectedFreeEnergyTerms:
        noise = self.noise * torch.randn_like(terms.values)
        return ExpectedFreeEnergyTerms(terms.values + noise, terms.sites)
