"""Chains on their way: interrupted anywhere, they arrive where they would have."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pyro_activeinf.behavior.engines.base import Keeping
from pyro_activeinf.behavior.engines.chain import Chain, Plan
from pyro_activeinf.behavior.engines.journey import Journey
from pyro_activeinf.behavior.engines.metric import Array, Dense, Diagonal, Metric

Answer = Callable[[Array], tuple[Array, Array]]
PLAN = Plan(draws=12, warmup=40, target_accept=0.8, max_depth=5)
METRICS = {"diagonal": Diagonal(np.ones(2)), "dense": Dense(np.eye(2))}


def bent(points: Array) -> tuple[Array, Array]:
    """A density that is no normal one."""
    x, y = points.T
    gradients = np.stack([-(x**3) + 0.5 * y, 0.5 * x - y], -1)
    return -(x**4) / 4 - y**2 / 2 + 0.5 * x * y, gradients


class Stopping:
    """Answers that end after some."""

    def __init__(self, count: int, stop: Callable[[], None]) -> None:
        self.left, self.stop = count, stop

    def __call__(self, points: Array) -> tuple[Array, Array]:
        self.left -= 1
        if not self.left:
            self.stop()
        return bent(points)


def killed() -> None:
    raise RuntimeError("killed")


def interrupted() -> None:
    signal.raise_signal(signal.SIGINT)


def journey(
    metric: Metric, answer: Answer = bent, keeping: Keeping | None = None, plan: Plan = PLAN
) -> Journey:
    chains = [
        Chain(plan, np.array([0.3 * i, 1.0]), metric, np.random.default_rng(i)) for i in range(3)
    ]
    return Journey(chains, answer, keeping, {"dim": 2})


def points(found: Journey) -> Array:
    return np.array([chain.points for chain in found.chains])


@pytest.mark.parametrize("count", [1, 2, 30, 77, 150, 200])
@pytest.mark.parametrize("name", METRICS)
def test_a_killed_run_goes_on_with_the_same_numbers(name: str, count: int, tmp_path: Path) -> None:
    metric, path = METRICS[name], tmp_path / "chains.pt"
    whole = journey(metric)
    assert whole.go(progress=False) == PLAN.draws
    with pytest.raises(RuntimeError, match="killed"):
        journey(metric, Stopping(count, killed), Keeping(path, 3, resume=False)).go(progress=False)
    assert path.exists() == (count > 10)

    again = journey(metric, keeping=Keeping(path, 3, resume=True))
    again.go(progress=False)

    np.testing.assert_array_equal(points(again), points(whole))
    for one, other in zip(again.chains, whole.chains, strict=True):
        assert one.facts == other.facts
        assert one.step == other.step
        np.testing.assert_array_equal(one.metric.array, other.metric.array)


def test_an_interrupt_leaves_the_draws_that_all_have(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path / "chains.pt", 1000, resume=True)
    whole, part = journey(METRICS["dense"]), journey(METRICS["dense"], keeping=keeping)
    counted = Stopping(0, killed)
    whole.answer = counted
    whole.go(progress=False)
    part.answer = Stopping(int(-0.9 * counted.left), interrupted)

    with pytest.warns(UserWarning, match=r"interrupted after \d+ of 12 draws"):
        draws = part.go(progress=False)
    assert 0 < draws < PLAN.draws

    again = journey(METRICS["dense"], keeping=keeping)
    assert again.go(progress=False) == PLAN.draws
    np.testing.assert_array_equal(points(again), points(whole))


def test_an_interrupt_before_all_draws_keeps_the_warm_up(tmp_path: Path) -> None:
    path = tmp_path / "chains.pt"
    part = journey(METRICS["dense"], Stopping(20, interrupted), Keeping(path, 1000, resume=False))
    with pytest.raises(KeyboardInterrupt):
        part.go(progress=False)
    assert path.exists()


def test_a_run_that_has_ended_can_get_more_draws(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path / "chains.pt", 1000, resume=True)
    longer = PLAN._replace(draws=20)
    whole = journey(METRICS["diagonal"], plan=longer)
    whole.go(progress=False)
    journey(METRICS["diagonal"], keeping=keeping).go(progress=False)

    again = journey(METRICS["diagonal"], keeping=keeping, plan=longer)
    again.go(progress=False)

    np.testing.assert_array_equal(points(again), points(whole))
    assert journey(METRICS["diagonal"], keeping=keeping).go(progress=False) == PLAN.draws


def test_a_file_of_another_run_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "chains.pt"
    keeping = Keeping(path, 1000, resume=True)
    journey(METRICS["dense"], keeping=keeping).go(progress=False)
    before = path.read_bytes()

    def other(points: Array) -> tuple[Array, Array]:
        log_prob, gradient = bent(points)
        return 2 * log_prob, 2 * gradient

    with pytest.raises(ValueError, match=r"`checkpoint`: .*this model and these choices"):
        journey(METRICS["dense"], other, keeping).go(progress=False)
    with pytest.raises(ValueError, match=r"`checkpoint`: .*'warmup': 50"):
        journey(METRICS["dense"], keeping=keeping, plan=PLAN._replace(warmup=50)).go(progress=False)
    assert path.read_bytes() == before


def test_generators_of_torch_stand_where_they_would(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path / "chains.pt", 1000, resume=True)
    torch.manual_seed(3)
    journey(METRICS["dense"], keeping=keeping).go(progress=False)
    expected = torch.rand(())
    torch.manual_seed(4)
    journey(METRICS["dense"], keeping=keeping).go(progress=False)
    assert torch.equal(torch.rand(()), expected)
