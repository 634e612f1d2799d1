"""Derivatives of preimages."""

from __future__ import annotations

import torch

from pyro_activeinf.flows.preimage import attached_preimage, jacobian
from tests.flows.kinds import jacobians, shaken


def test_the_jacobian_is_that_of_each_point() -> None:
    flow, z = shaken("planar"), torch.randn(4, 3)
    torch.testing.assert_close(jacobian(flow.forward, z), jacobians(flow, z))
    wide = jacobian(flow.forward, z.expand(2, 4, 3))
    torch.testing.assert_close(wide, jacobians(flow, z).expand(2, 4, 3, 3))


def test_derivatives_are_those_of_the_inverse() -> None:
    flow = shaken("affine_coupling")
    z = torch.randn(4, 3)
    x = flow(z)[0].detach().requires_grad_()
    weights, parameters = torch.randn(4, 3), [*flow.parameters(), x]
    found = attached_preimage(flow.forward, z, x)
    torch.testing.assert_close(found, z)
    one = torch.autograd.grad((found * weights).sum(), parameters)
    other = torch.autograd.grad((flow.inverse(x) * weights).sum(), parameters)
    torch.testing.assert_close(one, other)
