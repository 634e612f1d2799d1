"""Joint values of finite outcomes, once each."""

from collections.abc import Mapping

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyro_activeinf.filters.distinct import Distinct
from pyro_activeinf.filters.prediction import Likelihood


def look(states: Mapping[str, Tensor]) -> None:
    color = pyro.sample("color", dist.Categorical(logits=torch.stack([states["s"]] * 3, -1)))
    pyro.sample("big", dist.Bernoulli(logits=states["s"] * (color - 1.0)))


def test_every_joint_value_and_where_each_particle_is() -> None:
    likelihood = Likelihood(look, {"s": torch.randn(20, 2)}, (20, 2))
    found = Distinct.of(likelihood)
    assert found is not None
    assert found.values["color"].shape == found.values["big"].shape == (6, 1)
    draws = likelihood.sample()
    for name, values in found.values.items():
        torch.testing.assert_close(values.squeeze(1)[found.index], draws[name])
    pairs = torch.stack([found.values["color"].double(), found.values["big"]], -1).squeeze(1)
    assert len({tuple(pair.tolist()) for pair in pairs}) == 6


def test_more_values_than_particles_and_real_ones_are_left_alone() -> None:
    assert Distinct.of(Likelihood(look, {"s": torch.randn(6)}, (6,))) is None

    def real(states: Mapping[str, Tensor]) -> None:
        pyro.sample("o", dist.Normal(states["s"], 1.0))

    assert Distinct.of(Likelihood(real, {"s": torch.randn(9)}, (9,))) is None
