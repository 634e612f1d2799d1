"""Rows of each step: all come up, and their free energy is that of all data."""

from __future__ import annotations

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from torch import Tensor

from pyro_activeinf.learning.batches import Minibatches, Whole, arguments
from pyro_activeinf.learning.locality import local_parameters

from .programs import Regression, Weights, line


def batches(size: int, seed: int = 0) -> Minibatches:
    return Minibatches(line(), size, seed, Regression())


def test_arrays_become_tensors() -> None:
    ((found,),) = [arguments({"a": np.arange(3.0), "b": [np.ones(2), None]})]
    assert torch.equal(found["a"], torch.arange(3.0))
    assert torch.equal(found["b"][0], torch.ones(2))
    assert found["b"][1] is None


def test_whole_data_are_the_same_object_at_every_step() -> None:
    whole = Whole(line())
    assert whole.at(0) is whole.at(5)


def test_an_epoch_has_every_row_once() -> None:
    x, _ = line()
    each = batches(4)
    assert each.per_epoch == 3
    rows = torch.cat([each.at(step)[0] for step in range(3)])
    assert torch.equal(rows.sort(0).values, x.sort(0).values)


def test_rows_of_tensors_belong_together() -> None:
    x, y = line()
    seen = batches(5).at(3)
    for row, value in zip(*seen, strict=True):
        assert y[(x == row).all(-1)] == value


def test_each_epoch_has_an_order_of_its_own_that_depends_on_the_seed_alone() -> None:
    first, again, other = batches(4), batches(4), batches(4, seed=1)
    assert not torch.equal(first.at(0)[1], first.at(3)[1])
    assert torch.equal(first.at(7)[1], again.at(7)[1])
    assert not torch.equal(first.at(7)[1], other.at(7)[1])


def test_the_mean_over_batches_is_the_free_energy_of_all_data() -> None:
    model, guide, data = Regression(), Weights(), line()

    def free_energy(args: tuple[Tensor, ...]) -> Tensor:
        pyro.set_rng_seed(3)  # the same weights for all batches
        with local_parameters(model, guide):
            return Trace_ELBO().differentiable_loss(model, guide, *args).detach()

    each = batches(4)
    parts = []
    for step in range(3):
        with each.scaled():
            parts.append(free_energy(each.at(step)))
    assert torch.stack(parts).mean().item() == pytest.approx(free_energy(data).item(), abs=1e-9)


def test_looking_for_plates_draws_nothing() -> None:
    before = torch.get_rng_state()
    batches(4)
    assert torch.equal(torch.get_rng_state(), before)
    assert not pyro.get_param_store().keys()


def test_a_batch_of_all_rows_needs_no_plate() -> None:
    def model(x: Tensor) -> None:
        pyro.sample("x", dist.Normal(0.0, 1.0).expand(x.shape).to_event(1), obs=x)

    assert len(Minibatches((torch.ones(3),), 3, 0, model).at(0)[0]) == 3
    with pytest.raises(ValueError, match=r"`model`: expected a plate with an element for each row"):
        Minibatches((torch.ones(3),), 2, 0, model)


def test_a_plate_of_the_same_size_by_chance_is_not_taken_for_the_rows() -> None:
    def model(x: Tensor) -> None:
        with pyro.plate("pair", 2, dim=-2), pyro.plate("rows", len(x), dim=-1):
            pyro.sample("x", dist.Normal(0.0, 1.0), obs=x)

    assert Minibatches((torch.ones(5),), 2, 0, model)._scale.plates == {"rows"}


@pytest.mark.parametrize(
    ("data", "size", "message"),
    [
        ((torch.ones(3), torch.ones(4)), 2, "one number of rows"),
        ((torch.ones(()),), 2, "one number of rows"),
        ((None,), 2, "one number of rows"),
        (line(), 0, "`batch_size`: expected an integer of at least 1"),
        (line(), 99, "`batch_size`: expected at most 12 rows, got 99"),
    ],
)
def test_data_that_cannot_be_batched(data: tuple[Tensor, ...], size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Minibatches(data, size, 0, Regression())


def test_only_a_state_of_the_same_sizes_is_taken_over() -> None:
    first, second = batches(4, seed=5), batches(4)
    second.resume(first.state())
    assert torch.equal(first.at(1)[1], second.at(1)[1])
    with pytest.raises(ValueError, match="`checkpoint`: expected a run over data with"):
        batches(3).resume(first.state())
    with pytest.raises(ValueError, match="no batches"):
        Whole(line()).resume(first.state())
