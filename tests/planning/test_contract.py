"""What holds for every planner: one suite over a registry."""

from collections.abc import Callable

import pytest
import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning import Inductive, OpenLoop, Planner, Sophisticated, TreeSearch

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
