"""Guides over a box: the map to actions and its inverse, its density, and moving on."""

import pyro
import pytest
import torch

from pyro_activeinf.free_energy.policy_guides import policy_free_energy
from pyro_activeinf.planning import FlowPolicy, GaussianPolicy, GuideFamily
from pyro_activeinf.planning.policy_guides import BoxGuide
from tests.planning.regulator import LinearFilter
from tests.planning.test_cross_entropy import cart

FAMILIES = [GaussianPolicy(0.7), FlowPolicy(2)]
each_family = pytest.mark.parametrize("family", FAMILIES, ids=["gaussian", "flow"])


def made(family: GuideFamily, horizon: int = 2, shape: tuple[int, ...] = (1,)) -> BoxGuide:
    with pyro.settings.context(module_local_params=True):
        begin = torch.zeros(*shape, horizon, 1)
        guide = family(LinearFilter(cart(bound=3.0)), horizon, shape, begin)
    assert isinstance(guide, BoxGuide)
    return guide


@each_family
def test_numbers_and_policies_are_one_to_one(family: GuideFamily) -> None:
    guide = made(family)
    x = torch.linspace(-1.2, 1.2, 22).reshape(11, 2)
    policies = guide.squash(x)
    assert policies.shape == (11, 2, 1)
    assert policies.abs().max() < 3.0
    torch.testing.assert_close(guide.numbers_of(policies), x)
    assert guide.squash(torch.tensor([0.1, -0.2])).flatten().tolist() == pytest.approx(
        [0.3, -0.6], abs=1e-5
    )  # straight inside


@each_family
def test_density_is_that_of_the_policies(family: GuideFamily) -> None:
    """log q(u) = log q(x) - log |du/dx|, the slope by automatic differentiation."""
    filter = LinearFilter(cart(bound=3.0))
    guide = made(family)
    found = policy_free_energy(filter, guide, filter.initial(), num_particles=5)
    x = found.values["policy_numbers"].squeeze(1).detach()
    slopes = torch.func.vmap(torch.func.jacrev(lambda row: guide.squash(row).flatten()))(x)
    expected = -slopes.logdet()
    torch.testing.assert_close(found.log_probs["policy"].squeeze(1), expected)
    torch.testing.assert_close(found.policies.squeeze(1), guide.squash(x))


@each_family
def test_moves_one_step_on(family: GuideFamily) -> None:
    guide = made(family, horizon=3, shape=(2, 4))
    with torch.no_grad():
        guide.loc.copy_(torch.randn_like(guide.loc))
        before = guide.loc.clone()
    guide.step_on()
    torch.testing.assert_close(guide.loc[..., :2], before[..., 1:])
    torch.testing.assert_close(guide.loc[..., 2], before[..., 2])


def test_a_gaussian_keeps_what_it_knows_of_later_steps() -> None:
    guide = made(GaussianPolicy(), horizon=3)
    with torch.no_grad():
        guide.mixing.copy_(torch.randn(1, 3, 3))
        guide.log_scale.copy_(torch.randn(1, 3))
    before = guide.numbers().normal.covariance_matrix.detach()
    guide.step_on()
    after = guide.numbers().normal.covariance_matrix.detach()
    torch.testing.assert_close(after[0, :2, :2], before[0, 1:, 1:])
    assert after[0, 2].tolist() == pytest.approx([0.0, 0.0, before[0, 2, 2].item()], abs=1e-12)


@each_family
def test_centers_stand_for_each_restart(family: GuideFamily) -> None:
    guide = made(family, shape=(3, 2))
    assert guide.centers().shape == (3, 2, 2, 1)
    assert not guide.centers().requires_grad


@pytest.mark.parametrize("family", [GaussianPolicy, FlowPolicy])
def test_refuses_a_spread_that_is_none(family: type) -> None:
    with pytest.raises(ValueError, match="spread"):
        family(spread=0.0)
