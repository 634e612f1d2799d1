"""Hypotheses about the first state, and the evidence for each."""

import pytest
import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.filters.exact_context import ExactContext, JointLink
from pyro_activeinf.models import TMaze


def test_a_message_filters_forward_and_smooths_back() -> None:
    filter = ExactFilter(TMaze())
    context = ExactContext(filter, ["context"])
    message = context.start()
    belief = filter.initial()
    steps = [({"position": 0, "reward": 0}, 1), ({"position": 1, "reward": 2}, None)]
    surprise = 0.0
    for observation, action in steps:
        message = context.see(message, sum(filter.log_likelihoods(observation).values()))
        belief = filter.update(belief, observation)
        surprise += float(belief.free_energy)
        found = context.belief(message, torch.tensor([0.5, 0.5]).log(), belief.step)
        torch.testing.assert_close(found.probs, belief.probs)
        if action is not None:
            message, belief = context.move(message, action), filter.predict(belief, action)
    evidence = context.evidence(message).exp()
    assert float(evidence.mean().log()) == pytest.approx(-surprise, abs=1e-6)
    posterior = belief.marginals["context"].probs  # the context stays
    torch.testing.assert_close(evidence / evidence.sum(), posterior)


def test_several_sites_are_set_together_in_the_order_of_their_names() -> None:
    context = ExactContext(ExactFilter(TMaze()), ["location", "context"])
    assert context.size == 8
    start = context.start((2,)).exp()
    assert start.shape == (2, 8, 8)
    # location 1, context 0 is value 2 there; the filter's own states are (context, location)
    assert start[0, 2].nonzero().tolist() == [[1]]


def test_down_and_up_are_transposes() -> None:
    filter = ExactFilter(TMaze())
    link = JointLink(filter, ["reward"])
    belief = filter.predict(filter.initial((3,)), torch.tensor([0, 1, 3]))
    evidence = torch.rand(3, 3).log()
    forth = (link.down(belief) + evidence).logsumexp(-1)
    back = (belief.log_probs + link.up(evidence)).logsumexp(-1)
    torch.testing.assert_close(forth, back)


def test_what_cannot_be_is_refused() -> None:
    filter = ExactFilter(TMaze())
    context = ExactContext(filter, ["context"])
    seen = sum(filter.log_likelihoods({"position": 1}).values())
    with pytest.raises(ValueError, match="what the level above predicts"):
        context.belief(context.see(context.start(), seen), torch.zeros(2), 0)
    with pytest.raises(ValueError, match="`sites`"):
        ExactContext(filter, ["door"])
