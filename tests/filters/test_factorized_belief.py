"""The belief that is a product of marginals."""

import torch

from pyro_activeinf.compile import Site
from pyro_activeinf.filters import FactorizedBelief, JointBelief
from tests.bridge import as_array
from tests.oracles import assert_close

SITES = (Site("a", torch.arange(2)), Site("b", torch.tensor([1.0, 2.5, 4.0])))
PROBS = torch.tensor([0.3, 0.7, 0.2, 0.0, 0.8], dtype=torch.float64)


def test_marginals_and_samples() -> None:
    belief = FactorizedBelief(2, SITES, PROBS.log())
    assert_close(as_array(belief.marginals["a"].probs), [0.3, 0.7])
    assert_close(as_array(belief.marginals["b"].probs), [0.2, 0.0, 0.8])
    drawn = belief.sample((50, 40))
    assert drawn["b"].shape == (50, 40)
    assert set(drawn["b"].flatten().tolist()) == {1.0, 4.0}
    together = (drawn["a"] == 1) & (drawn["b"] == 4.0)
    assert abs(float(together.double().mean()) - 0.56) < 0.04


def test_products_are_those_of_a_joint_belief() -> None:
    belief = FactorizedBelief(0, SITES, PROBS.log().expand(3, 5))
    joint = JointBelief(0, SITES, probs_=belief.product([0, 1]))
    for name, marginal in belief.marginals.items():
        assert_close(as_array(joint.marginals[name].probs), as_array(marginal.probs))
    assert_close(as_array(belief.log_product([0, 1]).exp()), as_array(joint.probs))
    assert belief.product([]).tolist() == [[1.0]] * 3
    assert belief.log_product([]).tolist() == [[0.0]] * 3


def test_a_belief_without_evidence_has_no_free_energy() -> None:
    belief = FactorizedBelief(0, SITES, PROBS.log().expand(3, 5))
    assert belief.free_energy.tolist() == belief.terms.total.tolist() == [0.0] * 3
    assert belief.trace.shape == (3, 0)
    assert belief.sweeps.tolist() == [0, 0, 0]
