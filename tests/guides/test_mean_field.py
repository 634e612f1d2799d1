"""Mean field: parameters for each member of the batch and step, made for the data's shapes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pyro.infer import TraceEnum_ELBO, TraceMeanField_ELBO, config_enumerate

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.guides import MeanField
from pyro_activeinf.models import POMDP, Bayesian, Neural
from tests import kalman
from tests.guides.models import Mixed, linear_gaussian, mixed_data


def test_parameters_are_made_once_for_the_shapes_of_the_data() -> None:
    guide = MeanField(Mixed())
    assert list(guide.parameters()) == []
    guide.prepare(*mixed_data((4, 2), steps=3))
    shapes = [tuple(numbers.shape) for numbers in guide.parameters()]
    assert shapes == [(4, 2, 3, 3), (4, 2, 3, 2), (4, 2, 3, 4), (4, 2, 3, 2), (4, 2, 3, 4)]
    before = list(guide.parameters())
    guide(*mixed_data((4, 2), steps=3))
    assert all(one is other for one, other in zip(before, guide.parameters(), strict=True))


def test_data_of_other_shapes_are_refused() -> None:
    guide = MeanField(Mixed())
    guide(*mixed_data((4,), steps=3))
    for batch, steps in (((4,), 4), ((5,), 3)):
        with pytest.raises(ValueError, match=r"expected batch \(4,\) and 3 steps"):
            guide(*mixed_data(batch, steps))


def test_a_state_is_loaded_after_prepare() -> None:
    data = mixed_data()
    guide, other = MeanField(Mixed()), MeanField(Mixed())
    guide(*data)
    other.prepare(*data)
    other.load_state_dict(guide.state_dict())
    for name, fn in guide.marginals.items():
        if fn.has_rsample:
            continue
        assert torch.equal(fn.logits, other.marginals[name].logits)


def test_of_one_step_it_is_the_posterior_in_each_coordinate() -> None:
    system = kalman.random_system(3, n=1, m=2, k=None)
    seen, _ = kalman.simulate(system, 1, 1)
    model, observations = linear_gaussian(system), {"o": torch.as_tensor(seen)}
    guide = MeanField(model)
    guide.prepare(observations)
    loss = TraceMeanField_ELBO(20, vectorize_particles=True, max_plate_nesting=0)(model, guide)
    optimizer = torch.optim.Adam(guide.parameters(), lr=0.1)
    for step in range(150):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 150)
        optimizer.zero_grad()
        loss(observations).backward()
        optimizer.step()
    truth = kalman.smooth(system, seen)
    found = guide.marginals["s"]
    assert found.batch_shape == (1,)
    assert found.mean.item() == pytest.approx(truth.means.item(), abs=0.05)
    assert found.variance.item() == pytest.approx(np.array(truth.covs).item(), rel=0.1)


def test_of_independent_steps_it_is_the_posterior_of_a_discrete_model() -> None:
    model = POMDP(
        A=[torch.tensor([[0.9, 0.3], [0.1, 0.7]])],
        B=[torch.tensor([[0.6, 0.6], [0.4, 0.4]]).unsqueeze(-1)],
    ).double()
    observations = {"o0": torch.tensor([0, 1, 1])}
    guide = MeanField(model)
    guide.prepare(observations)
    loss = TraceEnum_ELBO(max_plate_nesting=0)(model, config_enumerate(guide))
    optimizer = torch.optim.Adam(guide.parameters(), lr=0.2)
    for _ in range(120):
        optimizer.zero_grad()
        value = loss(observations)
        value.backward()
        optimizer.step()
    smoothing = ExactFilter(model).smooth(observations)
    assert value.item() == pytest.approx(smoothing.free_energy.item(), abs=1e-4)
    probs = guide.marginals["s0"].probs
    assert torch.allclose(probs, smoothing.marginals["s0"].probs, atol=0.01)


def test_random_parameters_of_the_model_are_recognized_too() -> None:
    model = Neural(2, 1, uncertainty=Bayesian())
    guide = MeanField(model)
    guide.prepare({"o": torch.zeros(3, 4, 1)})
    names = dict(guide.named_parameters())
    assert len([name for name in names if name.startswith("random_parameters")]) == 2
    assert len([name for name in names if name.startswith("numbers")]) == 1
