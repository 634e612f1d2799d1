"""Weights after an observation, and what resampling leaves of them."""

import math

import pytest
import torch

from pyro_activeinf.filters.particle_belief import Kind, ParticleBelief
from pyro_activeinf.filters.particle_update import resampled, weighed
from pyro_activeinf.filters.resampling import Systematic


def start(particles: int, *batch: int) -> ParticleBelief:
    equal = torch.full((particles, *[1] * len(batch)), -math.log(particles))
    states = {"s": torch.randn(particles, *batch)}
    return ParticleBelief(3, torch.Size(batch), {"s": Kind(0)}, states, equal)


def test_terms_are_those_of_bayes_rule() -> None:
    belief, each = start(9, 2), {"a": torch.randn(9, 2), "b": torch.randn(9, 2)}
    prior = belief.log_weights.expand(9, 2)
    found = weighed(belief, prior, each, {}, Systematic(0))
    joint = prior + each["a"] + each["b"]
    torch.testing.assert_close(found.free_energy, -joint.logsumexp(0))
    torch.testing.assert_close(found.log_weights, joint.log_softmax(0))
    divergence = (found.weights * (found.log_weights - prior)).sum(0)
    torch.testing.assert_close(found.terms.complexity, divergence)
    torch.testing.assert_close(found.terms.total, found.free_energy)
    torch.testing.assert_close(
        found.terms.accuracy_per_site["a"], (found.weights * each["a"]).sum(0)
    )


def test_only_those_members_of_a_batch_are_resampled_that_need_it() -> None:
    belief = start(50, 2)
    log_likelihood = torch.zeros(50, 2)
    log_likelihood[0, 1] = 9.0
    found = weighed(
        belief, belief.log_weights.expand(50, 2), {"a": log_likelihood}, {}, Systematic(0.5)
    )
    assert found.states["s"][:, 0].equal(belief.states["s"][:, 0])
    kept = float((found.states["s"][:, 1] == belief.states["s"][0, 1]).double().mean())
    assert kept > 0.95
    torch.testing.assert_close(found.log_weights, torch.full((50, 2), -math.log(50)))
    assert found.effective_sample_size[0] == pytest.approx(50.0)
    assert float(found.effective_sample_size[1]) < 2  # as it was before


def test_resampling_adds_nothing_to_the_error_of_the_evidence() -> None:
    belief = start(40)
    weighted = weighed(belief, belief.log_weights, {"a": torch.randn(40)}, {}, Systematic(0))
    equal = resampled(weighted, torch.tensor(True), Systematic())
    torch.testing.assert_close(
        equal.lineage.excess(equal.weights), weighted.lineage.excess(weighted.weights)
    )


def test_numbers_that_are_none_are_told() -> None:
    belief = start(4)
    with pytest.raises(ValueError, match="NaN at time step 3"):
        weighed(belief, belief.log_weights, {"a": torch.full((4,), math.nan)}, {}, Systematic())
