"""All generators come back."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from pyro_activeinf.learning import random_state


def drawn() -> tuple[float, ...]:
    return (
        torch.rand(()).item(),
        torch.randn(3).sum().item(),
        np.random.standard_normal(),  # noqa: NPY002
        np.random.rand(),  # noqa: NPY002
        random.random(),
        random.gauss(0.0, 1.0),
    )


def test_states_are_taken_up_in_the_middle_of_a_pair_of_normals() -> None:
    drawn()
    state = random_state.get()
    first = drawn()
    drawn()
    random_state.put(state)
    assert drawn() == first


def test_they_are_kept_through_an_error() -> None:
    def failing() -> None:
        with random_state.kept():
            drawn()
            raise KeyError

    state = random_state.get()
    with pytest.raises(KeyError):
        failing()
    first = drawn()
    random_state.put(state)
    assert drawn() == first
