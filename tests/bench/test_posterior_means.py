"""Message passing beside NUTS, with few samples."""

import torch

from pyro_activeinf.bench.posterior_means import passed_on, relevance, sampled


def test_both_look_at_the_same_posterior() -> None:
    design = torch.randn(50, 1)
    y = 2.0 * design[:, 0] + 0.1 * torch.randn(50)
    ours = passed_on(relevance, design, y)
    start = {name: ours[name].mean for name in ("weights", "scale", "noise")}
    drawn = sampled(relevance, (design, y), 20, start)
    assert (drawn["weights"].mean(0) - ours["weights"].mean).abs() < 0.05
