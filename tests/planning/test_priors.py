"""What the model's habit says of policies, real-valued and counted."""

import pyro
import pyro.distributions as dist
import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import POMDP, TMaze
from pyro_activeinf.planning import ModelHabit, OpenLoop
from tests.planning.regulator import LinearFilter
from tests.planning.test_cross_entropy import Lazy, cart
from tests.planning.test_natural import habitual


def test_a_real_habit_counts_each_action() -> None:
    filter = LinearFilter(cart(kind=Lazy))
    policies = torch.randn(3, 5, 2, 1)
    found = ModelHabit().log_prob(filter, filter.initial((3,)), policies)
    expected = dist.Normal(0.0, 0.5).log_prob(policies).sum((-1, -2))
    torch.testing.assert_close(found, expected)


def test_without_a_habit_all_policies_are_alike() -> None:
    filter, exact = LinearFilter(cart()), ExactFilter(TMaze())
    real = ModelHabit().log_prob(filter, filter.initial(), torch.randn(5, 2, 1))
    assert real.tolist() == [0.0] * 5
    assert ModelHabit().log_prob(exact, exact.initial(), torch.zeros(4, 3).long()).shape == (4,)


def test_a_counted_habit_is_that_of_open_loop_and_knows_batches() -> None:
    exact = ExactFilter(habitual())
    policies = OpenLoop(2)(exact, exact.initial()).policies
    found = ModelHabit().log_prob(exact, exact.initial(), policies)
    expected = OpenLoop(2, precision=0.0)(exact, exact.initial()).probs
    torch.testing.assert_close(found.softmax(-1), expected)
    many = ModelHabit().log_prob(exact, exact.initial((3,)), policies.expand(3, -1, -1))
    torch.testing.assert_close(many, found.expand(3, -1))


def test_a_habit_of_several_controls() -> None:
    class Both(POMDP):
        def habit(self) -> None:  # type: ignore[override]
            pyro.sample("action_1", dist.Categorical(torch.tensor([0.2, 0.8])))

    moves = torch.stack([torch.eye(2), torch.eye(2).flip(0)], -1)
    A = [torch.eye(2), torch.eye(2)]
    model = Both(A, [moves, moves], None, A_dependencies=[[0], [1]], B_dependencies=[[0], [1]])
    exact = ExactFilter(model)
    found = ModelHabit().log_prob(exact, exact.initial(), torch.tensor([[[0, 0]], [[1, 1]]]))
    torch.testing.assert_close(found, torch.tensor([0.2, 0.8]).log())
