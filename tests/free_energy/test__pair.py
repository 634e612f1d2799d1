"""Any model and guide, given the names of the outcomes."""

from __future__ import annotations

import math
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch import Tensor, nn

from pyro_activeinf import ExpectedFreeEnergy
from pyro_activeinf.free_energy import Exact, Gaussian, Nested


def walk() -> None:
    s = pyro.sample("s_0", dist.Normal(0.0, 1.0))
    pyro.sample("o_0", dist.Normal(s, 1.0))
    s = pyro.sample("s_1", dist.Normal(s, 1.0))
    pyro.sample("o_1", dist.Normal(s, 0.5), obs=torch.tensor(3.0))  # seen: predicted all the same


def walk_guide() -> None:
    s = pyro.sample("s_0", dist.Normal(0.0, 1.0))
    pyro.sample("s_1", dist.Normal(s, 1.0))


def test_sites_of_each_step() -> None:
    energy = ExpectedFreeEnergy(
        Gaussian(), observations=["o"], num_particles=4000, preferences={"o": dist.Normal(1.0, 2.0)}
    )
    terms = energy.decompose(walk, walk_guide)
    assert terms.sites == ("o",)
    for t, (signal, noise) in enumerate([(1.0, 1.0), (2.0, 0.25)]):
        error = float(terms.standard_error["epistemic"][t])
        truth = 0.5 * math.log(1 + signal / noise)
        assert float(terms.epistemic[t]) == pytest.approx(truth, abs=3 * error)
        worth = -(1 + signal + noise) / 8 - math.log(2) - 0.5 * math.log(2 * math.pi)
        error = float(terms.standard_error["pragmatic"][t])
        assert float(terms.pragmatic[t]) == pytest.approx(worth, abs=3 * error)
    loss = ExpectedFreeEnergy(Gaussian(), observations=["o_1"], num_particles=4000)
    assert loss.loss(walk, walk_guide) == pytest.approx(-0.5 * math.log(9), abs=0.1)


DESIGNS = torch.tensor([0.0, 1.0, 2.0])


def experiment() -> None:
    x = DESIGNS.to(torch.get_default_dtype())[:, None]
    with pyro.plate("designs", 3, dim=-2):
        slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
        with pyro.plate("observed", 4, dim=-1):
            pyro.sample("y", dist.Normal(slope * x, 1.0))


def experiment_guide() -> None:
    with pyro.plate("designs", 3, dim=-2):
        pyro.sample("slope", dist.Normal(0.0, 1.0))


def test_plates_of_all_sites_are_a_batch_and_those_within_are_one_outcome() -> None:
    energy = ExpectedFreeEnergy(Nested(), observations=["y"], num_particles=1000)
    terms = energy.decompose(experiment, experiment_guide)
    assert terms.total.shape == (3, 1)
    truth = 0.5 * (1 + 4 * DESIGNS.square()).log()
    errors = terms.standard_error["epistemic"]
    away = (terms.epistemic - truth[:, None]).abs()
    assert bool((away < 3 * errors + 0.02).all())


def test_a_latent_site_without_a_guide_is_drawn_from_the_model() -> None:
    def model() -> None:
        a = pyro.sample("a", dist.Bernoulli(torch.tensor(0.5)))
        b = pyro.sample("b", dist.Bernoulli(torch.tensor(0.5)))
        pyro.sample("y", dist.Bernoulli(0.1 + 0.8 * (a * b)))

    def guide() -> None:
        pyro.sample("a", dist.Bernoulli(torch.tensor(0.5)))

    energy = ExpectedFreeEnergy(observations=["y"], num_particles=4000)
    terms = energy.decompose(model, guide)
    assert isinstance(energy.chosen, Exact)

    def entropy(p: float) -> float:
        return -p * math.log(p) - (1 - p) * math.log(1 - p)

    error = float(terms.standard_error["epistemic"])
    truth = entropy(0.3) - entropy(0.1)
    assert float(terms.epistemic) == pytest.approx(truth, abs=3 * error + 1e-3)


def test_an_autoguide_is_a_guide() -> None:
    def model() -> None:
        s = pyro.sample("s", dist.Normal(0.0, 1.0))
        pyro.sample("o", dist.Normal(s, 1.0))

    guide = AutoNormal(pyro.poutine.block(model, hide=["o"]), init_scale=0.5)
    energy = ExpectedFreeEnergy(Gaussian(), observations=["o"], num_particles=3000)
    found = energy.decompose(model, guide)
    truth = 0.5 * math.log(1 + 0.25)
    error = float(found.standard_error["epistemic"])
    assert float(found.epistemic.detach()) == pytest.approx(truth, abs=3 * error)


class Pushes(PyroModule):
    """Two real actions, and the states that they lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(2))
        self.log_scale = nn.Parameter(torch.zeros(2))

    def forward(self) -> None:
        s: Any = 0.0
        for t in range(2):
            u = pyro.sample(f"action_{t}", dist.Normal(self.loc[t], self.log_scale[t].exp()))
            s = pyro.sample(f"s_{t}", dist.Normal(s + u, 0.5))


def pushed() -> None:
    s: Any = 0.0
    for t in range(2):
        u = pyro.sample(f"action_{t}", dist.Normal(0.0, 1.0))
        s = pyro.sample(f"s_{t}", dist.Normal(s + u, 0.5))
        pyro.sample(f"o_{t}", dist.Normal(s, 0.5))


def test_real_actions_by_reparameterized_gradients() -> None:
    """At the minimum a mean-field guide has the mean and the precisions of the posterior."""
    guide = Pushes()
    energy = ExpectedFreeEnergy(
        Gaussian(),
        observations=["o"],
        actions=["action"],
        preferences={"o": dist.Normal(1.0, 0.5)},
        terms={"pragmatic"},
        num_particles=20,
        num_policies=100,
    )
    module: Any = energy(pushed, guide)
    optimizer = torch.optim.Adam(guide.parameters(), 0.05)
    for step in range(100):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 110)
        optimizer.zero_grad()
        module().backward()
        optimizer.step()
    precision = torch.eye(2) + 4 * torch.tensor([[2.0, 1.0], [1.0, 1.0]])
    mean = torch.linalg.solve(precision, 4 * torch.tensor([2.0, 1.0]))
    torch.testing.assert_close(guide.loc.detach(), mean, rtol=0, atol=0.08)
    scale = precision.diagonal().rsqrt()
    torch.testing.assert_close(guide.log_scale.detach().exp(), scale, rtol=0, atol=0.08)
    assert energy.decompose(pushed, guide).total.shape == (100, 2)


def test_discrete_actions_by_score_function() -> None:
    class Choice(PyroModule):
        def __init__(self) -> None:
            super().__init__()
            self.logits = nn.Parameter(torch.zeros(2))

        def forward(self) -> None:
            u = pyro.sample("action_0", dist.Categorical(logits=self.logits))
            pyro.sample("s_0", dist.Normal(2.0 * u, 0.5))

    def model() -> None:
        u = pyro.sample("action_0", dist.Categorical(torch.ones(2) / 2))
        s: Tensor = pyro.sample("s_0", dist.Normal(2.0 * u, 0.5))
        pyro.sample("o_0", dist.Normal(s, 0.5))

    guide = Choice()
    energy = ExpectedFreeEnergy(
        Gaussian(),
        observations=["o"],
        actions=["action"],
        preferences={"o": dist.Normal(1.5, 0.8)},
        terms={"pragmatic"},
        num_particles=50,
        num_policies=50,
    )
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.05}), loss=energy)
    for _ in range(100):
        svi.step()
    truth = torch.tensor([-(1.5**2) / 1.28, -(0.5**2) / 1.28]).softmax(-1)
    torch.testing.assert_close(guide.logits.detach().softmax(-1), truth, rtol=0, atol=0.05)


def test_names_that_are_not_met() -> None:
    energy = ExpectedFreeEnergy(observations=["elsewhere"])
    with pytest.raises(ValueError, match="`observations`: expected names of sites of the model"):
        energy.loss(walk, walk_guide)
