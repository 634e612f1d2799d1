"""Where parameters come from, against the provenance of log-densities."""

from collections.abc import Callable
from typing import Any

import pyro.distributions as dist
import pytest
import torch
from pyro.ops.provenance import get_provenance, track_provenance
from torch import Tensor

from pyro_activeinf.conjugacy.origins import origins

KINDS: list[Callable[[Tensor, Tensor], Any]] = [
    lambda x, y: dist.Normal(x, y.exp()),
    lambda x, y: dist.Normal(x, 1.0).expand((3,)).to_event(1),
    lambda x, y: dist.Normal(x, 1.0).mask(True),
    lambda x, y: dist.Categorical(logits=torch.stack([x, y, 0 * x])),
    lambda x, y: dist.LogNormal(x, 1.0),
    lambda x, y: dist.TransformedDistribution(
        dist.Normal(0.0, 1.0), [dist.transforms.AffineTransform(x, y.exp())]
    ),
    lambda x, y: dist.MixtureSameFamily(
        dist.Categorical(torch.ones(2)), dist.Normal(torch.stack([x, y]), 1.0)
    ),
    lambda x, y: dist.ZeroInflatedPoisson(x.exp(), gate=y.sigmoid()),
    lambda x, y: dist.BetaBinomial(x.exp(), torch.tensor(2.0), 5),
    lambda x, y: dist.Normal(0.0, 1.0),
]


@pytest.mark.parametrize("make", KINDS)
def test_origins_are_those_of_the_log_density(make: Callable[[Tensor, Tensor], Any]) -> None:
    x = track_provenance(torch.tensor(0.2), frozenset("x"))
    y = track_provenance(torch.tensor(0.4), frozenset("y"))
    value = make(torch.tensor(0.2), torch.tensor(0.4)).sample()
    fn = make(x, y)
    assert origins(fn, value) == get_provenance(fn.log_prob(value))
    own = track_provenance(value, frozenset("z"))
    assert "z" in origins(fn, own)


def test_what_may_hold_anything_is_computed() -> None:
    class Hidden(dist.Normal):
        def __init__(self, loc: Tensor) -> None:
            super().__init__(torch.tensor(0.0), torch.tensor(1.0))
            self.shift = lambda: loc

        def log_prob(self, value: Any) -> Any:
            return super().log_prob(value - self.shift())

    x = track_provenance(torch.tensor(0.2), frozenset("x"))
    assert origins(Hidden(x), torch.tensor(1.0)) == {"x"}
