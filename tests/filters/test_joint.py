"""Joint arrays of programs with dependences within a step."""

import numpy as np
import pytest
import torch

from pyro_activeinf.compile import compile_program
from pyro_activeinf.filters.joint import (
    ancestors,
    dynamics,
    linked_sites,
    log_likelihood,
    require_room,
    table_dtype,
)
from tests.bridge import as_array
from tests.filters.programs import Linked, likelihood_by_hand, transition_by_hand
from tests.oracles import assert_close


def test_dynamics_multiply_the_tables_out() -> None:
    model = Linked()
    found = dynamics(compile_program(model))
    start = model.weather[:, None] * model.mood
    assert_close(as_array(found.log_initial.exp()), as_array(start.reshape(-1)))
    for action in range(2):
        assert_close(as_array(found.transition[action]), transition_by_hand(model, action))
        assert_close(
            as_array(found.log_transition[action].exp()), as_array(found.transition[action])
        )
    assert found.smallest == pytest.approx(float(found.log_transition.min()))


@pytest.mark.parametrize(
    ("names", "summed"),
    [
        (["first", "second", "third"], ()),
        (["second"], (2, 4)),
        (["third"], (2, 3)),
        (["second", "third"], (2,)),
    ],
)
def test_likelihood_sums_out_the_sites_in_between(
    names: list[str], summed: tuple[int, ...]
) -> None:
    model = Linked()
    truth = likelihood_by_hand(model).sum(summed)
    found = log_likelihood(compile_program(model), names).exp()
    assert_close(as_array(found), truth.reshape(6, *truth.shape[2:]))


def test_names_may_come_in_any_order() -> None:
    model = Linked()
    truth = likelihood_by_hand(model).sum(4)
    found = log_likelihood(compile_program(model), ["second", "first"]).exp()
    assert_close(as_array(found), np.moveaxis(truth.reshape(6, 2, 3), 1, 2))


def test_linked_sites_and_ancestors() -> None:
    tables = compile_program(Linked())
    assert linked_sites(tables) == [("first", "second"), ("third",)]
    assert ancestors(tables.observe, ["second"]) == ("first", "second")


def test_the_limit_of_memory_is_named() -> None:
    with pytest.raises(ValueError, match=r"`x`: expected at most 2.0 GiB, got 1e\+10 numbers"):
        require_room("x", 1e10, torch.float64, "Less.")


def test_dtype_is_the_widest() -> None:
    assert table_dtype(compile_program(Linked().float())) is torch.float32
    mixed = Linked().float()
    mixed.third = mixed.third.double()
    assert table_dtype(compile_program(mixed)) is torch.float64
