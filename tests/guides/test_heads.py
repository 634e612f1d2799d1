"""Heads: the distributions that features lead to, in the order of the sites."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.flows import NormalizingFlow
from pyro_activeinf.guides.heads import FlowHead, Head, heads
from pyro_activeinf.guides.sites import Quantity, quantity

WIDTH = 5


def kinds() -> list[Quantity]:
    """A choice of three, a vector of two numbers, a positive number."""
    fns: dict[str, Any] = {
        "mode": dist.Categorical(torch.ones(3)),
        "place": dist.Normal(torch.zeros(2), 1.0).to_event(1),
        "speed": dist.LogNormal(0.0, 1.0),
    }
    return [quantity(name, fn) for name, fn in fns.items()]


def moved(flow: NormalizingFlow) -> NormalizingFlow:
    """A flow that is not near the identity."""
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return flow


def test_a_head_is_linear_in_the_features() -> None:
    mode, place, _ = kinds()
    features = torch.randn(4, WIDTH)
    head = Head(mode, WIDTH)
    rows = features @ head.linear.weight.T + head.linear.bias
    assert torch.allclose(head(features).probs, rows.softmax(-1))
    head = Head(place, WIDTH)
    rows = features @ head.linear.weight.T + head.linear.bias
    found = head(features)
    assert torch.allclose(found.mean, rows[:, :2])
    assert torch.allclose(found.stddev, (1 + rows[:, 2:].exp()).log() + 1e-4)
    assert (found.batch_shape, found.event_shape) == ((4,), (2,))


def test_a_flow_head_is_a_gaussian_carried_by_the_flow() -> None:
    flow = moved(NormalizingFlow(2, 2, "affine_coupling"))
    head, features = FlowHead(kinds()[1], WIDTH, flow), torch.randn(4, WIDTH)
    gaussian, z = head.base(features), torch.randn(4, 2)
    x, log_det = flow(z)
    assert torch.allclose(head(features).log_prob(x), gaussian.log_prob(z) - log_det)


def test_a_conditional_flow_reads_the_features() -> None:
    flow = moved(NormalizingFlow(2, 2, "affine_coupling", context_dim=3))
    head, features = FlowHead(kinds()[1], WIDTH, flow), torch.randn(4, WIDTH)
    assert head.context is not None
    z = torch.randn(4, 2)
    x, log_det = flow.condition(head.context(features)).forward(z)
    assert torch.allclose(head(features).log_prob(x), head.base(features).log_prob(z) - log_det)
    other = head(torch.randn(4, WIDTH))
    assert not torch.allclose(other.log_prob(x), head(features).log_prob(x))


def test_each_head_is_given_the_sites_before_it_as_well() -> None:
    found: Any = heads(kinds(), WIDTH, None)
    assert [head.linear.in_features for head in found] == [WIDTH, WIDTH + 3, WIDTH + 3 + 2]
    assert [head.kind.name for head in found] == ["mode", "place", "speed"]


def test_the_flow_goes_to_the_one_vector_without_bounds() -> None:
    found = heads(kinds(), WIDTH, NormalizingFlow(2, 1))
    assert [type(head) for head in found] == [Head, FlowHead, Head]


@pytest.mark.parametrize(
    ("names", "got"),
    [
        (["mode", "speed"], "got no real site"),
        (["place", "place"], r"got \{'place': \(2,\)\}"),
    ],
    ids=["none", "two"],
)
def test_a_flow_for_no_site_or_for_two(names: list[str], got: str) -> None:
    by_name = {kind.name: kind for kind in kinds()}
    with pytest.raises(ValueError, match=rf"`flow`: expected one real state site.*{got}"):
        heads([by_name[name] for name in names], WIDTH, NormalizingFlow(2, 1))
