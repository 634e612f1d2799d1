"""The belief over a joint state."""

import pytest
import torch

from pyro_activeinf.compile import Site
from pyro_activeinf.filters import JointBelief

SITES = (Site("a", torch.arange(2)), Site("b", torch.tensor([1.0, 2.5, 4.0])))
JOINT = torch.tensor([[0.1, 0.0, 0.2], [0.3, 0.4, 0.0]])


@pytest.mark.parametrize(
    "belief",
    [
        JointBelief(2, SITES, probs_=JOINT.reshape(-1).double()),
        JointBelief(2, SITES, log_probs_=JOINT.reshape(-1).double().log()),
    ],
    ids=["probs", "log_probs"],
)
def test_marginals_and_samples_of_either_form(belief: JointBelief) -> None:
    torch.testing.assert_close(belief.marginals["a"].probs, JOINT.double().sum(1))
    torch.testing.assert_close(belief.marginals["b"].probs, JOINT.double().sum(0))
    assert belief.log_probs[1] == -torch.inf
    drawn = belief.sample((50, 40))
    assert drawn["b"].shape == (50, 40)
    pairs = {
        (a, b)
        for a, b in zip(drawn["a"].flatten().tolist(), drawn["b"].flatten().tolist(), strict=True)
    }
    assert pairs == {(0, 1.0), (0, 4.0), (1, 1.0), (1, 2.5)}


def test_a_belief_without_evidence_has_no_free_energy() -> None:
    belief = JointBelief(0, SITES, probs_=torch.ones(3, 6) / 6)
    assert belief.free_energy.tolist() == belief.terms.total.tolist() == [0.0] * 3
