import pytest
import torch
from torch.distributions import biject_to, constraints

from pyro_activeinf.behavior.populations.onto import Onto

SUPPORTS = {
    "interval": constraints.interval(-1.0, 3.0),
    "half line": constraints.greater_than(2.0),
    "simplex": constraints.simplex,
}


@pytest.mark.parametrize("support", SUPPORTS.values(), ids=SUPPORTS.keys())
def test_it_is_the_transform_with_the_right_codomain(support: constraints.Constraint) -> None:
    transform = biject_to(support)
    found = Onto(transform, support)
    x = torch.randn(5, 3)
    y = transform(x)
    torch.testing.assert_close(found(x), y)
    torch.testing.assert_close(found.inv(y), x)
    jacobian = transform.log_abs_det_jacobian(x, y)
    torch.testing.assert_close(found.log_abs_det_jacobian(x, y), jacobian)
    assert found.forward_shape(x.shape) == y.shape
    assert found.inverse_shape(y.shape) == x.shape
    assert found.codomain is support
    assert found.codomain.check(y).all()
