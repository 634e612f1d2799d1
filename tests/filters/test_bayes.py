"""Bayes' rule over joint states."""

import math

import pytest
import torch

from pyro_activeinf.compile import Site
from pyro_activeinf.filters import JointBelief
from pyro_activeinf.filters.bayes import conditioned

PRIOR = JointBelief(0, (Site("s", torch.arange(2)),), probs_=torch.tensor([0.25, 0.75]))


def test_prior_times_likelihood() -> None:
    seen = {"o": torch.tensor([0.8, 0.4]).log(), "p": torch.tensor([[0.5, 0.1]]).log()}
    found = conditioned(PRIOR, {}, seen)
    assert found.batch_shape == (1,)
    torch.testing.assert_close(found.probs, torch.tensor([[0.1, 0.03]]) / 0.13)
    assert found.free_energy.item() == pytest.approx(-math.log(0.13), abs=1e-6)
    assert found.terms.total.item() == pytest.approx(-math.log(0.13), abs=1e-6)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"positive probability.*'o': 3"):
        conditioned(PRIOR, {"o": 3}, {"o": torch.tensor([0.0, 0.0]).log()})
    with pytest.raises(ValueError, match="batch dims"):
        conditioned(PRIOR, {}, {"o": torch.zeros(2, 2), "p": torch.zeros(3, 2)})
