"""Whole trees of actions, against one step after another."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters import GaussianFilter
from pyro_activeinf.planning import OpenLoop
from pyro_activeinf.planning.tree import all_policies, policy_tree
from pyro_activeinf.records import ExpectedFreeEnergyTerms
from tests.filters.gaussian_programs import Drifting

CPU = torch.device("cpu")


class Changing(Drifting):
    """Preferences over an outcome and over the state that change with time."""

    def prefer(self, step: int) -> None:
        pyro.sample("speed", dist.Normal(torch.tensor(1.0 * step), 0.5 + step))
        pyro.sample("s", dist.Normal(torch.zeros(2), 2.0).to_event(1))


class Still(Drifting):
    def prefer(self) -> None:
        """Nothing is preferred."""


def one_by_one(carrier: GaussianFilter, start: object, policies: Tensor) -> Tensor:
    """Terms of each step of each policy, ``(*batch, policies, time, 4, 1 + sites)``."""
    belief = start.reshape(*start.batch_shape, 1)  # type: ignore[attr-defined]
    found = []
    for actions in policies.unbind(-1):
        belief = carrier.predict(belief, actions)
        found.append(carrier.expected_free_energy(belief).values)
    return torch.stack(found, -3)


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
@pytest.mark.parametrize("anticipate", [False, True])
@pytest.mark.parametrize("model", [Drifting, Changing, Still])
def test_all_policies(model: type[Drifting], anticipate: bool, batch: tuple[int, ...]) -> None:
    carrier = GaussianFilter(model(), anticipate=anticipate)
    start = carrier.update(carrier.initial(batch), {"place": torch.randn(batch)})
    plan = OpenLoop(3)(carrier, start)
    expected = one_by_one(carrier, start, plan.policies)
    torch.testing.assert_close(plan.per_step.values, expected, atol=1e-9, rtol=0.0)
    torch.testing.assert_close(plan.expected_free_energy, plan.terms.total, atol=1e-9, rtol=0.0)


@pytest.mark.parametrize("updated", [False, True])
def test_some_policies(updated: bool) -> None:
    carrier = GaussianFilter(Changing(), anticipate=True)
    start = carrier.initial()
    start = carrier.update(start, {"speed": 0.4}) if updated else start
    policies = all_policies([5], 4, CPU)[[3, 77, 78, 300, 301, 620]]
    plan = OpenLoop(4, policies)(carrier, start)
    expected = one_by_one(carrier, start, policies)
    torch.testing.assert_close(plan.per_step.values, expected, atol=1e-9, rtol=0.0)


def test_gradients_flow_through_it() -> None:
    model = Drifting()
    model.pushes = torch.nn.Parameter(model.pushes.clone())
    carrier = GaussianFilter(model)
    start = carrier.initial()
    plan = OpenLoop(2)(carrier, start)
    (found,) = torch.autograd.grad(plan.expected_free_energy.sum(), model.pushes)
    values = one_by_one(carrier, start, plan.policies)
    slow = ExpectedFreeEnergyTerms(values, ()).total.sum()
    (expected,) = torch.autograd.grad(slow, model.pushes)
    torch.testing.assert_close(found, expected)


def test_where_actions_differ_in_more_than_a_shift_it_goes_step_by_step() -> None:
    carrier = GaussianFilter(Drifting(spreading=True))
    tree = policy_tree(all_policies([5], 2, CPU), [5])
    assert carrier.sweep(carrier.initial(), tree) is None
    assert GaussianFilter(Drifting()).sweep(carrier.initial(), tree) is not None
