"""Products of marginals against numpy's outer products."""

from functools import reduce

import numpy as np
import torch

from pyro_activeinf.filters.products import log_product, picked, product
from tests.bridge import as_array
from tests.oracles import assert_close


def test_products_are_outer_products_over_any_batch() -> None:
    parts = [torch.rand(4, 1, 2), torch.rand(5, 3), torch.rand(4, 5, 4)]
    found = product(parts)
    assert found.shape == (4, 5, 24)
    for i in range(4):
        for j in range(5):
            rows = [as_array(parts[0][i, 0]), as_array(parts[1][j]), as_array(parts[2][i, j])]
            assert_close(as_array(found[i, j]), reduce(np.multiply.outer, rows).ravel())
    assert_close(as_array(log_product([p.log() for p in parts]).exp()), as_array(found))


def test_rows_are_picked_for_each_member_of_a_batch() -> None:
    rows = torch.rand(2, 1, 4, 3)
    index = torch.tensor([3, 0, 2])
    found = picked(rows, index)
    assert found.shape == (2, 3, 3)
    for i in range(2):
        for j in range(3):
            assert torch.equal(found[i, j], rows[i, 0, index[j]])
