"""Products of matrices in pairs, against one after the other."""

import pytest
import torch

from pyro_activeinf.conjugacy.halving import Parts, product, products


def after(one: Parts, two: Parts) -> Parts:
    return (one[0] @ two[0],)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 13])
def test_products_are_those_in_order(count: int) -> None:
    items = torch.randn(count, 2, 2)
    wanted = [items[0]]
    for item in items[1:]:
        wanted.append(wanted[-1] @ item)
    torch.testing.assert_close(products(after, (items,))[0], torch.stack(wanted))
    torch.testing.assert_close(product(after, (items,))[0][0], wanted[-1])
