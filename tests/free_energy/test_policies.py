"""Against planners that score the same policies in another way."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pyro_activeinf.filters import ExactFilter, FactorizedFilter
from pyro_activeinf.filters.base import PolicyScoring
from pyro_activeinf.free_energy import score_policies
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning import OpenLoop
from pyro_activeinf.records import Belief, ExpectedFreeEnergyTerms


@pytest.fixture(params=[ExactFilter, FactorizedFilter])
def carrier(request: pytest.FixtureRequest) -> Any:
    return request.param(TMaze())


def start(carrier: Any, batch: tuple[int, ...] = ()) -> Belief:
    return carrier.update(carrier.initial(batch), {"position": 0, "reward": 0})


def test_as_a_planner_that_goes_prefix_by_prefix(carrier: Any) -> None:
    plan = OpenLoop(horizon=3)(carrier, start(carrier))
    terms = score_policies(carrier, start(carrier), plan.policies)
    torch.testing.assert_close(terms.values, plan.per_step.values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_policies_for_each_member_of_a_batch(carrier: Any, batch: tuple[int, ...]) -> None:
    belief = start(carrier, batch)
    shared = torch.tensor([[3, 1], [1, 2], [0, 0]])
    together = score_policies(carrier, belief, shared)
    apart = score_policies(carrier, belief, shared.expand(*batch, 3, 2))
    assert together.total.shape == (*batch, 3, 2)
    torch.testing.assert_close(together.values, apart.values, rtol=0, atol=1e-12)


def test_chunks_do_not_change_the_scores(carrier: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    belief = start(carrier, (2,))
    policies = torch.cartesian_prod(torch.arange(4), torch.arange(4))
    sizes: list[torch.Size] = []
    predict = carrier.predict

    def watched(current: Belief, action: torch.Tensor) -> Belief:
        sizes.append(action.shape)
        return predict(current, action)

    monkeypatch.setattr(carrier, "predict", watched)
    whole = score_policies(carrier, belief, policies)
    assert sizes == [(16,)] * 2
    sizes.clear()
    chunked = score_policies(carrier, belief, policies, 2 * 5 * carrier.scoring_bytes)
    assert sizes == [(5,)] * 6 + [(1,)] * 2
    torch.testing.assert_close(whole.values, chunked.values, rtol=0, atol=1e-12)


def test_a_filter_that_scores_policies_by_itself_does_so() -> None:
    class Quick(ExactFilter, PolicyScoring):
        def score(self, belief: Belief, policies: torch.Tensor) -> ExpectedFreeEnergyTerms:
            return ExpectedFreeEnergyTerms(torch.ones(*policies.shape, 4, 3), ("a", "b"))

    terms = score_policies(quick := Quick(TMaze()), start(quick), torch.tensor([[1, 2]]))
    assert terms.sites == ("a", "b")
    assert terms.novelty.tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize(
    ("policies", "batch", "message"),
    [
        (torch.zeros(2, dtype=torch.long), (), r"`policies`: expected shape \(policies, time\)"),
        (torch.zeros(0, 2, dtype=torch.long), (), r"`policies`: expected shape"),
        (torch.zeros(4, 2, 2, dtype=torch.long), (3,), "batch dims"),
        (torch.zeros(4, 2, 2, dtype=torch.long), (), "`policies`: expected batch dims"),
        ("left", (), "`policies`: expected numbers"),
    ],
)
def test_policies_that_do_not_fit(policies: Any, batch: tuple[int, ...], message: str) -> None:
    carrier = ExactFilter(TMaze())
    with pytest.raises(ValueError, match=message):
        score_policies(carrier, start(carrier, batch), policies)


def test_a_model_is_no_filter() -> None:
    maze, policies = TMaze(), torch.zeros(1, 1, dtype=torch.long)
    belief = ExactFilter(maze).initial()
    with pytest.raises(TypeError, match=r"`filter, belief`.*TMaze.*filters.auto"):
        score_policies(maze, belief, policies)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="None"):
        score_policies(ExactFilter(maze), None, policies)  # type: ignore[arg-type]
