"""The free energy of a policy guide: against exact sums, either kind of gradient."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor, nn

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.free_energy.policy_guides import policy_free_energy
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning import OpenLoop
from pyro_activeinf.records import Belief
from tests.planning.regulator import LinearFilter
from tests.planning.test_cross_entropy import cart


def maze() -> tuple[ExactFilter, Belief]:
    exact = ExactFilter(TMaze())
    return exact, exact.update(exact.initial((2,)), {"position": 0})


def exact_free_energy(logits: Tensor, precision: float) -> Tensor:
    """Over all policies of two steps, ``(*batch)``."""
    filter, belief = maze()
    scored = OpenLoop(2)(filter, belief)
    log_q = logits.log_softmax(-1)
    each = log_q[:, 0][..., scored.policies[:, 0]] + log_q[:, 1][..., scored.policies[:, 1]]
    return (each.exp() * (each + precision * scored.expected_free_energy)).sum(-1)


def by_site(logits: Tensor) -> object:
    def guide(belief: Belief) -> None:
        with pyro.plate("members", 2, dim=-1):
            pyro.sample("policy", dist.Categorical(logits=logits).to_event(1))

    return guide


def by_step(logits: Tensor) -> object:
    def guide(belief: Belief) -> None:
        with pyro.plate("members", 2, dim=-1):
            for t in range(2):
                step = belief.step + t
                pyro.sample(f"action_{step}", dist.Categorical(logits=logits[:, t]))

    return guide


@pytest.mark.parametrize("make", [by_site, by_step])
def test_value_and_score_function_gradient_are_unbiased(make: object) -> None:
    filter, belief = maze()
    logits = torch.randn(2, 2, 4, requires_grad=True)
    exact = exact_free_energy(logits, 0.7)
    (expected,) = torch.autograd.grad(exact.sum(), logits)
    count = 10_000
    found = policy_free_energy(
        filter,
        make(logits),  # type: ignore[operator]
        belief,
        precision=0.7,
        num_particles=count,
    )
    (gradient,) = torch.autograd.grad(found.surrogate, logits)
    assert not found.reparameterized
    each = (found.log_prob + found.cost).squeeze(1)
    error = 4 * each.std(0) / count**0.5
    assert ((found.value[0] - exact).abs() < error).all()
    torch.testing.assert_close(gradient, expected, atol=0.04, rtol=0)


def test_the_baseline_leaves_the_gradient_unbiased_with_two_particles() -> None:
    filter, belief = maze()
    logits = torch.randn(2, 2, 4, requires_grad=True)
    (expected,) = torch.autograd.grad(exact_free_energy(logits, 0.7).sum(), logits)
    count = 4000

    def guide(belief: Belief) -> None:
        many = logits.expand(count, 2, 2, 4)
        with pyro.plate("restarts", count, dim=-2), pyro.plate("members", 2, dim=-1):
            pyro.sample("policy", dist.Categorical(logits=many).to_event(1))

    found = policy_free_energy(filter, guide, belief, precision=0.7, num_particles=2)
    (gradient,) = torch.autograd.grad(found.surrogate / count, logits)
    torch.testing.assert_close(gradient, expected, atol=0.06, rtol=0)


class Push(nn.Module):
    """A Gaussian over one policy of two steps."""

    def __init__(self) -> None:
        super().__init__()
        self.loc, self.log_scale = nn.Parameter(torch.zeros(2, 1)), nn.Parameter(torch.zeros(2, 1))

    def forward(self, belief: Belief) -> None:
        pyro.sample("policy", dist.Normal(self.loc, self.log_scale.exp()).to_event(2))


def test_reparameterized_gradients_pass_through_the_filter() -> None:
    filter, guide = LinearFilter(cart()), Push()

    def loss() -> Tensor:
        pyro.set_rng_seed(3)
        found = policy_free_energy(filter, guide, filter.initial(), num_particles=4)
        assert found.reparameterized
        return found.value.sum()

    (gradient,) = torch.autograd.grad(loss(), guide.loc)
    for i in range(2):
        moved = []
        for away in (1e-5, -1e-5):
            with torch.no_grad():
                guide.loc[i] += away
                moved.append(loss().item())
                guide.loc[i] -= away
        assert gradient[i].item() == pytest.approx((moved[0] - moved[1]) / 2e-5, rel=1e-6)


def test_value_bounds_the_evidence_from_above_and_meets_it_at_the_posterior() -> None:
    filter, belief = maze()
    scored = OpenLoop(2, precision=1.0)(filter, belief)
    evidence = -(-scored.expected_free_energy).logsumexp(-1)

    def guide(_: Belief) -> None:
        with pyro.plate("members", 2, dim=-1):
            rows = dist.Categorical(scored.probs)
            index = pyro.sample("row", rows, infer={"is_auxiliary": True})
            pyro.sample("policy", dist.Delta(scored.policies[index], event_dim=1))

    found = policy_free_energy(filter, guide, belief, num_particles=5)
    torch.testing.assert_close(found.value[0], evidence)  # each draw tells the same


def test_refuses_a_guide_without_actions() -> None:
    filter, belief = maze()
    with pytest.raises(ValueError, match="a site 'policy'"):
        policy_free_energy(filter, lambda b: pyro.sample("x", dist.Normal(0.0, 1.0)), belief)
