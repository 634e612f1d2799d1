"""Looking back with marginals, against joint states where sites are independent."""

import pytest
import torch

from pyro_activeinf.filters import ExactFilter, FactorizedFilter
from tests.learning.test_factorized_counts import Apart, episode
from tests.oracles import assert_close


@pytest.mark.parametrize("batch", [(), (3,)])
def test_independent_sites_are_smoothed_as_joint_states_are(batch: tuple[int, ...]) -> None:
    model = Apart()
    whole = ExactFilter(model).smooth(*episode(batch))
    apart = FactorizedFilter(model).smooth(*episode(batch))
    for k, site in enumerate(("a", "b")):
        assert_close(apart.probs[k], whole.marginals[site].probs)
    assert_close(apart.free_energy, whole.free_energy)


def test_two_beliefs_are_an_episode_of_two_steps() -> None:
    model = Apart()
    for filter in (ExactFilter(model), FactorizedFilter(model)):
        seen, done = episode()
        first = filter.update(filter.initial(), {name: x[0] for name, x in seen.items()})
        moved = filter.predict(first, done[0])
        second = filter.update(moved, {name: x[1] for name, x in seen.items()})
        two = {name: x[:2] for name, x in seen.items()}
        wanted = filter.smooth(two, done[:1])
        assert_close(
            filter.look_back(first, done[0], second).log_probs.exp(), wanted.log_probs.exp()
        )
        alone = filter.look_back(None, None, first)
        assert_close(alone.log_probs.exp(), first.log_probs.exp().unsqueeze(0))


@pytest.mark.parametrize("kind", [ExactFilter, FactorizedFilter])
def test_what_is_no_belief_is_refused(kind: type) -> None:
    filter = kind(Apart())
    belief = filter.initial()
    for before, after in ((None, 3), (3, belief), (belief, 3)):
        with pytest.raises(TypeError, match="`belief`: expected a"):
            filter.look_back(before, torch.tensor([0, 0]), after)
    with pytest.raises(TypeError, match="`observations`: expected a dict"):
        filter.smooth(3)
    with pytest.raises(ValueError, match="`first`: expected numbers"):
        filter.smooth({"first": "x"})


@pytest.mark.parametrize("kind", [ExactFilter, FactorizedFilter])
def test_a_model_and_a_rule_of_novelty_are_asked_for(kind: type) -> None:
    with pytest.raises(TypeError, match="`model`: expected a model"):
        kind(3)
    with pytest.raises(TypeError, match="`novelty`: expected"):
        kind(Apart(), novelty="x")
