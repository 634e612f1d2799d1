"""Which units a guide uses."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.bench.collapse import UNITS, train
from pyro_activeinf.diagnostics import posterior_collapse
from tests.diagnostics.programs import Local, exact, model, stored


def test_variance_and_complexity_are_those_of_the_posterior() -> None:
    data = 2**0.5 * torch.randn(400)
    found = posterior_collapse(model, exact, data, num_particles=200)
    expected = torch.stack([data.var() / 4, torch.tensor(0.0)])
    torch.testing.assert_close(found.variance["z"], expected)
    kl = 0.5 * ((data / 2).square() + 0.5 - 1.0 + torch.tensor(2.0).log()).mean()
    assert found.complexity["z"] == pytest.approx(kl.item(), abs=0.02)
    assert found.active["z"].tolist() == [True, False]
    assert (found.active_units, found.units, found.collapsed) == (1, 2, ())
    assert str(found).startswith("z: 1 of 2 units active, KL 0.")


def test_sampled_means_are_corrected_for_their_scatter() -> None:
    """A guide that says the same of all data, and whose means are not known."""

    class Unknown(dist.Normal):
        @property
        def mean(self) -> Tensor:
            raise NotImplementedError

    def guide(data: Tensor) -> None:
        with pyro.plate("data", len(data)):
            pyro.sample("z", Unknown(torch.zeros(2), 1.0).to_event(1))

    found = posterior_collapse(model, guide, torch.randn(2000), num_particles=10)
    assert found.variance["z"].abs().max() < 0.01  # 0.1 without the correction
    assert found.collapsed == ("z",)


@pytest.mark.parametrize("guide", [stored, Local()], ids=["store", "module"])
def test_a_guide_that_has_learned_nothing_has_collapsed(guide: object) -> None:
    pyro.clear_param_store()
    found = posterior_collapse(model, guide, torch.randn(50))  # type: ignore[arg-type]
    assert found.active_units == 0
    assert found.advice.startswith("The posterior of z has collapsed")
    pyro.clear_param_store()


def test_nothing_is_changed() -> None:
    guide = Local()
    before = {name: value.clone() for name, value in guide.state_dict().items()}
    posterior_collapse(model, guide, torch.randn(10))
    assert all(parameter.grad is None for parameter in guide.parameters())
    torch.testing.assert_close(guide.state_dict(), before)
    assert not pyro.get_param_store().keys()


def test_members_of_a_subsampled_plate_stay_the_same_over_runs() -> None:
    data = torch.randn(1000) * 2**0.5

    def half_model() -> None:
        with pyro.plate("data", len(data), subsample_size=200) as index:
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z[..., 0], 1.0), obs=data[index])

    def half_guide() -> None:
        with pyro.plate("data", len(data), subsample_size=200) as index:
            mean = torch.stack([data[index] / 2, torch.zeros(200)], -1)
            pyro.sample("z", dist.Normal(mean, torch.tensor([0.5**0.5, 1.0])).to_event(1))

    found = posterior_collapse(half_model, half_guide)
    assert found.variance["z"][0] == pytest.approx(0.5, abs=0.15)
    assert 0.2 < found.complexity["z"] < 0.5  # per data point, not per member of the plate


def test_categories_are_units() -> None:
    data = torch.tensor([0, 1, 0, 1, 0, 1])

    def coins(data: Tensor) -> None:
        with pyro.plate("data", len(data)):
            z = pyro.sample("z", dist.Categorical(torch.ones(3) / 3))
            pyro.sample("x", dist.Categorical(torch.eye(3)[z] * 0.9 + 0.1), obs=data)

    def guide(data: Tensor) -> None:
        with pyro.plate("data", len(data)):
            pyro.sample("z", dist.Categorical(torch.eye(3)[data] * 0.9 + 0.1))

    found = posterior_collapse(coins, guide, data)
    assert found.active["z"].tolist() == [True, True, False]


def test_every_unit_may_be_active() -> None:
    def one(data: Tensor) -> None:
        with pyro.plate("data", len(data)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=data)

    def guide(data: Tensor) -> None:
        with pyro.plate("data", len(data)):
            pyro.sample("z", dist.Normal(data / 2, 0.5**0.5))

    found = posterior_collapse(one, guide, torch.randn(30))
    assert found.advice == "Every unit carries information about the data."


def test_without_a_batch_there_is_nothing_to_count() -> None:
    def alone() -> None:
        pyro.sample("z", dist.Normal(0.0, 1.0))

    with pytest.raises(ValueError, match=r"`guide`: expected a latent site with a batch of at lea"):
        posterior_collapse(alone, alone)
    with pytest.raises(ValueError, match="`num_particles`"):
        posterior_collapse(alone, alone, num_particles=0)
    with pytest.raises(ValueError, match="`threshold`"):
        posterior_collapse(alone, alone, threshold=-1.0)


def test_annealing_and_free_bits_bring_units_back() -> None:
    """From one seed and in a short training; the bench does it from five."""
    torch.set_default_dtype(torch.float32)
    plain, both = (train(arm, seed=0, steps=200) for arm in ("plain", "both"))
    assert plain.active_units < both.active_units == UNITS
    assert plain.complexity < 0.3 < both.complexity


def test_what_is_no_program_is_refused() -> None:
    with pytest.raises(TypeError, match=r"`model`: expected a program of Pyro, .*, got 3"):
        posterior_collapse(3, lambda: None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"`guide`: expected a program of Pyro, .*, got 3"):
        posterior_collapse(lambda: None, 3)  # type: ignore[arg-type]
