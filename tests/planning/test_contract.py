"""What holds for every planner: one suite over a registry."""

from collections.abc import Callable

import pyro
import pytest
import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning import (
    AmortizedPolicy,
    CategoricalPolicy,
    CrossEntropy,
    EpistemicPriors,
    FlowPolicy,
    Habitual,
    Inductive,
    OpenLoop,
    Planner,
    Sophisticated,
    TreeSearch,
    Variational,
)
from tests.planning.regulator import LinearFilter
from tests.planning.test_cross_entropy import cart

PLANNERS: dict[str, Callable[[], Planner]] = {
    "inductive": lambda: Inductive(OpenLoop(1), {"location": 3}, 3),
    "tree search": lambda: TreeSearch(2, simulations=400, exploration=4.0, precision=16.0),
    "sophisticated": lambda: Sophisticated(2),
    "sophisticated, discounted": lambda: Sophisticated(3, discount=0.9, terms={"epistemic"}),
    "open loop": lambda: OpenLoop(2),
    "open loop, pragmatic": lambda: OpenLoop(2, terms={"pragmatic"}),
    "open loop, some policies": lambda: OpenLoop(
        2, policies=torch.tensor([[3, 1], [3, 2], [0, 0]])
    ),
    "variational": lambda: Variational(2, 1),
    "epistemic priors": lambda: EpistemicPriors(1),
    "habitual": lambda: Habitual(OpenLoop(2), AmortizedPolicy(ExactFilter(TMaze()), 2), steps=1),
}

REAL: dict[str, Callable[[], Planner]] = {
    "cross-entropy": lambda: CrossEntropy(3, samples=32, elites=4, iterations=2),
    "variational": lambda: Variational(3, 3, restarts=4),
    "variational, by another optimizer": lambda: Variational(
        3, 3, restarts=4, optimizer=torch.optim.Adam
    ),
    "variational, flow": lambda: Variational(3, 3, FlowPolicy(2), restarts=4),
    "habitual": lambda: Habitual(
        CrossEntropy(3, samples=32, elites=4), AmortizedPolicy(LinearFilter(cart()), 3), steps=1
    ),
}


@pytest.fixture(params=PLANNERS.values(), ids=PLANNERS.keys())
def planner(request: pytest.FixtureRequest) -> Planner:
    return request.param()


@pytest.mark.parametrize("batch", [(), (3,), (2, 2)])
def test_posterior_has_the_shapes_of_the_batch(planner: Planner, batch: tuple[int, ...]) -> None:
    exact = ExactFilter(TMaze())
    posterior = planner(exact, exact.update(exact.initial(batch), {"position": 0}))
    count = len(posterior.policies)
    assert posterior.probs.shape == posterior.expected_free_energy.shape == (*batch, count)
    assert posterior.terms.total.shape == (*batch, count)
    assert posterior.action_probs.shape == (*batch, 4)
    torch.testing.assert_close(posterior.probs.sum(-1), torch.ones(batch))
    torch.testing.assert_close(posterior.action_probs.sum(-1), torch.ones(batch))


def test_planning_twice_gives_the_same(planner: Planner) -> None:
    exact = ExactFilter(TMaze())
    belief = exact.update(exact.initial(), {"position": 0})
    assert torch.equal(planner(exact, belief).probs, planner(exact, belief).probs)


def test_lower_expected_free_energy_is_more_probable(planner: Planner) -> None:
    exact = ExactFilter(TMaze())
    posterior = planner(exact, exact.update(exact.initial(), {"position": 0}))
    if isinstance(planner, Inductive):
        posterior = planner.planner(exact, exact.update(exact.initial(), {"position": 0}))
    order = posterior.expected_free_energy.argsort()
    assert (posterior.probs[order].diff() <= 1e-12).all()


def test_a_question_without_a_belief_is_refused(planner: Planner) -> None:
    with pytest.raises((TypeError, ValueError), match="`filter"):
        planner(ExactFilter(TMaze()), None)  # type: ignore[arg-type]


@pytest.fixture(params=REAL.values(), ids=REAL.keys())
def real_planner(request: pytest.FixtureRequest) -> Planner:
    return request.param()


@pytest.mark.parametrize("batch", [(), (3,), (2, 2)])
def test_real_policies_have_the_shapes_of_the_batch(
    real_planner: Planner, batch: tuple[int, ...]
) -> None:
    filter = LinearFilter(cart(bound=2.0))
    posterior = real_planner(filter, filter.initial(batch))
    assert posterior.real
    assert posterior.policies.shape == (*batch, 4, 3, 1)
    assert posterior.first_actions.shape == (*batch, 4, 1)
    assert posterior.policies.abs().max() <= 2.0
    assert posterior.probs.shape == posterior.action_probs.shape == (*batch, 4)
    assert posterior.terms.total.shape == posterior.expected_free_energy.shape == (*batch, 4)
    torch.testing.assert_close(posterior.terms.total, posterior.expected_free_energy)
    torch.testing.assert_close(posterior.probs.sum(-1), torch.ones(batch))
    assert (posterior.probs.diff(dim=-1) <= 0).all()  # the best one first


def test_real_plans_repeat_with_the_seed(real_planner: Planner) -> None:
    filter = LinearFilter(cart(bound=2.0))
    found = []
    for _ in range(2):
        pyro.set_rng_seed(1)
        found.append(real_planner(filter, filter.initial()).policies)
    assert torch.equal(*found)


def test_real_plans_need_a_belief(real_planner: Planner) -> None:
    with pytest.raises(TypeError, match="`filter, belief`"):
        real_planner(LinearFilter(cart()), None)  # type: ignore[arg-type]


def test_counting_plans_are_refused_where_actions_are_real() -> None:
    filter = LinearFilter(cart())
    for planner in (OpenLoop(1), Variational(1, 1, CategoricalPolicy())):
        with pytest.raises(ValueError, match="Variational or CrossEntropy"):
            planner(filter, filter.initial())
