"""Plain variational free energy plans: against enumeration, with either kind of future."""

import math

import pyro
import pytest
import torch
from pyro.infer import SVI, TraceEnum_ELBO
from torch import Tensor

from pyro_activeinf.filters import ExactFilter, FactorizedFilter, JointBelief
from pyro_activeinf.free_energy import VariationalFreeEnergy
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning import (
    Augmented,
    EpistemicPriors,
    FreeGuide,
    OpenLoop,
    PredictiveGuide,
)
from tests.planning.test_natural import habitual
from tests.planning.worlds import Tiger


def maze(validity: float = 0.9) -> tuple[ExactFilter, JointBelief]:
    exact = ExactFilter(TMaze(validity))
    return exact, exact.update(exact.initial(), {"position": 0, "reward": 0})


def close(actual: Tensor, expected: Tensor, atol: float = 1e-9) -> None:
    torch.testing.assert_close(actual, expected, atol=atol, rtol=0)


def entropy(probs: Tensor) -> Tensor:
    return torch.special.entr(probs).sum()


def test_free_energy_is_expected_free_energy_and_complexity() -> None:
    """For any q(u), by Pyro's own ELBO and by ours."""
    exact, start = maze()
    scored = OpenLoop(2)(exact, start)
    plan = Augmented(exact, start, OpenLoop(2))
    with torch.no_grad():
        plan.guide.logits.copy_(torch.randn(16))
    log_q = plan.guide.logits.log_softmax(-1)
    q = log_q.exp()
    expected = (q * (scored.expected_free_energy + log_q + math.log(16))).sum()
    close(plan.free_energy(plan.guide), expected)
    elbo = VariationalFreeEnergy(TraceEnum_ELBO(max_plate_nesting=0))
    close(torch.tensor(elbo.loss(plan.model, plan.guide)), expected)


@pytest.mark.parametrize("world", [TMaze, Tiger, habitual])
def test_plans_as_by_expected_free_energy(world: type) -> None:
    exact = ExactFilter(world())
    belief = exact.initial((2,))
    found = EpistemicPriors(2)(exact, belief)
    expected = OpenLoop(2, precision=1.0)(exact, belief)
    close(found.probs, expected.probs)
    close(found.action_probs, expected.action_probs)


def test_plain_svi_plans() -> None:
    exact, start = maze()
    plan = Augmented(exact, start, OpenLoop(2))
    elbo = TraceEnum_ELBO(max_plate_nesting=0)
    svi = SVI(plan.model, plan.guide, pyro.optim.Adam({"lr": 0.2}), elbo)
    for _ in range(35):
        svi.step()
    expected = OpenLoop(2, precision=1.0)(exact, start).probs
    close(plan.guide.logits.softmax(-1), expected, atol=5e-3)


class Oracle:
    """What follows a policy of two steps, written out: context, then what the arms hold."""

    def __init__(self, policy: Tensor, validity: float) -> None:
        self.model = TMaze(validity)
        path, at = [], 0
        for action in policy.tolist():
            at = at if at in {1, 2} else action
            path.append(at)
        each = [self.model.outcome[:, at] for at in path]  # (context, reward)
        self.joint = 0.5 * each[0][:, :, None] * each[1][:, None, :]  # (context, reward, reward)
        self.told = [at == 3 for at in path]  # the cue shows the context

    def fixed_point(self) -> float:
        """log of p~(u) Z(u), with entropies under the bent future; by iteration."""
        preference = self.model.preference
        ambiguity = self.ambiguity(torch.zeros(3))
        shown = self.shown(self.joint)
        for _ in range(100):
            tilt = preference[:, None] + preference - ambiguity[0][:, None, None]
            bent = self.joint * (tilt - ambiguity[1][:, None, None]).exp()
            value = shown + bent.sum().log()
            ambiguity, shown = self.ambiguity(preference), self.shown(bent / bent.sum())
        return value.item()

    def ambiguity(self, preference: Tensor) -> list[Tensor]:
        """H[q(o|s)] of either step, (context,)."""
        found = []
        for dim in (2, 1):
            likelihood = self.joint.sum(dim) * 2
            tilted = likelihood * preference.exp()
            tilted = tilted / tilted.sum(-1, keepdim=True)
            found.append(torch.special.entr(tilted).sum(-1))
        return found

    def shown(self, joint: Tensor) -> Tensor:
        """H[q(o|u)] of both steps: the reward, and the context where the cue tells."""
        total = torch.zeros(())
        for told, dim in zip(self.told, (2, 1), strict=True):
            rows = joint.sum(dim)
            total = total + entropy(rows if told else rows.sum(0))
        return total


def test_free_futures_are_marginal_inference_in_the_augmented_model() -> None:
    exact, start = maze()
    found = EpistemicPriors(2, guide=FreeGuide)(exact, start)
    each = torch.tensor([Oracle(policy, 0.9).fixed_point() for policy in found.policies])
    close(found.probs, each.softmax(-1), atol=1e-7)


def test_free_futures_hope_where_predicted_ones_look_first() -> None:
    exact, start = maze()
    hopeful = EpistemicPriors(2, guide=FreeGuide)(exact, start).action_probs
    careful = EpistemicPriors(2, guide=PredictiveGuide)(exact, start).action_probs
    assert hopeful[1:3].sum() > 0.9  # an arm at once, as if its reward could be chosen
    assert hopeful[3] < 0.05
    assert careful[3] > hopeful[3]


def test_refreshed_priors_are_the_entropies_of_the_guide() -> None:
    exact, start = maze()
    plan = Augmented(exact, start, OpenLoop(2))
    predicted = OpenLoop(2)(exact, start).per_step.outcome_entropy
    plan.refresh(plan.free_guide)
    assert plan.bent
    assert (plan.outcome_entropy < predicted - 0.1).any()
    plan.refresh(plan.guide)
    assert not plan.bent
    close(plan.outcome_entropy, predicted)


def test_refuses_other_filters_and_batches() -> None:
    with pytest.raises(TypeError, match="`guide`"):
        EpistemicPriors(1, guide="free")  # type: ignore[arg-type]
    factorized = FactorizedFilter(TMaze())
    with pytest.raises(ValueError, match="OpenLoop plans by the same"):
        EpistemicPriors(1)(factorized, factorized.initial())
    exact, _ = maze()
    with pytest.raises(ValueError, match="a batch of shape"):
        Augmented(exact, exact.initial((2,)), OpenLoop(1))
