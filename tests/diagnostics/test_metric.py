"""The condition of a metric along a run."""

from __future__ import annotations

import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.diagnostics import metric_condition
from pyro_activeinf.geometry import StatisticalManifold


def test_numbers() -> None:
    found = metric_condition(torch.stack([torch.eye(2), torch.diag(torch.tensor([1.0, 4.0]))]))
    assert found.condition.tolist() == [1.0, 4.0]
    assert found.scaled.tolist() == pytest.approx([1.0, 1.0])
    assert found.rank.tolist() == [2, 2]
    assert "well conditioned" in found.advice
    assert "condition up to 4" in str(found)


@pytest.mark.parametrize(
    ("correlation", "words"),
    [
        (0.9, "well"),
        (1 - 1e-5, "correlated"),
        (1 - 1e-10, "nearly degenerate"),
        (1.0, "directions"),
    ],
)
def test_advice(correlation: float, words: str) -> None:
    metric = torch.tensor([[1.0, correlation], [correlation, 1.0]])
    found = metric_condition(torch.stack([torch.eye(2), metric, torch.eye(2)]))
    assert words in found.advice
    assert found.worst == 1
    assert found.degenerate == (correlation == 1.0)


def test_scales_alone_are_told() -> None:
    found = metric_condition(torch.diag(torch.tensor([1.0, 1e6])))
    assert "scale only" in found.advice


def test_a_direction_without_information() -> None:
    found = metric_condition(torch.diag(torch.tensor([1.0, 0.0])))
    assert found.degenerate
    assert found.condition.item() == torch.inf


def test_along_a_path_on_a_manifold() -> None:
    beliefs = dist.Gamma(torch.tensor([1.0, 1e4]), 1.0)
    found = metric_condition(StatisticalManifold(dist.Gamma), beliefs)
    assert found.worst == 1
    assert found.scaled[1] > 1e3


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="`path`"):
        metric_condition(StatisticalManifold(dist.Gamma))
    with pytest.raises(ValueError, match="`metric`"):
        metric_condition(torch.ones(2, 3))
    with pytest.raises(ValueError, match="finite"):
        metric_condition(torch.full((2, 2), torch.nan))
    with pytest.raises(TypeError, match="`metric`"):
        metric_condition([[1.0]])  # type: ignore[arg-type]


def test_a_run_may_be_a_list_of_beliefs() -> None:
    beliefs = [dist.Normal(0.0, 1.0), dist.Normal(0.0, 0.1)]
    together = dist.Normal(torch.zeros(2), torch.tensor([1.0, 0.1]))
    space = StatisticalManifold(dist.Normal)
    found, expected = (metric_condition(space, run) for run in (beliefs, together))
    assert torch.equal(found.condition, expected.condition)
