"""What engines find."""

from __future__ import annotations

import torch

from pyro_activeinf.behavior.engines import Found


def test_the_evidence_is_the_mean_of_weights() -> None:
    weights = torch.rand(50, 3)

    found = Found(torch.zeros(1, 50, 3), log_weights=weights.log() + 700.0)

    assert found.log_evidence is not None
    torch.testing.assert_close(found.log_evidence, weights.mean(0).log() + 700.0)


def test_without_weights_there_is_none() -> None:
    assert Found(torch.zeros(1, 5, 2)).log_evidence is None
