"""Problems as this library sees them."""

import numpy as np
import torch

from pyro_activeinf.bench.problem import Problem, some_policies
from pyro_activeinf.bench.task import unread
from pyro_activeinf.bench.tasks import Scoring, Updating
from pyro_activeinf.bench.worlds import grid, tmaze


def test_one_agent_has_no_batch_dim() -> None:
    task = Updating(Problem("updating", tmaze()).to_json())
    assert task.batch == ()
    assert task.observation([[3, 0, 1]]) == {"o0": 3, "o1": 0, "o2": 1}
    assert task.start().batch_shape == ()
    assert task.action.item() == 3


def test_a_batch_takes_the_rows() -> None:
    task = Updating(Problem("updating", grid(3), batch=4).to_json())
    seen = task.observation([[0], [3], [5], [8]])["o0"]
    np.testing.assert_array_equal(seen, [0, 3, 5, 8])
    assert task.start().batch_shape == (4,)
    assert task.action.tolist() == [0, 1, 2, 3]


def test_numbers_are_float32_whatever_the_default() -> None:
    assert torch.get_default_dtype() == torch.float64
    assert Updating(Problem("updating", grid(3)).to_json()).start().probs.dtype == torch.float32


def test_given_policies_are_planned_with() -> None:
    policies = some_policies(tmaze(), 6, 3)
    task = Scoring(Problem("scoring", tmaze(), 3, policies=policies).to_json())
    found = task.run(task.fresh())
    assert found.policies.tolist() == policies[..., 0].tolist()


def test_unread_starts_anew() -> None:
    belief = Updating(Problem("updating", grid(3)).to_json()).start()
    _ = belief.marginals
    again = unread(belief)
    assert "marginals" in vars(belief)
    assert "marginals" not in vars(again)
    torch.testing.assert_close(again.probs, belief.probs)
