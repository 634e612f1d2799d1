"""A joint distribution that is sampled site by site is the joint distribution."""

from __future__ import annotations

import itertools

import torch
from pyro import poutine

from pyro_activeinf.compile import Site
from pyro_activeinf.guides._chain import sample_chain

SITES = [Site("a", torch.arange(2)), Site("b", torch.eye(3)), Site("c", torch.arange(2.0))]


def test_the_product_of_the_factors_is_the_joint() -> None:
    log_joint = torch.randn(4, 12).log_softmax(-1)
    sizes = [site.size for site in SITES]
    for i, index in enumerate(itertools.product(*map(range, sizes))):
        values = {
            s.name: s.support[j].expand(4, *s.support.shape[1:])
            for s, j in zip(SITES, index, strict=True)
        }
        chain = poutine.trace(poutine.condition(sample_chain, data=values))
        trace = chain.get_trace(SITES, log_joint, ["a", "b", "c"])
        trace.compute_log_prob()
        total = sum(trace.nodes[name]["unscaled_log_prob"] for name in "abc")
        assert torch.allclose(total, log_joint[:, i])
        assert trace.nodes["_RETURN"]["value"][1].tolist() == [i] * 4


def test_batches_of_samples_and_of_tables_broadcast() -> None:
    log_joint = torch.randn(4, 12).log_softmax(-1)
    data = {"a": torch.randint(2, (5, 1)), "b": torch.eye(3)[torch.randint(3, (5, 4))]}
    values, joint = poutine.condition(sample_chain, data=data)(SITES, log_joint, ["a", "b", "c"])
    assert values["c"].shape == (5, 4)
    assert joint.shape == (5, 4)


def test_a_certain_site_is_not_sampled() -> None:
    log_joint = torch.full((12,), -torch.inf)
    log_joint[[1, 9]] = torch.tensor([0.25, 0.75]).log()  # (0, 0, 1) and (1, 1, 1)
    for _ in range(10):
        values, joint = sample_chain(SITES, log_joint, ["a"])
        assert list(values) == ["a"]
        assert joint.item() == [1, 9][int(values["a"])]
