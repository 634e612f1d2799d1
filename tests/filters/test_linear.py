"""Maps that are sparse are noticed, and give what the dense product gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pyro_activeinf.filters.linear import Dense, LinearMap, Sparse, linear_map

SIZE = 150  # large enough for a sparse product to be considered


def columns(n: int, size: int = SIZE) -> Tensor:
    return torch.rand(size, n).softmax(0)


def deterministic(size: int = SIZE) -> Tensor:
    return torch.eye(size)[torch.randint(size, (size,))]


def noisy(floor: float) -> Tensor:
    return (1 - floor * SIZE) * torch.eye(SIZE) + floor


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (deterministic, Sparse),
        (lambda: noisy(0.001), Sparse),
        (lambda: noisy(0.001) @ noisy(0.002), Sparse),  # constant but for rounding
        (lambda: noisy(0.001) - 1.0, Sparse),
        (lambda: torch.zeros(SIZE, SIZE), Sparse),
        (lambda: torch.rand(SIZE, SIZE), Dense),
        (lambda: deterministic(20), Dense),
    ],
)
def test_sparse_tables_are_noticed(make: Callable[[], Tensor], kind: type[LinearMap]) -> None:
    matrix = make()
    found = linear_map(matrix)
    assert type(found) is kind
    given = columns(7, len(matrix))
    torch.testing.assert_close(found(given), matrix.T @ given, rtol=1e-12, atol=1e-14)


def test_a_noisy_sensor_costs_one_number_for_each_place() -> None:
    found = linear_map(noisy(0.001))
    assert isinstance(found, Sparse)
    assert found.constant is not None
    assert len(found.weights) == SIZE


def test_probabilities_stay_probabilities() -> None:
    found = linear_map(torch.where(torch.eye(SIZE) > 0, 0.0, 1 / (SIZE - 1)))
    assert bool((found(columns(3)) >= 0).all())


@given(st.integers(0, 2**31 - 1), st.sampled_from([0.0, 0.003]), st.integers(1, 9))
def test_any_sparse_matrix(seed: int, floor: float, n: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    kept = torch.rand(SIZE, SIZE, generator=generator) < 0.02
    matrix = torch.where(kept, torch.rand(SIZE, SIZE, generator=generator), 0.0) + floor
    given_columns = torch.rand(SIZE, n, generator=generator).softmax(0)
    torch.testing.assert_close(
        linear_map(matrix)(given_columns), matrix.T @ given_columns, rtol=1e-12, atol=1e-13
    )


def test_a_matrix_that_is_learned_stays_dense() -> None:
    matrix = torch.eye(SIZE).requires_grad_()
    found = linear_map(matrix)
    assert isinstance(found, Dense)
    found(columns(2)).sum().backward()
    assert matrix.grad is not None


def test_gradients_reach_the_beliefs_through_a_sparse_map() -> None:
    matrix, given_columns = noisy(0.001), columns(4).requires_grad_()
    weights = torch.rand(SIZE, 4)
    (found,) = torch.autograd.grad(
        (linear_map(matrix)(given_columns) * weights).sum(), given_columns
    )
    # the constant part counts the columns' sum as one, wherever they move
    torch.testing.assert_close(found, (matrix - 0.001) @ weights)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_floating_type_is_kept(dtype: torch.dtype) -> None:
    found = linear_map(noisy(0.001).to(dtype))
    assert found(columns(2).to(dtype)).dtype is dtype


def test_a_very_bad_rest_keeps_the_differences_of_what_is_wanted() -> None:
    matrix = torch.zeros(200, 100)
    matrix[torch.arange(200), torch.arange(200) % 100] = 1.0
    matrix[:, 0] = -1e8
    matrix[7, 0], matrix[9, 0] = -3.0, -1.0
    given_column = torch.zeros(200, 1)
    given_column[[7, 9]] = 0.5
    found = linear_map(matrix.float())(given_column.float())
    torch.testing.assert_close(found[0], torch.tensor([-2.0], dtype=torch.float32))
